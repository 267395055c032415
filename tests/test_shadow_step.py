"""One step, judged: the bounds contain what they say, and a step outside is far outside."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wdref.backend import load
from wdref.conventions import dialect
from wdref.engine.arithmetic import CORRECT
from wdref.oracle.watch import step as shadow_step
from wdref.oracle.watch.step import Before, Rule, certify
from wdref.oracle.watch.watch import sampled

flint = pytest.importorskip("flint", reason="ball arithmetic, installed by the extra `oracle`")

DIALECTS = {
    "adamw": dialect("adamw", "pytorch"),
    "adam, hat": dialect("adam", "keras", form="l2"),
    "adamw, inside, after": dialect("adamw", "pytorch", eps="inside", order="after"),
    "amsgrad": dialect("adamw", "pytorch", amsgrad="raw"),
    "clamp": dialect("adamw", "paper", eps="clamp"),
    "sgd": dialect("sgd", "pytorch"),
    "nesterov": dialect("sgd", "paper", nesterov=True),
    "sgdw": dialect("sgdw", "paper"),
    "lion": dialect("lion", "paper"),
    "signum, coupled": dialect("signum", "paper", form="l2"),
    "signsgd, after": dialect("signsgd", "paper", order="after"),
    "rprop": dialect("rprop", "pytorch"),
    "asgd": dialect("asgd", "paper"),
}
HYPER = {
    "learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.02,
    "momentum": 0.9, "dampening": 0.25, "shrink": 0.5, "grow": 1.2, "smallest": 1e-6,
    "largest": 50.0, "penalty": 1e-2, "exponent": 0.75, "onset": 100.0,
}  # fmt: skip
DTYPES = {"float32": np.float32, "float64": np.float64, "float16": np.float16}


@st.composite
def steps(draw, dtypes=tuple(DTYPES)):
    """A rule and a state, over all magnitudes of the dtype."""
    d = DIALECTS[draw(st.sampled_from(sorted(DIALECTS)))]
    dtype = draw(st.sampled_from(dtypes))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    low = draw(st.sampled_from([-2, -12, -60])) if dtype != "float16" else -6

    def array():
        x = rng.standard_normal(12) * 10.0 ** rng.uniform(low, 1, 12)
        x[rng.integers(12)] = 0.0
        return x.astype(dtype)

    slots = [array() if name == "m" else abs(array()) for name in d.slots]
    hyper = {name: HYPER[name] for name in d.hyper}
    if dtype == "float16" and "eps" in hyper:
        hyper["eps"] = 1e-3  # 1e-8 is 0 there, and nothing could be certified
    rule = Rule(d, hyper, draw(st.integers(1, 5000)), (dtype,) * (1 + len(slots)),
                eta=draw(st.sampled_from([1.0, 0.3])), primitives=CORRECT)  # fmt: skip
    return rule, array(), array(), slots


def wide(x):
    return np.asarray(x, dtype=np.float64)


def certified(rule, theta, g, slots):
    return certify(rule, Before(wide(theta), wide(g), tuple(map(wide, slots))))


def assert_exact_is_inside(rule, theta, g, slots):
    exact = load("exact")
    s = exact.scalars(rule.dialect, rule.hyper, rule.t, rule.eta)
    columns = [x.astype(float).tolist() for x in slots]
    new, new_slots = exact.step(
        rule.dialect, theta.astype(float).tolist(), g.astype(float).tolist(), columns, s
    )
    rows = zip(certified(rule, theta, g, slots), (new, *new_slots), strict=True)
    with exact.precision(192):
        for high, error, ball in (x for c, b in rows for x in zip(c.high, c.error, b, strict=True)):
            rest = float(high - np.longdouble(float(high)))
            distance = abs(ball - flint.arb(float(high)) - flint.arb(rest))
            assert not np.isfinite(error) or distance <= flint.arb(float(error))


@given(steps())
@settings(max_examples=150)
def test_the_exact_step_is_inside_its_error(case):
    assert_exact_is_inside(*case)


@given(steps(dtypes=("float64",)))
@settings(max_examples=50)
def test_also_where_a_long_double_is_no_wider(case):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shadow_step, "midpoint_dtype", lambda compute: np.dtype(np.float64))
        assert_exact_is_inside(*case)


@given(steps())
@settings(max_examples=300)
def test_the_rule_as_written_is_inside_its_radius(case):
    """Rounded after every operation by NumPy: a ratio of at most 1, where anything is certified."""
    rule, theta, g, slots = case
    with np.errstate(all="ignore"):
        s = rule.dialect.scalars(rule.hyper, rule.t, rule.eta)
        new, new_slots = rule.dialect.apply(theta, g, slots, s)
    for c, got in zip(certified(*case), (new, *new_slots), strict=True):
        ratio = c.ratio(got.astype(float))
        assert np.all(np.isnan(ratio) | (ratio <= 1))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", sorted(DIALECTS))
def test_the_radius_is_that_of_few_roundings(name, dtype):
    """No more than 16 half units of the largest number that takes part: it is not just wide."""
    d = DIALECTS[name]
    rng = np.random.default_rng(0)
    theta, g, *slots = (rng.uniform(0.5, 1, 100) for _ in range(2 + len(d.slots)))
    rule = Rule(d, {n: HYPER[n] for n in d.hyper}, 100, (dtype,) * (1 + len(slots)))
    first, *_ = certified(rule, theta, g, slots)
    assert np.all(first.radius <= 16 * np.finfo(dtype).eps / 2)
    assert np.all(first.error <= first.radius / 500)


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_the_ratio_is_the_distance_in_radii(dtype):
    d = DIALECTS["adamw"]
    rule = Rule(d, {n: HYPER[n] for n in d.hyper}, 3, (dtype,) * 3)
    one = np.array([0.75])
    first, *_ = certified(rule, one, one, [one, one])
    for radii in (0.5, 5.0, 1000.0):
        got = first.high + radii * first.radius
        assert first.ratio(got) == pytest.approx([radii], rel=0.02)
    assert first.ratio(np.array([np.nan])) == np.inf


def test_a_gradient_that_is_no_number_decides_nothing():
    d = DIALECTS["adamw"]
    rule = Rule(d, {n: HYPER[n] for n in d.hyper}, 1, ("float32",) * 3)
    one, g = np.ones(3), np.array([np.nan, np.inf, 1.0])
    first, *_ = certified(rule, one, g, [one, one])
    assert np.isnan(first.ratio(one)).tolist() == [True, True, False]


def test_slots_in_half_precision_are_rounded_once_more():
    d = DIALECTS["adamw"]
    hyper = {n: HYPER[n] for n in d.hyper}
    one = np.array([0.7])
    same, mixed = (
        certified(Rule(d, hyper, 1, ("float32", m, "float32")), one, one, [one, one])
        for m in ("float32", "bfloat16")
    )
    assert mixed[0].radius == same[0].radius
    assert 2.0**-9 < mixed[1].radius[0] < 2.0**-7 > 1000 * same[1].radius[0]


def test_two_learning_rates_that_a_decay_reads_apart():
    """In the paper's form the decay follows η = 0.5, not the rate α η."""
    d = dialect("adamw", "paper")
    rule = Rule(d, {n: HYPER[n] for n in d.hyper}, 1, ("float64",) * 3)
    found = rule.at(0.5e-3, before=None, initial=1e-3)
    zero, one = np.zeros(1), np.ones(1)
    first, *_ = certified(found, one, zero, [zero, zero])
    assert first.ratio(np.array([1 - 0.5 * 0.02])) <= 1
    assert replace(found, dialect=dialect("adamw", "pytorch")).at(
        0.5e-3, before=None, initial=1e-3
    ).hyper["learning_rate"] == pytest.approx(0.5e-3, rel=0)


@given(st.integers(1, 10**9), st.integers(2, 300), st.integers(0, 10**6))
def test_a_sample_has_both_ends_and_one_of_each_stretch(size, sample, step):
    index = sampled(size, sample, step)
    assert (index[0], index[-1]) == (0, size - 1)
    assert np.all(np.diff(index) > 0)
    assert len(index) == min(size, sample)


def test_samples_come_to_all_coordinates():
    seen = {int(i) for step in range(400) for i in sampled(500, 50, step)}
    assert len(seen) == 500
