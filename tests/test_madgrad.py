"""MADGRAD: enclosed, the cube root within its units, told apart, its bugs named, in optax.

The truth is that of tests/by_hand/madgrad.py, in 50 digits.
"""

import numpy as np
import pytest
from by_hand.madgrad import by_hand
from family_runs import cases, check_contains, dialects
from flint import arb
from mpmath import cbrt, mp, mpf

import wdref
from wdref.backend import PLAIN, Leaf, load
from wdref.backends.exact.balls import NAMESPACE, Balls
from wdref.backends.exact.rounding import EXACT, Context
from wdref.backends.tracing.trace import TraceError, trace
from wdref.conventions import dialect
from wdref.engine.arithmetic import CORRECT, CUBE_ROOT
from wdref.engine.half_precision import Kernel
from wdref.oracle.cases.together import trajectories
from wdref.oracle.identify.candidates import candidates
from wdref.oracle.judge.enclosure import enclose
from wdref.oracle.watch.bounds import Bounds, Rounds
from wdref.rules.choice import cube_root
from wdref.rules.madgrad import MadgradDialect, MadgradScalars, madgrad, madgrad_dialect

pytest.importorskip("flint", reason="needs wdref[oracle]")
DIALECTS = dialects("madgrad")
H = {"learning_rate": 0.3, "momentum": 0.8, "eps": 0.2, "weight_decay": 0.4, "clip": 0.3}
PLANS = ("exaggerated", "stop", "restart", "bursts", "sparse", "first", "eps-rules")


def test_every_program_is_here():
    assert set(DIALECTS) == {f"{name}.madgrad" for name in ("paper", "authors_code", "optax")}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ["paper.madgrad", "optax.madgrad"])
def test_by_hand(name, dtype):
    d = DIALECTS[name]
    found = cases(d, dtype, PLANS)
    assert len(found) == len(PLANS)
    for case in found:
        check_contains(d, case, by_hand)


@pytest.mark.parametrize("clip", [False, True])
def test_every_answer_by_hand(clip):
    by_value = ("none", "sum", "gradient")
    for d in [d for d in candidates("madgrad", clip=clip) if d.clip in by_value]:
        (case,) = cases(d, names=("exaggerated",))
        check_contains(d, case, by_hand)


def numbers(dtype):
    """Numbers of every size whose cube root is asked."""
    rng, info = np.random.default_rng(0), np.finfo(dtype)
    powers = rng.integers(info.minexp, info.maxexp - 1, 500)
    found = np.ldexp(rng.uniform(1, 2, 500), powers).astype(dtype)
    return np.concatenate([found, np.array([0.0, info.smallest_subnormal, info.max], dtype)])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["numpy", "torch", "jax.numpy", "array_api_strict"])
def test_a_cube_root_is_within_its_units(name, dtype):
    """Against mpmath, in every library, its own or none."""
    xp = pytest.importorskip(name, reason="another library of arrays")
    x = numbers(dtype)
    if name == "jax.numpy":
        jax = pytest.importorskip("jax", reason="extra `frameworks`")
        with jax.enable_x64(True):
            x = x[np.abs(x) >= np.finfo(dtype).smallest_normal]  # it flushes the others
            got = np.asarray(cube_root(xp.asarray(x)))
    else:
        with np.errstate(all="ignore"):  # 0/0 where a root is 0
            got = np.asarray(cube_root(xp.asarray(x)))
    assert got.dtype == x.dtype
    with mp.workdps(50):
        for y, z in zip(got.tolist(), x.tolist(), strict=True):
            half = mpf(float(np.spacing(np.asarray(y, dtype)))) / 2
            assert abs(mpf(y) - cbrt(mpf(z))) <= CUBE_ROOT * half


def test_what_is_no_number_stays():
    x = np.array([np.nan, np.inf, 0.0])
    np.testing.assert_array_equal(cube_root(x), x)
    strict = pytest.importorskip("array_api_strict", reason="a library without cbrt")
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(np.asarray(cube_root(strict.asarray(x))), x)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_balls_and_bounds_hold_it(dtype):
    """The real number in the exact ball; what NumPy gives in the wide one; both in a shadow's."""
    x = numbers(dtype)
    x = x[(x == 0) | (np.abs(x) >= np.finfo(dtype).smallest_normal)]
    balls = [NAMESPACE.cbrt(Balls(x.tolist(), c)) for c in (EXACT, Context.of(dtype, CORRECT))]
    bounds = cube_root(Bounds(x.astype(np.longdouble), None, Rounds.of(dtype, CORRECT)))
    with mp.workdps(50):
        for i, got in enumerate(np.cbrt(x).tolist()):
            assert (balls[0].items[i] ** 3).contains(arb(float(x[i])))
            assert balls[1].items[i].contains(arb(got))
            high = float(bounds.mid[i])
            mid = mpf(high) + mpf(float(bounds.mid[i] - np.longdouble(high)))
            assert abs(cbrt(mpf(float(x[i]))) - mid) <= mpf(float(bounds.rad[0][i]))
            assert abs(mpf(got) - mid) <= mpf(float(bounds.rad[1][i]))


