"""Lives in optax: transformations as people write them, right ones and ones that fail in an event.

Each is asked the lives of one dtype and a few cases beside them: XLA compiles for every shape.
"""

import importlib
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest

from wdref.conventions import dialect
from wdref.oracle import Unsupported
from wdref.oracle.cases.life import WORDS
from wdref.oracle.cases.lives import lives
from wdref.oracle.cases.suite import regimes
from wdref.oracle.check.ask import Inquiry
from wdref.oracle.identify.diagnosis import diagnose
from wdref.oracle.judge.verdict import judge
from wdref.oracle.targets.exchange import Result
from wdref.oracle.targets.targets import TargetError, parse_options

jax = pytest.importorskip("jax", reason="the extra `frameworks` installs it")
optax = pytest.importorskip("optax", reason="the extra `frameworks` installs it")
jnp = jax.numpy
BESIDE = ("exaggerated", "first", "sparse")
# what optax has no means for, or has in every case: its schedules are functions of the count
NEVER = {"resume-tensors", "maximize", "added", "scheduler", "complex"}


class State(NamedTuple):
    count: Any
    mu: Any
    nu: Any


def zeros(params, dtype=None):
    return jax.tree.map(lambda p: jnp.zeros_like(p, dtype), params)


def averages(grads, state, b1, b2):
    mu = jax.tree.map(lambda m, g: b1 * m + (1 - b1) * g, state.mu, grads)
    return mu, jax.tree.map(lambda v, g: b2 * v + (1 - b2) * g * g, state.nu, grads)


def corrected(mu, nu, t, b1, b2, eps):
    return jax.tree.map(lambda m, v: m / (1 - b1**t) / (jnp.sqrt(v / (1 - b2**t)) + eps), mu, nu)


def scale_by_averages(b1, b2, eps, *, start=lambda: jnp.zeros((), jnp.int32), one=1, dtype=None):
    def init(params):
        return State(start(), zeros(params, dtype), zeros(params))

    def update(grads, state, params=None):
        mu, nu = averages(grads, state, b1, b2)
        count = state.count + one
        return corrected(mu, nu, count, b1, b2, eps), State(count, mu, nu)

    return optax.GradientTransformation(init, update)


def adamw(scale, *before, **of_scale):
    """A factory of AdamW around `scale`, with what it chains before it."""

    def my_adamw(learning_rate, b1=0.9, b2=0.999, eps=1e-8, weight_decay=1e-4):
        return optax.chain(
            *before,
            scale(b1, b2, eps, **of_scale),
            optax.add_decayed_weights(weight_decay),
            optax.scale_by_learning_rate(learning_rate),
        )

    return my_adamw


class Begun(NamedTuple):
    count: Any
    hyper: Any
    mu: Any
    nu: Any


def scale_by_what_began(b1, b2, eps):
    """The hyperparameters are read in the state, where `init` puts them."""

    def init(params):
        return Begun(jnp.zeros((), jnp.int32), (b1, b2, eps), zeros(params), zeros(params))

    def update(grads, state, params=None):
        count, hyper = state.count + 1, state.hyper
        mu, nu = averages(grads, state, *hyper[:2])
        return corrected(mu, nu, count, *hyper), Begun(count, hyper, mu, nu)

    return optax.GradientTransformation(init, update)


def scale_by_python_count(b1, b2, eps):
    """The count is Python's, not the state's: each object begins with 0, each call counts."""
    steps = []

    def init(params):
        return State((), zeros(params), zeros(params))

    def update(grads, state, params=None):
        steps.append(1)
        mu, nu = averages(grads, state, b1, b2)
        return corrected(mu, nu, len(steps), b1, b2, eps), State((), mu, nu)

    return optax.GradientTransformation(init, update)


