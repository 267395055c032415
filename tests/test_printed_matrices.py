"""Rules that sum along rows and columns are printed, for matrices and vectors: NumPy's bits."""

from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import printed_matrices
import printed_runs
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from printed_runs import HYPER
from programs import needed
from test_printed_trees import VALUES, array

from wdref.backends.printers.listing import listing
from wdref.backends.printers.printing import PRINTERS, print_rule
from wdref.conventions import CONVENTIONS
from wdref.rules.adafactor.dialect import AdafactorDialect
from wdref.rules.choice import quotient, root
from wdref.sums import Count, Sum


class SlicedScalars(NamedTuple):
    """Of `Sliced`."""

    step: Any = None


@dataclass(frozen=True)
class Sliced:
    """No optimizer: every kind of sum that a matrix has, where terms may cancel."""

    family = "sgd"
    hyper = ("learning_rate",)
    slots = ("c", "r", "v", "w")
    shapes = ("column", "row", "vector", "scalar")
    scope = "tensor"
    form = order = "none"
    mean: bool = True

    def scalars(self, h, t, eta, *, before=None, sqrt=None):
        return SlicedScalars(step=eta * h["learning_rate"])

    def starts(self, h):
        return (0.0, 0.0, 0.0, 0.0)

    def recurrence(self):
        return ("θ ← sums of everything",)

    def rounds(self, theta, g, slots, s):
        c, r, v, w = slots
        if r.shape[-1:] != (1,):
            (total,) = yield (Sum(g),)
            w = w + total
            return theta - (s.step * w) * g, (c, r, v - g, w)
        of_rows, of_g, wide = yield Sum(theta * g, "rows"), Sum(g, "rows"), Count(g, "rows")
        (of_columns,) = yield (Sum(theta * g, "columns"),)
        r = s.step * r + of_rows / wide - of_g
        c = c - s.step * (of_columns / g.shape[-2])
        down, across = yield Sum(r, "columns"), Sum(c * c, "rows")
        alone, total, each = yield Sum(r), Sum(down * across), Sum(c - down)
        w = w * w + root(quotient(alone * alone, 1.0 + total * total)) + each
        (last,) = yield (Sum((r - down) * g),)
        return theta - (s.step * last) * (r + c / across), (c, r, v, w)


ADAFACTOR = [d for d in AdafactorDialect.every() if d.factored == "matrices"]
SHIPPED = [d for rules in CONVENTIONS.values() for d in rules.values()
           if d.family == "adafactor" and d.factored == "matrices"]  # fmt: skip