def test_a_ball_about_0_has_the_root_of_its_upper_part():
    (found,) = NAMESPACE.cbrt(Balls([arb(0, 8)]))
    assert found.contains(arb(0))
    assert found.contains(arb(2))
    assert not found.contains(arb(2.1))
    (none,) = NAMESPACE.cbrt(Balls([arb(-1)]))
    assert none.is_nan()


def test_it_is_refused_by_the_tracer_and_runs_plain(same_bits):
    d = MadgradDialect()
    with pytest.raises(TraceError, match="cbrt is no elementwise operation with one right answer"):
        trace(Kernel(d), ("float32",) * 5, MadgradScalars, (True,) * 4 + (False,) * 3)
    theta, g, first, s, v = np.random.default_rng(0).normal(size=(5, 40)).astype("float32")
    leaf = Leaf(Kernel(d), theta, g, (first, s, v * v), d.scalars(H, 3, 0.5))
    ((want, kept),) = PLAIN.update([leaf])
    for name in ("numpy", "numba"):
        pytest.importorskip(name, reason="the extra `fast` installs numba")
        ((got, new),) = load(name).update([leaf])
        for mine, theirs in zip((got, *new), (want, *kept), strict=True):
            same_bits(mine, theirs)


@pytest.mark.parametrize("form", ["l2", "none", "paper"])
def test_the_paper_s_lines_are_the_dialect_s(form, same_bits):
    d = MadgradDialect(form=form)
    assert d.apply is madgrad
    theta, g, first, sums, v = np.random.default_rng(0).normal(size=(5, 50))
    s = d.scalars(H, 3, 0.5)
    new, slots = madgrad(theta, g, (first, sums, v * v), s)
    other, others = madgrad_dialect(d, theta, g, (first, sums, v * v), s)
    for a, b in zip((new, *slots), (other, *others), strict=True):
        same_bits(a, b)


@pytest.mark.parametrize(("dtype", "apart"), [("float32", 1e3), ("float64", 1e5)])
def test_answers_are_apart(dtype, apart):
    """Any two functions differ on some case by far more than roundings allow of the one."""
    every = candidates("madgrad")
    far = np.zeros((len(every), len(every)))
    for case in cases(dialect("madgrad"), dtype, names=("exaggerated", "bursts")):
        values = trajectories(every, case).reshape(len(every), -1)
        for i, d in enumerate(every):
            radius = enclose(d, case).radius.ravel()
            known = np.isfinite(radius) & (radius > 0)
            ratios = np.abs(values - values[i])[:, known] / radius[known]
            np.maximum(far[i], ratios.max(axis=1, initial=0.0), out=far[i])
    np.fill_diagonal(far, np.inf)
    assert far.min() >= apart


def test_it_averages_towards_the_start():
    """Without gradients nothing moves; a momentum of 0 is dual averaging, from θ0 at each step."""
    opt = wdref.MADGRAD(learning_rate=0.5, momentum=0.0, eps=0.0)
    params, state, sums = {"w": np.array([3.0])}, None, [0.0, 0.0]
    state = opt.init(params)
    for t, g in enumerate((1.0, -2.0, 0.5), start=1):
        params, state = opt.update(params, {"w": np.array([g])}, state)
        sums = [sums[0] + 0.5 * t**0.5 * g, sums[1] + 0.5 * t**0.5 * g * g]
        np.testing.assert_allclose(params["w"], 3.0 - sums[0] / np.cbrt(sums[1]), rtol=1e-14)
    assert state.slots["theta0"]["w"] == [3.0]


def test_a_run_begun_in_optax_goes_on_here():
    """In float32, as its √(k + 1) is."""
    jax, optax = (pytest.importorskip(x, reason="extra `frameworks`") for x in ("jax", "optax"))
    there, params = optax.contrib.madgrad(0.125, weight_decay=0.25), jax.numpy.ones((2, 3))
    state, mine, own = there.init(params), None, None
    opt = wdref.MADGRAD.like("optax", learning_rate=0.125, weight_decay=0.25)
    for t, g in enumerate(np.random.default_rng(0).normal(size=(9, 2, 3)).astype("float32")):
        if t == 4:
            mine = np.array(params)
            own = wdref.states.load(opt, mine, state, "optax")
        updates, state = there.update(jax.numpy.asarray(g), state, params)
        params = optax.apply_updates(params, updates)
        if own is not None:
            mine, own = opt.update(mine, g, own)
    np.testing.assert_allclose(mine, params, rtol=1e-5)
