"""Rules that look at a tree are printed as one function of all its tensors, with NumPy's bits."""

from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import printed_runs
import printed_trees
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from printed_runs import HYPER
from programs import needed

from wdref.backends.printers.expression import ops
from wdref.backends.printers.listing import listing
from wdref.backends.printers.printing import PRINTERS, print_rule
from wdref.conventions import CONVENTIONS
from wdref.dialects import AdamDialect, MomentumDialect
from wdref.rules.choice import larger, quotient
from wdref.rules.registry import families
from wdref.sums import Count, Sum


class MixedScalars(NamedTuple):
    """Of `Mixed`."""

    step: Any = None
    rate: Any = None


@dataclass(frozen=True)
class Mixed:
    """No optimizer: sums of tensors and of the tree in one round, and numbers of both."""

    family = "sgd"
    hyper = ("learning_rate",)
    slots = ("m", "V", "D")
    shapes = ("like", "scalar", "scalar")
    scope = "tree"
    form = order = "none"

    def scalars(self, h, t, eta, *, before=None, sqrt=None):
        return MixedScalars(step=eta * h["learning_rate"], rate=h["learning_rate"])

    def starts(self, h):
        return (0.0, 1.0, 0.5)

    def recurrence(self):
        return ("θ ← sums of everything",)

    def rounds(self, theta, g, slots, s):
        m, v, d = slots
        total, n = yield Sum(g, "tree"), Count(g, "tree")
        off = theta - quotient(total, n)
        inner, size, own = yield Sum(theta * g), Sum(abs(off), "tree"), Count(g)
        v = v + s.rate * quotient(inner, own)
        (pull,) = yield (Sum(v * m, "tree"),)
        d = larger(d, quotient(pull, size))
        m = m + s.step * g
        return theta - (s.step * d) * (v * m), (m, v, d)


CLIPPED = [
    AdamDialect("l2", "after", clip="tree"),
    AdamDialect("lr", eps="inside", amsgrad="raw", clip="tree_sum"),
    MomentumDialect("l2", "after", nesterov=True, clip="tree_sum"),
    *(next(iter(family.dialect.every())).answered(clip=clip)
      for family in families().values() for clip in ("tree", "tree_sum")
      if clip in family.dialect.questions().get("clip", ()) and family.name != "madgrad"),
]  # fmt: skip
SHIPPED = [d for rules in CONVENTIONS.values() for d in rules.values() if d.scope == "tree"]
DIALECTS = list(dict.fromkeys([*SHIPPED, *CLIPPED, Mixed()]))
PROGRAMS = [printed_runs.Program(f"rule{i}", listing(d, dtype))
            for i, (d, dtype) in enumerate(product(DIALECTS, printed_runs.C))]  # fmt: skip
SHAPES = ((), (1,), (7,), (0,), (2, 3), (4, 0, 2), (3, 1, 5))
VALUES = ("bits", "usual", "cancelling")
anything = given(st.sampled_from(PROGRAMS), st.integers(0, 2**32), st.sampled_from([1, 2, 1000]),
                 st.sampled_from(VALUES))  # fmt: skip


