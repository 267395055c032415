"""Adafactor: enclosed in vectors and matrices, told apart, its bugs named by the factored branch.

The truth is that of tests/by_hand/adafactor.py, in 50 digits.
"""

from dataclasses import replace

import numpy as np
import pytest
from by_hand.adafactor import by_hand
from mpmath import mp, mpf

import wdref
from wdref.conventions import CONVENTIONS
from wdref.dialects import AdafactorDialect
from wdref.oracle.bugs.gallery import gallery
from wdref.oracle.bugs.mutants import Twisted
from wdref.oracle.cases.shapes import ranks
from wdref.oracle.cases.suite import regimes
from wdref.oracle.cases.together import trajectories
from wdref.oracle.cases.trajectory import trajectory
from wdref.oracle.identify.candidates import candidates
from wdref.oracle.identify.identify import identify
from wdref.oracle.judge.enclosure import enclose
from wdref.oracle.judge.verdict import judge
from wdref.oracle.proof.detection import simulated
from wdref.sums import alone

pytest.importorskip("flint", reason="needs wdref[oracle]")

PROGRAMS = ("paper", "pytorch", "optax", "keras", "mlx")
PLANS = ("exaggerated", "bursts", "graded", "origin", "first")
RANKS = ("scalar", "column", "row", "tall", "broad", "cube", "filters")
READS_ALL = AdafactorDialect(momentum="after")
PAPER = CONVENTIONS["paper"]["adafactor"]
SHAPED = [bug for bug in gallery() if bug.id in ("adafactor-sum", "adafactor-swapped")]


def suite(dialect, dtype, names=(*PLANS, *RANKS)):
    cases = (*regimes("adafactor", dialect, dtype), *ranks("adafactor", dialect, dtype))
    return [case for case in cases if case.id.partition("/")[0] in names]


def check(dialect, dtype, names=(*PLANS, *RANKS)):
    """The exact path lies where the enclosure says, which is not wide."""
    with mp.workdps(50):
        for case in suite(dialect, dtype, names):
            truth, path = enclose(dialect, case.parts()[0]), by_hand(dialect, case)
            for (t, i), error in np.ndenumerate(truth.error):
                exact = mpf(float(truth.high[t, i])) + mpf(float(truth.low[t, i]))
                assert abs(path[t][i] - exact) <= mpf(float(error)) + mpf("1e-45")
            assert np.all(truth.radius <= 1e4 * np.finfo(dtype).eps)
            assert not truth.doubt.any()


def test_every_program_is_here():
    own = {name for name, claims in CONVENTIONS.items() if "adafactor" in claims}
    assert own == set(PROGRAMS)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("convention", PROGRAMS)
def test_by_hand(convention, dtype):
    check(CONVENTIONS[convention]["adafactor"], dtype)


def test_every_answer_by_hand():
    for dialect in candidates("adafactor")[::29]:
        check(dialect, "float64", ("bursts", "tall", "cube"))


def test_the_paper_s_file_and_the_dialect_are_one():
    rng = np.random.default_rng(0)
    hyper = {"learning_rate": 0.1, "power": 0.8, "eps": 0.01, "eps2": 0.1, "threshold": 1.0,
             "weight_decay": 0.1}  # fmt: skip
    for shape in ((5,), (3, 4), (2, 3, 4)):
        theta, g = rng.normal(size=(2, *shape))
        slots = tuple(np.ones(s) for s in (((*shape[:-1], 1), (*shape[:-2], 1, shape[-1]), (0,))
                                           if len(shape) > 1 else ((0,), (0,), shape)))  # fmt: skip
        for form in ("none", "paper", "lr", "fixed"):
            d = AdafactorDialect(form=form)
            s = d.scalars(hyper, 3, 0.5)
            (a, kept), (b, new) = (alone(f, theta, g, slots, s) for f in (d.rounds, d.rule()))
            assert a.tobytes() == b.tobytes()
            assert [x.tobytes() for x in kept] == [x.tobytes() for x in new]


def test_many_at_a_time_are_each_alone():
    """What ranks the candidates, on matrices and on what has none."""
    some = candidates("adafactor")[::17]
    for case in suite(READS_ALL, "float64", ("bursts", "scalar", "row", "cube")):
        flat = case.parts()[0]
        for d, path in zip(some, trajectories(some, flat), strict=True):
            own = np.array([theta.reshape(-1) for theta, _ in trajectory(d, flat)])
            np.testing.assert_allclose(path, own, rtol=1e-12, atol=1e-15)


