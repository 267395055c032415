"""Fromage: enclosed, the same bits everywhere, told apart; what it does to lengths.

The truth is that of tests/by_hand/fromage.py, in 50 digits.
"""

import numpy as np
import pytest
from by_hand.fromage import by_hand
from mpmath import mp, mpf

import wdref
from wdref.backend import PLAIN, Leaf, load
from wdref.conventions import CONVENTIONS
from wdref.dialects import FromageDialect
from wdref.engine.half_precision import Kernel
from wdref.oracle.cases.suite import regimes
from wdref.oracle.cases.together import trajectories
from wdref.oracle.identify.candidates import candidates
from wdref.oracle.judge.enclosure import enclose
from wdref.sums import alone

pytest.importorskip("flint", reason="needs wdref[oracle]")

# to decay before or after is one function where 1 - k > 0 and no norm is 0: overshoot has k > 1
PLANS = ("exaggerated", "stop", "restart", "sparse", "no-decay", "origin", "overshoot",
         "min-norm-0")  # fmt: skip
PROGRAMS = [convention for convention, claims in CONVENTIONS.items() if "fromage" in claims]
HYPER = {"learning_rate": 0.75, "min_norm": 0.5, "weight_decay": 0.01}


def named(dialect, dtype, names):
    return [c for c in regimes("fromage", dialect, dtype) if c.id.partition("/")[0] in names]


def test_every_program_is_here():
    assert PROGRAMS == ["paper", "optax"]


@pytest.mark.parametrize("part", range(4))
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_answer_by_hand(dtype, part):
    """The exact path lies where the enclosure says; nothing is in doubt."""
    with mp.workdps(50):
        for d in candidates("fromage")[part::4]:
            for case in named(d, dtype, PLANS[part % 2 :: 2]):
                truth, path = enclose(d, case), by_hand(d, case)
                for (t, i), error in np.ndenumerate(truth.error):
                    exact = mpf(float(truth.high[t, i])) + mpf(float(truth.low[t, i]))
                    assert abs(path[t][i] - exact) <= mpf(float(error)) + mpf("1e-45")
                assert not truth.doubt.any()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_dialects_are_apart(dtype):
    every, paths, radii = candidates("fromage"), [], []
    some = every[::5]
    for case in named(FromageDialect(floor="norms"), dtype, PLANS):
        paths.append(trajectories(every, case).reshape(len(every), -1))
        radii.append(np.stack([enclose(d, case).radius.ravel() for d in some]))
    values, radius = np.concatenate(paths, axis=1), np.concatenate(radii, axis=1)
    for d, own in zip(some, radius, strict=True):
        mine = every.index(d)
        known = np.isfinite(own)
        assert np.mean(known) > 0.95
        far = np.abs(values[:, known] - values[mine, known])
        with np.errstate(all="ignore"):
            far = np.max(np.where(far == 0, 0, far / own[known]), axis=1)
        far[mine] = np.inf
        near = int(np.argmin(far))
        assert far[near] >= (1e3 if dtype == "float32" else 1e5), (d, every[near])


@pytest.mark.parametrize("name", ["numpy", "numba"])
@pytest.mark.parametrize("d", [*(CONVENTIONS[p]["fromage"] for p in PROGRAMS),
                               FromageDialect("lr", "before"), FromageDialect("l2", shrink="none"),
                               FromageDialect("paper", "after", floor="norms")],
                         ids=str)  # fmt: skip
def test_same_bits(d, name, same_bits):
    if name == "numba":
        pytest.importorskip("numba", reason="the extra `fast` installs it")
    rng = np.random.default_rng(0)
    for size in (0, 1, 7, 70, 40_000):
        theta, g = rng.normal(size=(2, size)).astype("float32")
        for x, y in ((theta, g), (0 * theta, g), (theta, 0 * g)):
            leaf = Leaf(Kernel(d), x, y, (), d.scalars(HYPER, 3, 0.5))
            ((want, _),), ((got, _),) = PLAIN.update([leaf]), load(name).update([leaf])
            same_bits(got, want)


def test_the_paper_s_file_and_the_dialect_are_one():
    theta, g = np.random.default_rng(0).normal(size=(2, 50))
    d = FromageDialect()
    s = d.scalars(HYPER, 2, 0.5)
    for x in (theta, 0 * theta):
        assert d.apply(x, g, (), s)[0].tobytes() == alone(d.rule(), x, g, (), s)[0].tobytes()


def stepped(theta, g, **options):
    opt = wdref.Fromage(learning_rate=0.75, **options)
    params = {"w": np.array(theta)}
    return opt.update(params, {"w": np.array(g)}, opt.init(params))[0]["w"].tolist()


def test_a_gradient_at_right_angles_keeps_the_length():
    theta = np.array([3.0, 4.0])
    for size in (1e-3, 1.0, 1e3):
        new = np.array(stepped(theta, [size * 4.0, -size * 3.0]))
        assert np.linalg.norm(new) == pytest.approx(5, rel=1e-15)
        assert new @ theta == pytest.approx(25 * 0.8, rel=1e-15)  # cos of the angle: 1/√(1 + α²)


def test_a_tensor_of_zeros_moves_by_its_gradient_or_by_the_floor():
    """By hand: 1/√(1 + 0.75²) is 0.8; ν is 2^-20, and ‖g‖ is 5."""
    np.testing.assert_allclose(stepped([0.0, 0.0], [3.0, -4.0]), [-1.8, 2.4], rtol=1e-15)
    given = {"variant": "optax", "min_norm": 2.0**-20}
    least = 2.0**-20 / 5
    moved = stepped([0.0, 0.0], [3.0, -4.0], **given)
    np.testing.assert_allclose(moved, [-1.8 * least, 2.4 * least], rtol=1e-15)
    assert stepped([0.0, 5.0], [0.0, 0.0]) == stepped([0.0, 5.0], [0.0, 0.0], **given) == [0, 4]


def test_a_step_of_optax_is_one_here():
    jax, optax = (pytest.importorskip(x, reason="extra `frameworks`") for x in ("jax", "optax"))
    theta, g = np.random.default_rng(0).normal(size=(2, 7))
    with jax.enable_x64(True):
        there, params = optax.fromage(0.75), jax.numpy.asarray(theta)
        updates, _ = there.update(jax.numpy.asarray(g), there.init(params), params)
        theirs = np.asarray(optax.apply_updates(params, updates))
    opt = wdref.Fromage.like("optax", learning_rate=0.75)
    np.testing.assert_allclose(opt.update(theta, g, opt.init(theta))[0], theirs, rtol=1e-14)


def test_recurrences():
    lines = FromageDialect("lr", "before", floor="norms").recurrence()
    assert lines == (
        "θ ← θ - η α λ θ", "g ← ∇f(θ)", "r ← max(‖θ‖, ν)/max(‖g‖, ν)   (1 where a norm is 0)",
        "θ ← (θ - η α r g)/√(1 + (η α)²)",
    )  # fmt: skip
    assert FromageDialect("l2").recurrence()[0] == "g ← ∇f(θ) + λ θ"
    ends = FromageDialect("proximal").recurrence()[-1]
    assert ends == "θ ← (θ - η α r g)/√(1 + (η α)²)/(1 + η α λ)"