def array(rng, shape, dtype, values):
    """Any bits, usual numbers, or huge ones that leave a tiny sum."""
    size = int(np.prod(shape))
    if values == "bits":
        return np.frombuffer(rng.bytes(size * np.dtype(dtype).itemsize), dtype).reshape(shape)
    x = rng.normal(size=size)
    if values == "cancelling":
        x[: size // 2] *= 2.0**25
        x[size // 2 : size // 2 * 2] = -x[: size // 2] * (1 + 2.0**-20 * rng.integers(0, 2))
    return x.astype(dtype).reshape(shape)


def job(program, seed, t, values):
    rng = np.random.default_rng([seed, t])
    own, dtype = program.listing, program.listing.dtype
    shapes = [SHAPES[k] for k in rng.integers(0, len(SHAPES), rng.integers(1, 5))]
    tensors = [{x: array(rng, (1,) if x in program.numbers else shape, dtype, values)
                for x in own.fields} for shape in shapes]  # fmt: skip
    shared = {x: array(rng, (1,), dtype, values) for x in own.shared}
    hyper = {key: float(value * rng.uniform(0.5, 1.01)) for key, value in HYPER.items()}
    times = {"t": t, "eta": rng.uniform(), "eta_before": rng.uniform(),
             **{r.name: rng.uniform() for r in own.running}}  # fmt: skip
    return printed_trees.Job(program, tensors, shared, hyper, times)


def check(result, own, same_bits):
    tensors, shared = result
    try:
        want, numbers = own.expected()
    except OverflowError:  # a sum beyond the range, of terms within it
        assume(False)
    for found, right in zip(tensors, want, strict=True):
        for x in own.program.listing.fields:
            same_bits(found[x], right[x])
    for x in own.program.listing.shared:
        same_bits(shared[x], numbers[x])


@pytest.fixture(scope="module")
def in_c(tmp_path_factory):
    return printed_runs.compile_c(PROGRAMS, tmp_path_factory.mktemp("c"), needed("cc"))


@pytest.fixture(scope="module")
def in_rust(tmp_path_factory):
    needed("rustc")
    return printed_trees.compile_rust(PROGRAMS, tmp_path_factory.mktemp("rust"))


@anything
def test_c(in_c, same_bits, program, seed, t, values):
    own = job(program, seed, t, values)
    check(printed_trees.call(in_c, own), own, same_bits)


@anything
def test_rust(in_rust, same_bits, program, seed, t, values):
    own = job(program, seed, t, values)
    check(printed_trees.call(in_rust, own), own, same_bits)


@pytest.mark.parametrize("values", VALUES)
def test_every_program_in_c(in_c, same_bits, values):
    for i, program in enumerate(PROGRAMS):
        for t in (1, 2, 57):
            own = job(program, i, t, values)
            check(printed_trees.call(in_c, own), own, same_bits)


def test_javascript(tmp_path, same_bits):
    needed("node")
    # of a power that is no whole number a browser's last bit is its own
    whole = [p for p in PROGRAMS if not any("real_power" in ops(x) for _, x in p.listing.hosted)]
    jobs = [job(p, i, t, values) for i, p in enumerate(whole)
            for t, values in product((1, 2, 57), VALUES)]  # fmt: skip
    for own, result in zip(jobs, printed_trees.run_node(jobs, tmp_path), strict=True):
        check(result, own, same_bits)


def test_no_tensor_is_a_step_of_nothing(in_c):
    program = next(p for p in PROGRAMS if p.listing.dialect.family == "dog")
    own = job(program, 0, 1, "usual")._replace(tensors=[])
    tensors, shared = printed_trees.call(in_c, own)
    assert tensors == []
    assert shared["G"] == own.shared["G"]


@pytest.mark.parametrize("signs", [(1.0, 1.0), (1.0, 1.0, -1.0)])
def test_what_leaves_the_range_of_float64_is_no_number(in_c, in_rust, tmp_path, signs):
    """Where wdref raises, or has the exact sum of what comes back: docs/print.md says so."""
    needed("node")
    program = next(p for p in PROGRAMS if p.listing.dialect == Mixed()
                   and p.listing.dtype == "float64")  # fmt: skip
    g = 1.7e308 * np.array(signs)
    own = job(program, 0, 1, "usual")
    tensor = {"theta": np.ones_like(g), "g": g, "m": np.ones_like(g), "V": np.ones(1)}
    own = own._replace(tensors=[tensor])
    if sum(signs) > 1.0:
        with pytest.raises(OverflowError, match="beyond the range of float64"):
            own.expected()
    results = [printed_trees.call(in_c, own), printed_trees.call(in_rust, own)]
    for (after,), _ in (*results, *printed_trees.run_node([own], tmp_path)):
        assert np.isnan(after["V"])


@pytest.mark.parametrize("language", sorted(PRINTERS))
def test_a_tree_rule_says_so(language):
    text = print_rule("prodigy", language)
    if language == "latex":
        assert r"\sum_{\text{tree}}" in text
        assert r"\theta_0_" not in text
    else:
        assert "prodigy: one step of all tensors of a tree, in place, in float32." in text
        said = text.replace("\n * ", " ").replace("\n// ", " ")
        assert (
            "but for theta0 (the parameters) and d (distance). The whole tree has one r, one d."
            in said
        )


@pytest.mark.parametrize("language", sorted(PRINTERS))
def test_a_clip_by_each_tensor_s_norm_stays_a_function_of_one(language):
    text = print_rule("adamw[clip=tensor]", language)
    assert "tree" not in text


def test_the_formula_of_a_round_has_its_own_scalars():
    """‖s‖_1 of Prodigy holds √β2 and no β1."""
    (line,) = [
        x for x in print_rule("prodigy", "latex").splitlines() if x.startswith(r"\Sigma_{2}")
    ]
    assert r"\beta_2" in line
    assert r"\beta_1" not in line
