"""LARS: enclosed, the same bits everywhere, told apart; what a norm of 0, λ = 0, κ = 0 mean.

The truth is that of tests/by_hand/lars.py, in 50 digits.
"""

import numpy as np
import pytest
from by_hand.lars import by_hand
from mpmath import mp, mpf

import wdref
from wdref.backend import PLAIN, Leaf, load
from wdref.conventions import CONVENTIONS
from wdref.dialects import LarsDialect
from wdref.engine.half_precision import Kernel
from wdref.oracle.cases.suite import regimes
from wdref.oracle.cases.together import trajectories
from wdref.oracle.identify.candidates import candidates
from wdref.oracle.judge.enclosure import enclose
from wdref.sums import alone

pytest.importorskip("flint", reason="needs wdref[oracle]")

PLANS = ("exaggerated", "stop", "restart", "bursts", "sparse", "first", "no-decay", "origin",
         "trust-coefficient-0")  # fmt: skip
PROGRAMS = [convention for convention, claims in CONVENTIONS.items() if "lars" in claims]
HYPER = {"learning_rate": 0.1, "momentum": 0.9, "trust_coefficient": 0.5, "eps": 0.25,
         "weight_decay": 0.01}  # fmt: skip


def named(dialect, dtype, names):
    return [c for c in regimes("lars", dialect, dtype) if c.id.partition("/")[0] in names]


def test_every_program_is_here():
    assert PROGRAMS == ["paper", "optax", "paddle", "tinygrad"]


def check(dialect, dtype, plans=PLANS):
    """The exact path lies where the enclosure says; what is in doubt is nothing."""
    with mp.workdps(50):
        for case in named(dialect, dtype, plans):
            truth, path = enclose(dialect, case), by_hand(dialect, case)
            for (t, i), error in np.ndenumerate(truth.error):
                if mp.isfinite(path[t][i]) and abs(path[t][i]) < 1e308:
                    exact = mpf(float(truth.high[t, i])) + mpf(float(truth.low[t, i]))
                    assert abs(path[t][i] - exact) <= mpf(float(error)) + mpf("1e-45")
                else:  # 0/0, or beyond float64: certified to be nothing
                    assert not np.isfinite(truth.high[t, i])
            assert not truth.doubt.any()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("convention", PROGRAMS)
def test_by_hand(convention, dtype):
    check(CONVENTIONS[convention]["lars"], dtype)


@pytest.mark.parametrize("part", range(4))
def test_every_answer_by_hand(part):
    """Every 7th dialect, prime to the answers of each question, so that all come up."""
    some = candidates("lars")[::7]
    for name, answers in LarsDialect.questions().items():
        assert {getattr(d, name) for d in some} == set(answers)
    for dialect in some[part::4]:
        check(dialect, "float64", ("exaggerated", "sparse", "no-decay"))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_dialects_are_apart(dtype):
    """Any two differ somewhere by a thousand envelopes, of which nothing is certified aside."""
    every = candidates("lars")
    some = every[::37]
    paths, radii = [], []
    # to decay before or after is one function where 1 - k > 0 and no norm is 0: overshoot has k > 1
    for name in ("exaggerated", "sparse", "no-decay", "origin", "trust-coefficient-0", "overshoot"):
        plain = LarsDialect(eps="outside")
        (case,) = named(plain, dtype, (name,))
        with np.errstate(all="ignore"):
            paths.append(trajectories(every, case).reshape(len(every), -1))
        radii.append(np.stack([enclose(d, case).radius.ravel() for d in some]))
    values, radius = np.concatenate(paths, axis=1), np.concatenate(radii, axis=1)
    for d, own in zip(some, radius, strict=True):
        mine = every.index(d)
        known = np.isfinite(own) & np.isfinite(values[mine])
        with np.errstate(all="ignore"):
            far = np.abs(values[:, known] - values[mine, known])
            far = np.where(far == 0, 0, far / own[known])
        # a number where the other has none is as far as can be
        least = np.max(np.where(np.isnan(far), np.inf, far), axis=1)
        least[mine] = np.inf
        near = int(np.argmin(least))
        assert least[near] >= (1e3 if dtype == "float32" else 1e5), (d, every[near])


