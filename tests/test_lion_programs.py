"""Lion among its programs: NaN's sign, gradients that are infinite, a run that goes on here."""

import numpy as np
import pytest

import wdref
from wdref.conventions import CONVENTIONS
from wdref.methods import methods
from wdref.oracle.cases.suite import regimes
from wdref.oracle.judge.enclosure import enclose
from wdref.oracle.judge.verdict import judge_all
from wdref.oracle.targets.targets import Result
from wdref.rules.registry import claim as method


def test_an_infinite_gradient_that_leaves_a_parameter_finite_is_in_doubt():
    dialect = CONVENTIONS["paper"]["signsgd"]
    case = next(c for c in regimes("signsgd", dialect, "float64") if "nonfinite" in c.flags)
    found = enclose(dialect, case)
    assert found.broken[:, 0].tolist() == [False] * 2 + [True] * 8  # NaN stays
    assert not found.broken[:, 1:].any()
    assert found.doubt[:, 1].tolist() == [False] * 4 + [True] * 6  # sgn ∞ is 1


def with_a_rate_in_float32(case):
    """Lion as mlx has it: the rate a float32 number, the sign of NaN 0."""
    h, theta, m, path = case.hyper, case.theta0.copy(), 0 * case.theta0, []
    for g, eta in zip(case.grads, case.eta, strict=True):
        rate = float(np.float32(h["learning_rate"] * eta))
        step = np.nan_to_num(np.sign(h["beta1"] * m + (1 - h["beta1"]) * g))
        m = h["beta2"] * m + (1 - h["beta2"]) * g
        theta = (1 - rate * h["weight_decay"]) * theta - rate * step
        path.append(theta)
    return Result("ok", np.array(path))


@pytest.mark.filterwarnings("ignore:invalid value")
def test_gradients_that_are_no_numbers_say_nothing_of_other_cases():
    d = CONVENTIONS["mlx"]["lion"]
    some = [case for case in regimes("lion", d, "float64")
            if case.id.startswith(("ordinary", "exaggerated", "no-numbers"))]  # fmt: skip
    found = judge_all(d, some, [with_a_rate_in_float32(case) for case in some], {})
    verdicts = {v.id.partition("/")[0]: v.verdict for v in found}
    assert verdicts == {
        "ordinary": "imprecise", "exaggerated": "imprecise", "no-numbers": "deviates"
    }  # fmt: skip


@pytest.mark.parametrize(("name", "claim"), [("lion", "lion"), ("signum", "signum")])
def test_a_run_begun_in_optax_goes_on_here(name, claim):
    jax, optax = (pytest.importorskip(x, reason="extra `frameworks`") for x in ("jax", "optax"))
    grads = np.random.default_rng(0).normal(size=(9, 4))
    with jax.enable_x64(True):
        there, params = getattr(optax, name)(0.125), jax.numpy.ones(4)
        state, opt = there.init(params), methods()[method(claim).method].like(
            "optax", learning_rate=0.125, weight_decay=1e-3 if name == "lion" else 0.0)  # fmt: skip
        mine, own = None, None
        for t, g in enumerate(grads):
            if t == 4:
                mine = np.array(params)
                counted = {} if name == "lion" else {"step": 4}
                own = wdref.states.load(opt, mine, state, "optax", **counted)
            updates, state = there.update(jax.numpy.asarray(g), state, params)
            params = optax.apply_updates(params, updates)
            if own is not None:
                mine, own = opt.update(mine, g, own)
        np.testing.assert_allclose(mine, params, rtol=1e-14)