def alike(a, b):
    """Of a size that is 1/100 for 10,000 steps the momentum is the same before it and after."""
    steady = (a.rate, a.scale) == (b.rate, b.scale) == ("constant", "none")
    return (
        steady
        and {a.momentum, b.momentum} == {"after", "before"}
        and a.answered(momentum="none") == b.answered(momentum="none")
    )


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_dialects_are_apart(dtype):
    """Matrices among the cases: there alone some answers show."""
    dialects = candidates("adafactor")
    names = ("exaggerated", "bursts", "tall", "origin", "graded")
    cases = [c.parts()[0] for c in suite(READS_ALL, dtype, names)]
    with np.errstate(all="ignore"):
        tables = [trajectories(dialects, case) for case in cases]
    wanted = {"float64": 1e5, "float32": 1e3}[dtype]
    for i in range(0, len(dialects), 41):
        far = np.zeros(len(dialects))
        for case, table in zip(cases, tables, strict=True):
            radius = enclose(dialects[i], case).radius
            known = np.isfinite(radius) & (radius > 0)
            apart = np.abs(table - table[i])[:, known] / radius[known]
            far = np.maximum(far, np.max(apart, axis=1, initial=0.0))
        far[[j for j, d in enumerate(dialects) if j == i or alike(dialects[i], d)]] = np.inf
        assert np.min(far) >= wanted, (dialects[i], dialects[int(np.argmin(far))])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("bug", SHAPED, ids=lambda bug: bug.id)
def test_a_wrong_formula_of_matrices_alone_is_caught(bug, dtype):
    for case in suite(PAPER, dtype, ("exaggerated", "bursts", "one", "tall", "broad", "cube")):
        verdict = judge(PAPER, case, simulated(bug.rule, case))
        shaped = "shaped" in case.flags and not case.id.startswith("one")
        assert verdict.verdict == ("deviates" if shaped else "conforms")


@pytest.mark.parametrize(
    ("rule", "named"),
    [(replace(PAPER, factored="never"), "adafactor-unfactored"),
     *((bug.rule, bug.id) for bug in SHAPED)],
)  # fmt: skip
def test_a_wrong_formula_of_matrices_alone_is_named(rule, named):
    names = ("exaggerated", "bursts", "shrinking", "sparse", *RANKS)
    cases = suite(PAPER, "float64", names)
    found = identify(cases, [simulated(rule, c) for c in cases], "adafactor", claim=PAPER)
    assert found.named
    assert [bug.id for bug in found.bugs] == [named]


def test_a_factor_on_the_gradient_is_found_in_a_rule_that_sums():
    """A step of one's own, of a rule that asks for sums, is judged as itself."""
    lamb = CONVENTIONS["paper"]["lamb"]

    def halved(base, theta, g, slots, s):
        return base.apply(theta, 0.5 * g, slots, s)

    twisted = Twisted(lamb, "half the gradient", step=halved)
    case = next(regimes("lamb", lamb, "float64"))
    scaled = replace(case, grads=0.5 * case.grads)
    np.testing.assert_array_equal(enclose(twisted, case).high, enclose(lamb, scaled).high)
    np.testing.assert_allclose(trajectories([twisted], case), trajectories([lamb], scaled))


def test_a_checkpoint_keeps_rows_and_columns(tmp_path):
    pytest.importorskip("safetensors", reason="the extra `checkpoint` installs it")
    rng = np.random.default_rng(1)
    params = {"w": rng.normal(size=(3, 4)), "b": rng.normal(size=4), "s": np.array(0.5)}
    grads = [{k: rng.normal(size=x.shape) for k, x in params.items()} for _ in range(4)]
    opt = wdref.Adafactor(learning_rate=0.1, weight_decay=0.01, beta1=0.9)
    theta, state = params, opt.init(params)
    assert [state.slots[k]["w"].shape for k in "rcvm"] == [(3, 1), (1, 4), (0,), (3, 4)]
    assert [state.slots[k]["b"].shape for k in "rcvm"] == [(0,), (0,), (4,), (4,)]
    for g in grads[:2]:
        theta, state = opt.update(theta, g, state)
    file = tmp_path / "training.safetensors"
    wdref.save(file, theta, state, optimizer=opt)
    other, again = wdref.load(file, optimizer=opt, like=params)
    for g in grads[2:]:
        theta, state = opt.update(theta, g, state)
        other, again = opt.update(other, g, again)
    assert all(theta[k].tobytes() == other[k].tobytes() for k in theta)


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (2, 0, 4), (1, 1)])
def test_what_is_empty_stays_so(shape):
    opt = wdref.Adafactor(learning_rate=0.1, weight_decay=0.01)
    params = {"w": np.ones(shape), "b": np.ones(2)}
    new, state = opt.update(params, {"w": np.ones(shape), "b": np.ones(2)}, opt.init(params))
    assert new["w"].shape == shape
    assert np.all(np.isfinite(new["w"]))
    assert np.all(np.isfinite(state.slots["r"]["w"])) or 0 in shape