def scale_by_first_dtype(b1, b2, eps):
    """All averages have the dtype of the tree's first tensor."""

    def init(params):
        dtype = jax.tree.leaves(params)[0].dtype
        return State(jnp.zeros((), jnp.int32), zeros(params, dtype), zeros(params, dtype))

    def update(grads, state, params=None):
        mu, nu = averages(grads, state, b1, b2)
        mu, nu = (jax.tree.map(lambda x, old: x.astype(old.dtype), new, before)
                  for new, before in ((mu, state.mu), (nu, state.nu)))  # fmt: skip
        return corrected(mu, nu, state.count + 1, b1, b2, eps), State(state.count + 1, mu, nu)

    return optax.GradientTransformation(init, update)


class Hand:
    """A transformation that is a class with `init` and `update`."""

    def __init__(self, learning_rate, b1=0.9, b2=0.999, eps=1e-8, weight_decay=1e-4):
        self.tx = adamw(scale_by_averages)(learning_rate, b1, b2, eps, weight_decay)

    def init(self, params):
        return self.tx.init(params)

    def update(self, grads, state, params=None):
        return self.tx.update(grads, state, params)


def heavy_ball(learning_rate, momentum=0.9):
    """The rate is a number."""
    return optax.chain(optax.trace(momentum), optax.scale(-1.0 * learning_rate))


def careful(learning_rate, momentum=0.9):
    """The rate is a number that is looked at: it cannot be traced."""
    if learning_rate < 0:
        raise ValueError("learning_rate is below 0")
    return heavy_ball(learning_rate, momentum)


def short_count():
    return jnp.zeros((), jnp.int16)


# A factory, its options, and the cases in which it is seen. What has two wrappers' events is seen
# by what both do: lax.cond wants the state's dtypes to stay, MultiSteps brings them back.
FAULTS = {
    "the hyperparameters are those that init put into the state":
        (adamw(scale_by_what_began), {}, {"change-moments", "change-eps"}),
    "the count ends at 2^15":
        (adamw(scale_by_averages, start=short_count), {}, {"million"}),
    "the count becomes a float":
        (adamw(scale_by_averages, one=jnp.float32(1)), {}, {"skip"}),
    "the first average begins in bfloat16 and goes on in float32":
        (adamw(scale_by_averages, dtype="bfloat16"), {}, {"skip", "accumulate"}),
    "gradients are clipped by a bound of its own":
        (adamw(scale_by_averages, optax.clip(1e6)), {}, {"clip-norm"}),
    "the count is Python's":
        (adamw(scale_by_python_count), {"jit": False},
         {"resume", "change-rate", "change-decay", "change-moments", "change-eps", "skip",
          "accumulate", "million"}),
}  # fmt: skip


def asked(factory, claim="adamw", dtype="float32", never=NEVER, **options):
    """The lives and a few cases beside them: what is said of each, and the diagnosis."""
    name, answers = parse_options(claim)
    rule = dialect(name, "optax", **answers)

    def table(dtype):
        few = (c for c in regimes(name, rule, dtype) if c.id.partition("/")[0] in BESIDE)
        return [*few, *lives(name, rule, dtype)]

    inquiry = Inquiry(factory, dtype=dtype, options=options)
    cases, results, measured = inquiry.answers(rule, table, (claim, "optax"))
    found = diagnose(rule, cases, results, measured)
    wrong = {v.id.partition("/")[0]: v.verdict for v in found.verdicts if v.verdict != "conforms"}
    assert {name for name, verdict in wrong.items() if verdict == "unsupported"} == never
    return {k: v for k, v in wrong.items() if k not in never}, found


@pytest.mark.parametrize(
    ("factory", "claim"),
    [
        (adamw(scale_by_averages), "adamw"),
        (Hand, "adamw"),
        (heavy_ball, "sgd[form=none]"),
        (careful, "sgd[form=none]"),
    ],
)
def test_a_right_one_conforms_in_every_life(factory, claim):
    wrong, _ = asked(factory, claim)
    assert wrong == {}


