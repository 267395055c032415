"""The arithmetic of single balls contains every answer that points inside them could give.

Where balls overlap, contain 0, are negative under a root or undecided in a comparison, the result
contains both answers or is not finite; the envelope of one operation contains every correctly
rounded result of it; and Arb's precision, global to the process, is put back also after an error.
"""

import flint
import numpy as np
import pytest
from flint import arb
from hypothesis import assume, given
from hypothesis import strategies as st

from wdref.backends.exact.backend import backend
from wdref.backends.exact.balls import Balls, Namespace, Number
from wdref.backends.exact.rounding import Context, Rounding, Widen
from wdref.conventions import dialect

xp = Namespace()
reals = st.one_of(st.floats(-4, 4), st.sampled_from([0.0, 1.0, -1.0, 5e-324, 1e-300, 2.0**40]))
radii = st.one_of(st.floats(0, 4), st.just(0.0), st.floats(0, 1e-12))
places = st.one_of(st.floats(-1, 1), st.sampled_from([-1.0, 0.0, 1.0]))


@st.composite
def ball_with_point(draw):
    """A ball and a point inside it; midpoint, radius and point are exact."""
    mid, rad = draw(reals), draw(radii)
    # Arb rounds radii up to 30 bits; the point is taken from the ball that was asked for
    with backend.precision(4000):
        return arb(mid, rad), arb(mid) + arb(rad) * arb(draw(places))


def holds(ball, truth):
    """Whether the ball contains `truth()`, computed with bits enough to be exact; or says no."""
    with backend.precision(4000):
        return not ball.is_finite() or ball.contains(truth())


BINARY = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
}


@pytest.mark.parametrize("name", BINARY)
@given(x=ball_with_point(), y=ball_with_point())
def test_arithmetic_contains_its_points(name, x, y):
    op = BINARY[name]
    (found,) = op(Balls([x[0]]), Balls([y[0]]))
    assume(name != "div" or not y[1].is_zero())
    assert holds(found, lambda: op(x[1], y[1]))
    assert name == "div" or found.is_finite()


@given(x=ball_with_point(), y=ball_with_point())
def test_choices_contain_their_points(x, y):
    """Maximum, minimum, |x|, sign and `where`, overlapping or not."""
    a, b = Balls([x[0]]), Balls([y[0]])
    larger, smaller = (x[1], y[1]) if x[1] >= y[1] else (y[1], x[1])
    sign = 1 if x[1] > 0 else -1 if x[1] < 0 else 0
    chosen = x[1] if x[1] < y[1] else y[1]
    for found, truth in [
        (xp.maximum(a, b), lambda: larger),
        (xp.minimum(a, b), lambda: smaller),
        (xp.abs(a), lambda: abs(x[1])),
        (xp.sign(a), lambda: sign),
        (xp.where(a < b, a, b), lambda: chosen),
        (-a, lambda: -x[1]),
    ]:
        (ball,) = found
        assert ball.is_finite()
        assert holds(ball, truth)


@given(x=ball_with_point(), y=ball_with_point())
def test_a_comparison_is_decided_only_where_all_points_agree(x, y):
    a, b = Balls([x[0]]), Balls([y[0]])
    for verdict, truth in [
        (a < b, x[1] < y[1]), (a <= b, x[1] <= y[1]), (a > b, x[1] > y[1]), (a >= b, x[1] >= y[1]),
    ]:  # fmt: skip
        assert verdict[0] in (None, truth)
    assert (a < a) == ([None] if x[0].rad() > 0 else [False])


@given(x=ball_with_point())
def test_a_square_and_its_root_survive_zero(x):
    a = Balls([x[0]])
    (square,), (root,) = a * a, xp.sqrt(a * a)
    assert holds(square, lambda: x[1] * x[1])
    assert holds(root, lambda: abs(x[1]))
    assert square.is_finite()
    assert root.is_finite()


def test_a_root_reaches_down_to_zero_and_refuses_negative_balls():
    for ball, points in [(arb(0), [0]), (arb(0.5, 0.5), [0, 0.5, 1]), (arb(0, 4), [0, 1, 2])]:
        (root,) = xp.sqrt(Balls([ball]))
        assert root.is_finite()
        assert all(root.contains(arb(p)) for p in points)
    (root,) = xp.sqrt(Balls([arb(-1, 0.5)]))
    assert root.is_nan()


def test_division_by_what_may_be_zero_is_not_finite():
    for numerator, denominator in [
        (arb(1), arb(0, 1)),
        (arb(0), arb(0)),
        (arb(1), arb(0)),
        (arb(0), arb(1, 1)),
    ]:
        (ball,) = Balls([numerator]) / Balls([denominator])
        assert not ball.is_finite()


def test_what_is_no_number_stays_none():
    """NaN is not lost in a maximum, a choice, a sign or a root."""
    nan, one = Balls([arb.nan()]), Balls([arb(1)])
    for found in (xp.maximum(nan, one), xp.maximum(one, nan), xp.minimum(one, nan), xp.sign(nan),
                  xp.sqrt(nan), xp.abs(nan), nan * nan, nan * 0.0, xp.where(nan < one, nan, one),
                  xp.where(nan < one, one, nan)):  # fmt: skip
        (ball,) = found
        assert not ball.is_finite()


