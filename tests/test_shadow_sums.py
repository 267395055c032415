"""Sums of whole tensors as bounds: they hold every order, and a step that reads them is inside."""

import math
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wdref.backend import load
from wdref.conventions import dialect
from wdref.engine.arithmetic import CORRECT
from wdref.oracle.watch import sums as shadow_sums
from wdref.oracle.watch.bounds import Bounds, Rounds
from wdref.oracle.watch.step import Before, Rule, certify, whole
from wdref.oracle.watch.sums import Total, check_watchable, sums_of
from wdref.sums import Count, answered, together

flint = pytest.importorskip("flint", reason="ball arithmetic, installed by the extra `oracle`")

SINGLE = Rounds.of("float32", CORRECT)
DIALECTS = {
    "adamw, tree": dialect("adamw", "pytorch", clip="tree"),
    "adam, sum of the tensor": dialect("adam", "pytorch", clip="tensor_sum"),
    "sgd, tensor": dialect("sgd", "pytorch", clip="tensor"),
    "lamb": dialect("lamb"),
    "lars": dialect("lars"),
    "novograd": dialect("novograd"),
    "stableadamw": dialect("stableadamw"),
    "fromage": dialect("fromage"),
    "mars": dialect("mars"),
    "cautious": dialect("cautiousadamw"),
    "cautious lion, mean": dialect("cautiouslion", scale="mean"),
    "prodigy": dialect("prodigy"),
    "dog": dialect("dog"),
}
HYPER = {
    "learning_rate": 1e-2, "beta1": 0.9, "beta2": 0.99, "eps": 1e-6, "weight_decay": 0.02,
    "momentum": 0.9, "dampening": 0.25, "clip": 0.5, "trust_coefficient": 1e-2, "gamma": 0.025,
    "distance": 1e-2, "coefficient": 1.0,
}  # fmt: skip


# -- sums of terms --------------------------------------------------------------------------------


def left_to_right(x):
    return np.cumsum(x)[-1]


def by_halves(x):
    while len(x) > 1:
        x = np.append(x, x.dtype.type(0)) if len(x) % 2 else x
        x = x[::2] + x[1::2]
    return x[0]


ORDERS = {
    "left to right": left_to_right,
    "right to left": lambda x: left_to_right(x[::-1]),
    "by size": lambda x: left_to_right(np.sort(x)),
    "by halves": by_halves,
    "in lanes": lambda x: left_to_right(
        np.array([left_to_right(x[i::3]) for i in range(min(3, len(x)))])
    ),
    "in float64": lambda x: np.float32(math.fsum(x.tolist())),
}