@pytest.mark.parametrize("name", ["numpy", "numba"])
@pytest.mark.parametrize("d", [*(CONVENTIONS[p]["lars"] for p in PROGRAMS),
                               LarsDialect("lr", "before", kept="ratio", nesterov=True),
                               LarsDialect("paper", "after", guard="none", kept="gradient")],
                         ids=str)  # fmt: skip
def test_same_bits(d, name, same_bits):
    if name == "numba":
        pytest.importorskip("numba", reason="the extra `fast` installs it")
    rng = np.random.default_rng(0)
    for size in (0, 1, 7, 70, 40_000):
        for zero in (1.0, 0.0):
            theta, g, m = rng.normal(size=(3, size)).astype("float32")
            for hyper in (HYPER, {**HYPER, "weight_decay": 0.0, "trust_coefficient": 0.0}):
                leaf = Leaf(Kernel(d), zero * theta, g, (m,), d.scalars(hyper, 3, 0.5))
                with np.errstate(all="ignore"):
                    ((want, kept),), ((got, new),) = (
                        PLAIN.update([leaf]), load(name).update([leaf])
                    )  # fmt: skip
                for mine, theirs in zip((got, *new), (want, *kept), strict=True):
                    same_bits(mine, theirs)


def test_the_paper_s_file_and_the_dialect_are_one():
    theta, g, m = np.random.default_rng(0).normal(size=(3, 50))
    for form in ("ratio", "none"):
        d = LarsDialect(form=form)
        for hyper in (HYPER, {**HYPER, "weight_decay": 0.0}):
            s = d.scalars(hyper, 2, 0.5)
            for x in (theta, 0 * theta):
                (a, (b,)), (c, (e,)) = d.apply(x, g, (m,), s), alone(d.rule(), x, g, (m,), s)
                assert (a.tobytes(), b.tobytes()) == (c.tobytes(), e.tobytes())


def stepped(theta, g, **options):
    answers = {k: options.pop(k) for k in ("guard",) if k in options}
    numbers = {"learning_rate": 0.5, "weight_decay": 0.5, "trust_coefficient": 0.75, **options}
    opt = wdref.LARS(answers=answers, **numbers)
    params = {"w": np.array(theta)}
    return opt.update(params, {"w": np.array(g)}, opt.init(params))[0]["w"].tolist()


def test_a_tensor_of_zeros_moves_and_one_without_a_gradient_decays():
    assert stepped([0.0, 0.0], [1.0, -2.0]) == [-0.5, 1.0]
    assert stepped([0.0, 0.0], [1.0, -2.0], guard="none") == [0.0, 0.0]
    assert stepped([4.0, 8.0], [0.0, 0.0]) == [3.0, 6.0]
    # 1 - α κ, whatever λ: the quotient is κ/λ
    assert stepped([4.0, 8.0], [0.0, 0.0], guard="none") == [2.5, 5.0]
    assert stepped([4.0, 8.0], [0.0, 0.0], norms="sum") == [2.5, 5.0]


def test_a_tensor_without_decay_has_a_local_rate_but_in_paddle():
    """By hand: ‖θ‖ = ‖g‖ = 5, so that ℓ is κ; masked or with λ = 0."""
    for how in ({"weight_decay": 0.0}, {"decay_mask": {"w": False}}):
        assert stepped([3.0, 4.0], [0.0, 5.0], **how) == [3.0, 4.0 - 0.5 * 0.75 * 5.0]
        assert stepped([3.0, 4.0], [0.0, 5.0], guard="decay", **how) == [3.0, 4.0 - 0.5 * 5.0]


def test_a_coefficient_of_0_is_sgd_in_tinygrad_alone():
    assert stepped([3.0, 4.0], [0.0, 5.0], trust_coefficient=0.0) == [3.0, 4.0]
    given = {"trust_coefficient": 0.0, "weight_decay": 0.0, "variant": "tinygrad"}
    assert stepped([3.0, 4.0], [0.0, 5.0], **given) == [3.0, 1.5]