def test_under_inject_hyperparams_they_are_changed_in_the_state():
    """All but the count of a million, which tree_set does not reach: see the finding."""
    never = {*NEVER, "million"}
    assert asked(adamw(scale_by_averages), never=never, inject=True)[0] == {}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_seen_in_its_events_and_named(fault):
    factory, options, events = FAULTS[fault]
    wrong, found = asked(factory, **options)
    assert set(wrong) == events
    assert found.verdict != "conforms"
    if "deviates" in wrong.values():
        lines = "\n".join(found.lines())
        assert any(words in lines for words in WORDS.values()) or "moved" in lines, lines


def test_a_dtype_of_another_tensor_is_seen_in_mixed_trees():
    never = {*NEVER, "removed"}  # tree_map_params has a tree without tensors begin
    wrong, found = asked(adamw(scale_by_first_dtype), dtype="float64", never=never)
    assert set(wrong) == {"mixed"}
    assert found.verdict == "imprecise"  # digits are lost, by rounding alone


# -- the adapter -------------------------------------------------------------------------------


def adapter():
    return importlib.import_module("wdref.frameworks.optax")


def life(name, dtype="float32", claim="adamw"):
    rule = dialect(claim, "optax")
    return rule, next(c for c in lives(claim, rule, dtype) if c.id == f"{name}/{dtype}")


def test_groups_are_resumed():
    rule, case = life("resume-tensors")
    case = replace(case, starts=None, flags=tuple(f for f in case.flags if f != "late"))
    found = judge(rule, case, Result("ok", adapter().load("adamw")(case)))
    assert found.verdict == "conforms"


def test_what_is_resumed_is_compiled_anew_and_counts_on():
    """Begun anew after step 3 the training would be another."""
    run, (_, case) = adapter().load("adamw"), life("resume")
    whole = run(case)
    rest = replace(case, theta0=whole[2].astype("float32"), grads=case.grads[3:], eta=case.eta[3:],
                   life={})  # fmt: skip
    assert not np.array_equal(run(rest), whole[3:])


@pytest.mark.parametrize("name", ["resume", "skip", "removed", "million"])
def test_without_a_compiler_it_is_the_same_training(name):
    rule, case = life(name)
    found = judge(rule, case, Result("ok", adapter().load("adamw", jit=False)(case)))
    assert found.verdict == "conforms"


def test_a_device_is_one_that_jax_has():
    rule, case = life("resume", claim="lion")
    run = adapter().load("lion", device="cpu:0")
    assert judge(rule, case, Result("ok", run(case))).verdict == "conforms"
    for name in ("abacus", "cpu:99", "cpu:first"):
        with pytest.raises(
            ValueError, match=f"^optax adapter: device='{name}'; JAX has .*:0.* here"
        ):
            adapter().load("lion", device=name)
    with pytest.raises(TargetError, match="device='abacus'; JAX has "):
        asked(adamw(scale_by_averages), device="abacus")
    with pytest.raises(TargetError, match=r"jit='no'; expected one of \(True, False\)"):
        asked(adamw(scale_by_averages), jit="no")


def test_what_optax_has_no_means_for():
    run = adapter().load("adamw")
    assert "maximize" not in run.supports
    with pytest.raises(Unsupported, match="optax has no tensor that joins"):
        run(life("added")[1])


def test_a_count_by_another_name_is_not_set():
    class Steps(NamedTuple):
        steps: Any

    def counted(learning_rate, momentum=0.9):
        beside = optax.GradientTransformation(
            lambda params: Steps(jnp.zeros((), jnp.int32)),
            lambda grads, state, params=None: (grads, Steps(state.steps + 1)),
        )
        return optax.chain(beside, heavy_ball(learning_rate, momentum))

    words = type("Words", (), {"fixed": {}, "rate": "learning_rate"})
    words.__call__ = lambda self, hyper: {"momentum": hyper["momentum"]}
    run = adapter().drive(counted, words())
    rule = dialect("sgd", "optax", form="none")
    case = next(c for c in lives("sgd", rule, "float32") if c.id == "million/float32")
    with pytest.raises(Unsupported, match="the state counts in 'steps', where tree_set is given"):
        run(case)