@st.composite
def terms(draw):
    """Numbers of all magnitudes, some of which cancel."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n = draw(st.integers(3, 400))
    x = rng.standard_normal(n) * 10.0 ** rng.uniform(draw(st.sampled_from([-30, -3, 0])), 1, n)
    x[: n // 3] = -x[n // 3 : 2 * (n // 3)]
    return x.astype(np.float32)


def total_of(x, size=None):
    bounds = Bounds(x.astype(float), None, SINGLE)
    return Total.of(bounds, size or len(x))


@given(terms())
@settings(max_examples=60)
def test_a_sum_holds_the_exact_one_and_that_of_every_order(x):
    bound = total_of(x).bounds(SINGLE, 1 << 22)
    exact = sum(map(Fraction, x.tolist()))
    assert abs(Fraction(float(bound.mid[0])) - exact) <= Fraction(float(bound.rad[0, 0]))
    for name, order in ORDERS.items():
        assert abs(float(order(x)) - bound.mid[0]) <= bound.rad[1, 0], name


@given(terms(), st.integers(1, 50))
@settings(max_examples=30)
def test_a_sum_in_blocks_is_one_of_the_whole(x, block):
    parts = [total_of(x[i : i + block]) for i in range(0, len(x), block)]
    bound = sum(parts, Total())
    exact = sum(map(Fraction, x.tolist()))
    bounds = bound.bounds(SINGLE, 1 << 22)
    assert bound.count == len(x)
    assert abs(Fraction(float(bounds.mid[0])) - exact) <= Fraction(float(bounds.rad[0, 0]))


def test_the_radius_is_that_of_the_longest_chain():
    """No more than n u Σ|x| and a little, and no less than what left to right loses."""
    x = np.full(100_000, 0.1, np.float32)
    bound = total_of(x).bounds(SINGLE, 1 << 22)
    lost = abs(float(left_to_right(x)) - math.fsum(x.tolist()))
    assert lost <= bound.rad[1, 0] <= 1.01 * len(x) * 2.0**-24 * bound.mid[0]
    assert bound.rad[0, 0] < 1e-4 * bound.rad[1, 0]
    shorter = total_of(x).bounds(SINGLE, 100)
    assert shorter.rad[1, 0] <= 1.01 * 100 * 2.0**-24 * bound.mid[0]


def test_a_number_stands_for_each_of_its_tensor():
    terms = Bounds(np.array([-0.5]), np.array([[0.25], [0.5]]), SINGLE)
    bound = Total.of(terms, 8)
    assert (bound.mid, bound.size, bound.count) == (-4.0, 4.0, 8)
    assert bound.rad.tolist() == [2.0, 4.0]


@given(terms(), st.integers(0, 2**32))
@settings(max_examples=30)
def test_what_the_terms_may_have_lost_is_in_the_sum(x, seed):
    """Terms at the ends of their radii, all at once or by chance, in the order that loses most."""
    rng = np.random.default_rng(seed)
    rad = np.abs(x) * rng.uniform(0, 1e-3, (2, len(x)))
    bound = Total.of(Bounds(x.astype(float), rad, SINGLE), len(x)).bounds(SINGLE, 1 << 22)
    for row in range(2):
        for way in (1.0, -1.0, rng.choice([-1.0, 1.0], len(x))):
            moved = sum(map(Fraction, x.tolist())) + sum(map(Fraction, (way * rad[row]).tolist()))
            assert abs(Fraction(float(bound.mid[0])) - moved) <= Fraction(float(bound.rad[row, 0]))


def test_a_number_of_the_host_makes_no_step_wider():
    rule = Rule(DIALECTS["novograd"], {}, 1, ("float32", "float32", "float64"))
    assert rule.compute == "float32"


def test_a_chain_in_which_anything_may_be_lost_certifies_nothing():
    ones = Total(mid=2.0**25, rad=np.zeros(2), size=2.0**25, count=1 << 25)
    assert np.isnan(ones.bounds(SINGLE, 1 << 25).rad[1, 0])
    assert np.isfinite(ones.bounds(SINGLE, shadow_sums.CHAIN).rad[1, 0])
    assert np.isfinite(ones.bounds(Rounds.of("float64", CORRECT), 1 << 25).rad[1, 0])


def test_zeros_have_an_exact_sum():
    bound = total_of(np.zeros(50, np.float32)).bounds(SINGLE, 100)
    assert (bound.mid[0], bound.rad.tolist()) == (0.0, [[0.0], [0.0]])
    assert (bound > 0.0).known.all()


def test_half_precision_is_added_in_float32_and_rounded_once():
    x = np.full(10_000, 0.125)
    half = Rounds.of("bfloat16", CORRECT)
    bound = Total.of(Bounds(x, None, half), len(x)).bounds(half, 1 << 22)
    assert 2.0**-9 < bound.rad[1, 0] / bound.mid[0] < 2.0**-7


# -- steps that read them -------------------------------------------------------------------------


@st.composite
def steps(draw):
    """A rule and the state of a tensor, with a few zeros in it."""
    d = DIALECTS[draw(st.sampled_from(sorted(DIALECTS)))]
    dtype = draw(st.sampled_from(["float32", "float64"]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n = draw(st.sampled_from([1, 7, 40]))

    def array(scale=1.0):
        x = rng.standard_normal(n) * 10.0 ** rng.uniform(-3, 0, n) * scale
        x[rng.integers(n)] *= draw(st.sampled_from([0.0, 1.0]))
        return x.astype(dtype)

    g = array(draw(st.sampled_from([1e-3, 1.0, 30.0])))
    slots = [np.array([0.01], dtype) if kind == "scalar" else array() if name != "v"
             else abs(array()) for name, kind in zip(d.slots, d.shapes, strict=True)]  # fmt: skip
    hyper = {name: HYPER[name] for name in d.hyper}
    rule = Rule(d, hyper, draw(st.integers(1, 500)), (dtype,) * (1 + len(slots)),
                eta=draw(st.sampled_from([1.0, 0.3])), primitives=CORRECT)  # fmt: skip
    return rule, array(), g, slots


def wide(x):
    return x.astype(np.float64)


def stretch(x):
    return lambda i, j: wide(x) if x.size == 1 else wide(x[i:j])


def certified(rule, theta, g, slots):
    read = [stretch(x) for x in (theta, g, *slots)]
    (sums,) = sums_of([whole(rule, len(theta), read)])
    n = len(theta)
    given_slots = tuple(np.broadcast_to(wide(x), n) for x in slots)
    return certify(rule, Before(wide(theta), wide(g), given_slots, sums))


def in_order(order, asked):
    """Sums in the dtype of their terms, in an order of their own."""
    counts = answered(asked)
    return [[counts[i][k] if isinstance(x, Count) else float(order(x.terms))
             for k, x in enumerate(row)] for i, row in enumerate(asked)]  # fmt: skip


@given(
    steps(), st.sampled_from(sorted(set(ORDERS) - {"in float64"})), st.sampled_from([5, 1 << 15])
)
@settings(max_examples=150)
def test_the_rule_as_written_is_inside_its_radius(case, order, block):
    """Rounded after every operation by NumPy, summed in any order: a ratio of at most 1."""
    rule, theta, g, slots = case
    s = rule.dialect.scalars(rule.hyper, rule.t, rule.eta)
    numbers = tuple(float(x[0]) if kind == "scalar" else x
                    for x, kind in zip(slots, rule.dialect.shapes, strict=True))  # fmt: skip
    with pytest.MonkeyPatch.context() as patch, np.errstate(all="ignore"):
        patch.setattr(shadow_sums, "BLOCK", block)
        rounds = rule.dialect.rounds(theta, g, numbers, s)
        ((new, new_slots),) = together([rounds], partial(in_order, ORDERS[order]))
        for c, got in zip(certified(*case), (new, *new_slots), strict=True):
            ratio = c.ratio(np.broadcast_to(np.asarray(got, dtype=float), len(theta)))
            assert np.all(np.isnan(ratio) | (ratio <= 1))


@given(steps())
@settings(max_examples=60)
def test_the_exact_step_is_inside_its_error(case):
    rule, theta, g, slots = case
    exact = load("exact")
    s = exact.scalars(rule.dialect, rule.hyper, rule.t, rule.eta)
    columns = [wide(np.broadcast_to(x, len(theta))).tolist() for x in slots]
    if "scalar" in rule.dialect.shapes:
        return  # whose balls are numbers of the host
    new, new_slots = exact.step(rule.dialect, wide(theta).tolist(), wide(g).tolist(), columns, s)
    rows = zip(certified(*case), (new, *new_slots), strict=True)
    with exact.precision(192):
        for high, error, ball in (x for c, b in rows for x in zip(c.high, c.error, b, strict=True)):
            rest = float(high - np.longdouble(float(high)))
            distance = abs(ball - flint.arb(float(high)) - flint.arb(rest))
            assert not np.isfinite(error) or distance <= flint.arb(float(error))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", sorted(DIALECTS))
def test_something_is_certified_and_not_just_widely(name, dtype):
    """Of 40 numbers of one size nothing is undecided, and no radius is 200 units or more."""
    d = DIALECTS[name]
    rng = np.random.default_rng(0)
    theta, g, *slots = (rng.uniform(0.5, 1, 40).astype(dtype) for _ in range(2 + len(d.slots)))
    slots = [x[:1] if kind == "scalar" else x for x, kind in zip(slots, d.shapes, strict=True)]
    rule = Rule(d, {n: HYPER[n] for n in d.hyper}, 100, (dtype,) * (1 + len(slots)))
    first, *_ = certified(rule, theta, g, slots)
    assert np.all(first.radius <= 200 * np.finfo(dtype).eps / 2)


def test_tensors_of_one_tree_have_one_norm():
    d = DIALECTS["adamw, tree"]
    rule = Rule(d, {n: HYPER[n] for n in d.hyper}, 3, ("float32",) * 3)
    arrays = [np.full(n, value, np.float32) for n, value in ((3, 2.0), (4, 1.0))]
    tensors = [whole(rule, len(x), [stretch(x)] * 4) for x in arrays]
    first, second = sums_of(tensors)
    assert float(first[0][0].mid[0]) == float(second[0][0].mid[0]) == 3 * 4.0 + 4 * 1.0


def test_of_a_clip_the_gradient_alone_is_read():
    d = DIALECTS["adamw, tree"]
    rule = Rule(d, {n: HYPER[n] for n in d.hyper}, 3, ("float32",) * 3)

    def of_one(start, stop):
        assert stop - start == 1, "read for nothing"
        return np.ones(1)

    sums_of([whole(rule, 3, [of_one, stretch(np.ones(3)), of_one, of_one])])


@pytest.mark.parametrize(("claim", "why"), [
    ("adafactor", "sums along rows and columns"),
    ("sm3", "asks for the largest number of each row and column"),
])  # fmt: skip
def test_rules_that_look_along_axes_are_refused(claim, why):
    with pytest.raises(ValueError, match=rf"\Aa shadow reads sums of whole tensors: {claim} {why}"):
        check_watchable(dialect(claim))