def test_amsgrad_keeps_both_of_two_overlapping_moments():
    """A gradient whose size is known only to a ball: the maximum may be either moment."""
    found = dialect("adamw", amsgrad="raw")
    hyper = {"learning_rate": 0.5, "beta1": 0.5, "beta2": 0.5, "eps": 0.25, "weight_decay": 0.0}
    grads = [[1.0], [arb(1.4, 0.1)], [arb(0.1, 0.1)]]
    wide = backend.trajectory(found, [1.0], grads, hyper, [1.0] * 3)
    for second in (1.3, 1.4, 1.5):
        for third in (0.0, 0.1, 0.2):
            narrow = backend.trajectory(found, [1.0], [[1.0], [second], [third]], hyper, [1.0] * 3)
            assert all(
                b.is_finite() and b.overlaps(x) for (b,), (x,) in zip(wide, narrow, strict=True)
            )


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@given(data=st.data())
def test_one_widening_is_one_rounding(dtype, data):
    """Rounding to nearest is contained among normal and subnormal numbers and down to 0."""
    info = np.finfo(dtype)
    scale = data.draw(st.integers(int(info.minexp) - info.nmant - 3, int(info.maxexp) - 2))
    integer = data.draw(st.integers(1, 2**80))
    with backend.precision(400):
        x = arb(integer) * arb(2) ** (scale - 80)
        p, q = Rounding.of(dtype).precision, Rounding.of(dtype).subnormal + 1
        unit = arb(2) ** max(integer.bit_length() - 1 + scale - 80 - p + 1, q)
        nearest = (x / unit + arb(0.5)).floor() * unit
        assert Widen.by(dtype)(x).contains(nearest)


def test_the_roundings_are_those_of_the_formats():
    for name in ("float16", "float32", "float64"):
        info, found = np.finfo(name), Rounding.of(name)
        assert found.precision == info.nmant + 1
        assert arb(2) ** (found.subnormal + 1) == arb(float(info.smallest_subnormal))
        assert arb(2) ** found.normal == arb(float(info.smallest_normal))
        with backend.precision(192):
            edge = (arb(float(info.max)) + arb(2) ** found.overflow) / 2
            assert Widen.by(name)(edge * (1 - arb(2) ** -100)).is_finite()
            assert not Widen.by(name)(edge).is_finite()


def test_coarser_primitives_widen_more():
    """Twice the error contains both neighbours; flushing contains 0 below the normal numbers."""
    with backend.precision(192):
        third = arb(1) / 3
        assert Widen.by("float32", units=2)(third).contains(arb(float(np.float32(1 / 3))))
        above = np.nextafter(np.float32(1 / 3), np.float32(0))
        assert Widen.by("float32", units=2)(third).contains(arb(float(above)))
        tiny = arb(2) ** -130
        assert Widen.by("float32", flush=True)(tiny).contains(0)
        assert not Widen.by("float32")(tiny).contains(0)


@given(base=st.floats(0, 1, exclude_max=True), n=st.integers(1, 300))
def test_a_power_contains_the_hosts(base, n):
    widen, product = Widen.by("float64"), 1.0
    for _ in range(n):
        product *= base
    with backend.precision(192):
        assert (Number(base, widen) ** n).ball.contains(arb(base**n))
        assert (1 - Number(base, widen) ** n).ball.contains(arb(1 - base**n))
        assert (Number(base, widen, widen, running=True) ** n).ball.contains(arb(product))


def test_an_undecided_branch_is_remembered():
    """Coordinates past a sign or a choice that the balls leave open; a maximum leaves none."""
    context = Context()
    x = Balls([arb(0, 1), arb(2, 1), arb(0)], context)
    assert [v.contains(0) for v in xp.sign(x)] == [True, False, True]
    assert context.doubts == {0}
    xp.where(x < 2.5, x, x * 0.5)
    xp.maximum(x, Balls([0.5, 2.5, 0.0], context))
    assert context.doubts == {0, 1}


@pytest.mark.parametrize("claim", ["sgdw", "adamw"])
def test_the_precision_is_put_back(claim):
    before = flint.ctx.prec
    found = dialect(claim)
    hyper = {"learning_rate": 0.5, "momentum": 0.5, "beta1": 0.5, "beta2": 0.5, "eps": 0.1,
             "weight_decay": 0.1}  # fmt: skip
    backend.trajectory(found, [1.0], [[1.0]], hyper, [1.0], bits=500)
    assert flint.ctx.prec == before
    with pytest.raises(KeyError):
        backend.trajectory(found, [1.0], [[1.0]], {}, [1.0], bits=500)
    assert flint.ctx.prec == before
    with pytest.raises(ValueError, match="a gradient of 2 numbers for 1 parameters"):
        backend.trajectory(found, [1.0], [[1.0, 2.0]], hyper, [1.0], bits=500)
    assert flint.ctx.prec == before


@pytest.mark.parametrize("claim", ["sgd", "sgdw", "adam", "adamw"])
def test_single_steps_are_the_trajectory(claim):
    """`scalars` and `step` chained give the trajectory, also with a decay that depends on t."""
    found = dialect(claim)
    hyper = {"learning_rate": 0.3, "momentum": 0.8, "beta1": 0.8, "beta2": 0.7, "eps": 0.2,
             "weight_decay": lambda t: 0.1 * t}  # fmt: skip
    grads, etas = [[1.0, 0.5], [-0.25, 0.75], [0.1, 0.2]], [1.0, 0.5, 0.25]
    path = backend.trajectory(found, [1.0, -1.0], grads, hyper, etas)
    theta, slots = [1.0, -1.0], [[0.0, 0.0] for _ in found.slots]
    for t, (g, eta, want) in enumerate(zip(grads, etas, path, strict=True), 1):
        now = {**hyper, "weight_decay": 0.1 * t}
        s = backend.scalars(found, now, t, eta)
        theta, slots = backend.step(found, theta, g, slots, s)
        assert all(a.overlaps(b) and a.rad() < 1e-50 for a, b in zip(theta, want, strict=True))
