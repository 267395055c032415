"""AdamW's weights are an exponential moving average of its steps: Wang & Aitchison (2024).

arXiv 2405.13698: θ_T = (1-k)^T θ_0 + Σ_t k (1-k)^(T-t) (-u_t/λ) with k = αλ, u_t = m̂/(√v̂ + ε).
"""

from collections.abc import Iterator
from math import e, log
from typing import Any

import numpy as np

from ..check import UNIT, Check, slope
from ..timescale import Budget, budgets, timescale
from ..walk import Walk

SOURCE = "Wang & Aitchison 2024, arXiv:2405.13698"
STEPS, N, ALPHA, LAM = 400, 32, 1e-2, 0.5


def average() -> Iterator[Check]:
    """The identity for prescribed gradients, so that u_t is that of Adam without any decay."""
    rng = np.random.default_rng(7)
    g, theta0 = rng.standard_normal((STEPS, N)), rng.standard_normal(N)
    bare = Walk("adam", np.zeros(N), learning_rate=1.0)
    k, mean, largest = ALPHA * LAM, theta0, 0.0
    walks = {"adamw": Walk("adamw", theta0, form="lr", learning_rate=ALPHA, weight_decay=LAM),
             "adam": Walk("adam", theta0, learning_rate=ALPHA, weight_decay=LAM)}  # fmt: skip
    for row in g:
        old = bare.theta
        u = old - bare.step(row)
        mean = (1 - k) * mean + k * (-u / LAM)
        largest = max(largest, float(np.abs(old).max()), float(np.abs(mean).max()))
        for walk in walks.values():
            walk.step(row)
    off = {name: float(np.abs(walk.theta - mean).max()) for name, walk in walks.items()}
    yield Check("5-average", "AdamW's θ is the moving average of -u/λ with k = αλ", 0.0,
                off["adamw"], 8 * UNIT * largest * STEPS, "8 roundings a step", SOURCE,
                detail={"steps": STEPS}).against("Adam + L2 is none", off["adam"])  # fmt: skip


def tau() -> Iterator[Check]:
    """Without a gradient θ falls to 1/e in τ = 1/(αλ) steps; Adam + L2 pulls by its sign."""
    sizes = {"batch_size": 1, "dataset_size": 1}
    theory = timescale(LAM, learning_rate=ALPHA, **sizes)
    options = {"learning_rate": ALPHA, "weight_decay": LAM}
    # (1-k)^t = 1/e at t = -1/log(1-k) = 1/k - 1/2 - O(k); counted in whole steps
    yield Check("5-tau", "Steps to 1/e without a gradient: τ = 1/(αλ)", theory,
                _fall("adamw", options), 1.5, "1/2 of discretisation, 1 of counting steps", SOURCE,
                ).against("Adam + L2", _fall("adam", options))  # fmt: skip
    rows = [row for row in budgets() if row.batch_size == 128]
    T = np.log([row.epochs for row in rows])
    constant = [_epochs(row.lambda_constant, row) for row in rows]
    yield Check("5-budget", "Normalised decay λ_norm√(b/(BT)): τ in epochs grows as T^(1/2)", 0.5,
                _exponent(T, [_epochs(row.lambda_normalised, row) for row in rows]),
                1 / (2 * min(1 / row.lambda_normalised for row in rows)),
                "discretisation and counting: half a step of τ", "Loshchilov & Hutter 2019, "
                "Appendix B.1, against " + SOURCE,
                detail={"budgets": [row._asdict() for row in budgets()]},
                ).against("the rule of constant timescale", _exponent(T, constant))  # fmt: skip


def _fall(claim: str, options: dict[str, Any]) -> float:
    form = "lr" if claim == "adamw" else None
    walk = Walk(claim, np.ones(1), form=form, **options)
    for _ in range(round(4 / (ALPHA * LAM))):  # a rule that never falls comes to an end too
        if walk.step(np.zeros(1))[0] <= 1 / e:
            break
    return float(walk.t)


def _epochs(lam: float, row: Budget) -> float:
    """τ in epochs as AdamW in the paper's form has it: from the shrinking of one step."""
    kept = float(Walk("adamw", np.ones(1), weight_decay=lam).step(np.zeros(1))[0])
    return -1 / log(kept) * row.batch_size / 50_000


def _exponent(log_T: object, taus: list[float]) -> float:
    return float(slope(log_T, np.log(taus)[:, None])[0])