DIALECTS = list(dict.fromkeys([*SHIPPED, *ADAFACTOR[:: len(ADAFACTOR) // 12], Sliced()]))
PROGRAMS = [printed_runs.Program(f"rule{i}", listing(d, dtype))
            for i, (d, dtype) in enumerate(product(DIALECTS, printed_runs.C))]  # fmt: skip
SHAPES = ((), (1,), (7,), (0,), (2, 3), (1, 1), (5, 1), (1, 4), (0, 3), (3, 0), (2, 0, 2),
          (0, 2, 3), (2, 3, 5), (2, 1, 3, 4))  # fmt: skip
anything = given(st.sampled_from(PROGRAMS), st.sampled_from(SHAPES), st.integers(0, 2**32),
                 st.sampled_from([1, 2, 1000]), st.sampled_from(VALUES))  # fmt: skip


def job(program, shape, seed, t, values):
    rng = np.random.default_rng([seed, t])
    own, dtype = program.listing, program.listing.dtype
    places = printed_matrices.shapes(own.dialect, shape)
    arrays = {x: array(rng, place, dtype, values) for x, place in places.items()}
    hyper = {key: float(value * rng.uniform(0.5, 1.01)) for key, value in HYPER.items()}
    times = {"t": t, "eta": rng.uniform(), "eta_before": rng.uniform()}
    return printed_matrices.Job(program, arrays, hyper, times)


def check(result, own, same_bits):
    try:
        want = own.expected()
    except OverflowError:  # a sum beyond the range, of terms within it
        assume(False)
    for x in own.listing.fields:
        same_bits(result[x], want[x])


@pytest.fixture(scope="module")
def in_c(tmp_path_factory):
    return printed_runs.compile_c(PROGRAMS, tmp_path_factory.mktemp("c"), needed("cc"))


@pytest.fixture(scope="module")
def in_rust(tmp_path_factory):
    needed("rustc")
    return printed_matrices.compile_rust(PROGRAMS, tmp_path_factory.mktemp("rust"))


@anything
def test_c(in_c, same_bits, program, shape, seed, t, values):
    own = job(program, shape, seed, t, values)
    check(printed_matrices.call(in_c, own), own, same_bits)


@anything
def test_rust(in_rust, same_bits, program, shape, seed, t, values):
    own = job(program, shape, seed, t, values)
    check(printed_matrices.call(in_rust, own), own, same_bits)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_program_in_c(in_c, same_bits, shape):
    for i, program in enumerate(PROGRAMS):
        for t, values in product((1, 57), VALUES):
            own = job(program, shape, i, t, values)
            check(printed_matrices.call(in_c, own), own, same_bits)


def test_javascript(tmp_path, same_bits):
    """At t = 1 and where t^-p is a power of 2: of others each engine's last bit is its own."""
    needed("node")
    jobs = []
    for (i, program), shape in product(enumerate(PROGRAMS), SHAPES):
        for (t, power), values in zip(((1, 0.3), (4, 0.5), (16, 0.25)), VALUES, strict=True):
            own = job(program, shape, i, t, values)
            jobs.append(own._replace(hyper={**own.hyper, "power": power}))
    for own, result in zip(jobs, printed_matrices.run_node(jobs, tmp_path), strict=True):
        check(result, own, same_bits)


def test_a_row_of_what_cancels_is_summed_exactly(in_c, same_bits):
    """1e8 - 1e8 + 1: any other sum in float32, or in float64 for 1e16, loses the 1."""
    program = next(p for p in PROGRAMS if p.listing.dialect == Sliced())
    own = job(program, (2, 3), 0, 1, "usual")
    big = 1e8 if program.listing.dtype == "float32" else 1e16
    g = np.array([[big, 1.0, -big], [-big, 2.0, big]], own.listing.dtype)
    arrays = {**own.arrays, "g": g, "theta": np.ones_like(g), "r": np.zeros((2, 1), g.dtype)}
    own = own._replace(arrays=arrays)
    result = printed_matrices.call(in_c, own)
    check(result, own, same_bits)
    third = np.array([1.0, 2.0], g.dtype) / 3
    same_bits(result["r"], (third - np.array([1.0, 2.0], g.dtype)).astype(g.dtype))


@pytest.mark.parametrize("language", sorted(PRINTERS))
def test_its_functions_are_named(language):
    text = print_rule("adafactor", language)
    if language == "latex":
        assert r"R_t &=" in text
        assert r"\frac{\Sigma_{2}}{m}" in text
    else:
        said = text.replace("\n * ", " ").replace("\n// ", " ")
        assert "(r) has a number a row and (c) one a column. adafactor_vector steps the" in said
        assert "The slots (r, c, v) begin as zeros." in said


@pytest.mark.parametrize("language", sorted(PRINTERS))
def test_what_is_factored_nowhere_is_one_function(language):
    text = print_rule("adafactor[factored=never]", language)
    assert "_vector" not in text
    assert "rows" not in text


def asked(slots, kinds, steps):
    """A rule that is a mistake."""

    @dataclass(frozen=True)
    class Wrong(Sliced):
        def rounds(self, theta, g, given, s):
            if getattr(given[0], "shape", (1,))[-1:] != (1,):
                (total,) = yield (Sum(g),)
                return theta - total * g, tuple(given)
            return (yield from steps(theta, g, given))

    Wrong.slots, Wrong.shapes = slots, kinds
    return Wrong()


def late(theta, g, slots):
    (r,) = slots
    (rows,) = yield (Sum(g, "rows"),)
    (total,) = yield (Sum(rows + r),)
    return theta - total * r, (rows,)


def lost(theta, g, slots):
    (rows,) = yield (Sum(g, "rows"),)
    return theta - rows, tuple(slots)


def whole(theta, g, slots):
    (total,) = yield (Sum(g, "tree"),)
    return theta - total * g, tuple(slots)


def twice(theta, g, slots):
    (rows,) = yield (Sum(g, "rows"),)
    (again,) = yield (Sum(rows, "rows"),)
    return theta - g, (again,)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (late, "the r before the step is read after it is written"),
        (lost, "a sum along rows or columns that no slot keeps: not traced"),
        (whole, "sums over tree are no part of a program of rows and columns"),
        (twice, "a row summed along rows: not traced"),
    ],
)
def test_what_no_pass_can_hold_is_refused_in_a_line(steps, message):
    with pytest.raises(ValueError, match=f"^sgd is not printed: {message}$"):
        listing(asked(("r",), ("row",), steps), "float32")
