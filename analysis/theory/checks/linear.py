"""Propositions 1 to 3 in plain float64, as far as rounding lets them be seen.

``wdref propositions`` certifies them in ball arithmetic; here they are measured like the rest.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from wdref.schedules import cosine

from ..check import UNIT, Check
from ..walk import Array, Walk

SOURCE = "Loshchilov & Hutter 2019, arXiv:1711.05101, "
STEPS, N, ALPHA, LAM = 60, 8, 0.1, 0.01
S = 1.0 + np.arange(N)  # M = diag(s)^-1


def propositions() -> Iterator[Check]:
    """SGD without momentum under a cosine schedule; a rate α/s_i is a fixed preconditioner."""
    decayed = _run("sgdw", ALPHA, LAM)
    same = _apart(decayed, _run("sgd", ALPHA, LAM / ALPHA))
    yield Check("6-prop1", "SGD: decay λ is L2 with λ' = λ/α", 0.0, same, _rounding(decayed),
                REASON, SOURCE + "Proposition 1",
                ).against("λ' = λ", _apart(decayed, _run("sgd", ALPHA, LAM)))  # fmt: skip
    fixed = _run("sgdw", ALPHA, LAM, form="fixed")
    varying = _run("sgd", ALPHA, lambda t: LAM / (ALPHA * SCHEDULE(t)))
    yield Check("6-varying", "SGD whose decay has no schedule: λ'_t = λ/(η_t α)", 0.0,
                _apart(fixed, varying), _rounding(fixed), REASON, SOURCE + "Proposition 1",
                ).against("a constant λ' = λ/α", _apart(fixed, _run("sgd", ALPHA, LAM / ALPHA)),
                )  # fmt: skip
    scaled = _run("sgdw", ALPHA / S, LAM)
    yield Check("6-prop3", "Preconditioner M = diag(s)^-1: decay is the penalty λ'/2 ‖θ⊙√s‖²", 0.0,
                _apart(scaled, _run("sgd", ALPHA / S, LAM / ALPHA * S)), _rounding(scaled), REASON,
                SOURCE + "Proposition 3, Appendix A",
                ).against("the penalty as Eq. 2 prints it, λ'/(2α)‖θ⊙√s‖²",
                          _apart(scaled, _run("sgd", ALPHA / S, LAM / ALPHA**2 * S)))  # fmt: skip
    yield _second()
    yield _limit(decayed)


SCHEDULE = cosine(2 * STEPS)
REASON = "8 roundings a step of the largest |θ| or step"


def _second() -> Check:
    """Proposition 2: the λ' that serve each coordinate, as a spread: max over min, less 1."""
    k = np.full(N, 4.0)
    spreads = {name: _spread(rates) for name, rates in (("M", ALPHA / S), ("kI", ALPHA / k))}
    return Check("6-prop2", "M = kI: one λ' serves all coordinates (spread of the λ', less 1)", 0.0,
                 spreads["kI"], 1e3 * UNIT, "λ' is a quotient of differences of some 1e-3 of θ: "
                 "rounding times 1e3", SOURCE + "Proposition 2",
                 ).against("M ≠ kI: none does, s_max/s_min = 8", spreads["M"])  # fmt: skip


def _spread(rates: Array) -> float:
    """Solve, coordinate by coordinate, for the λ' whose L2 step is the decayed step."""
    rng = np.random.default_rng(8)
    theta, g = 1 + rng.random(N), rng.standard_normal(N)
    goal, zero, one = (
        Walk(claim, theta, learning_rate=rates, weight_decay=lam).step(g)
        for claim, lam in (("sgdw", LAM), ("sgd", 0.0), ("sgd", 1.0))
    )
    lams = (goal - zero) / (one - zero)
    return float(lams.max() / lams.min() - 1)


def _limit(decayed: Array) -> Check:
    """Where M tends to kI, Adam's exception: ε far above √v̂, β1 = 0 and α/ε kept."""
    far = {eps: _apart(decayed, _run("adamw", eps * ALPHA, LAM, beta1=0.0, eps=eps))
           for eps in (1e9, 1.0)}  # fmt: skip
    size = 6.0 + float(np.abs(decayed).max())  # |g| <= 6 standard deviations + |θ|; √v̂ likewise
    return Check("6-limit", "Adam as M tends to kI (ε = 1e9, α/ε kept): AdamW is SGDW", 0.0,
                 far[1e9], STEPS * ALPHA * size**2 / 1e9, "the step is off by √v̂/ε of it",
                 SOURCE + "Proposition 2", detail={"steps": STEPS},
                 ).against("at ε = 1 it is not", far[1.0])  # fmt: skip


def _run(
    claim: str,
    alpha: Any,
    lam: Any | Callable[[int], float],
    form: str | None = None,
    **hyper: Any,
) -> Array:
    """The path of θ on f_t(θ) = g_t·θ + ‖θ‖²/2, the gradient at its own θ."""
    rng = np.random.default_rng(9)
    walk = Walk(claim, 1 + rng.random(N), form=form, learning_rate=alpha, weight_decay=lam,
                schedule=SCHEDULE, **hyper)  # fmt: skip
    return np.array([walk.step(rng.standard_normal(N) + walk.theta) for _ in range(STEPS)])


def _apart(a: Array, b: Array) -> float:
    return float(np.abs(a - b).max())


def _rounding(path: Array) -> float:
    return 8 * UNIT * STEPS * max(1.0, float(np.abs(path).max()))
