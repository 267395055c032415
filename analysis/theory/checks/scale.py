"""Scale: AdamW does not see the gradient's, and is a proximal step to first order.

Zhuang et al. (2022), arXiv 2202.00089. With ε = 0, m̂/√v̂ is the same for g and for c ∘ g, c > 0; the
decoupled decay does not undo that, an L2 term does.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..check import Check
from ..walk import Array, Walk

SOURCE = "Zhuang et al. 2022, arXiv:2202.00089"
STEPS, N = 200, 64


def rescaling() -> Iterator[Check]:
    """Gradients scaled by 2^k, coordinate by coordinate: powers of two commute with rounding."""
    rng = np.random.default_rng(2)
    g, theta0 = rng.standard_normal((STEPS, N)), rng.standard_normal(N)
    scale = 2.0 ** rng.integers(-20, 21, N)
    decayed, l2 = (_moved(claim, theta0, g, scale) for claim in ("adamw", "adam"))
    yield Check("2-scale", "ε = 0: AdamW has the same bits for gradients scaled by 2^k", 0.0,
                decayed, 0.0, "exact: scaling by 2^k commutes with every rounding", SOURCE,
                detail={"steps": STEPS, "coordinates": N, "measure": "largest |Δθ|"},
                ).against("Adam + L2 moves elsewhere", l2)  # fmt: skip


def _moved(claim: str, theta0: Array, g: Array, scale: Array) -> float:
    form = "lr" if claim == "adamw" else None
    options: dict[str, Any] = {"form": form, "learning_rate": 1e-2, "weight_decay": 0.1, "eps": 0.0}
    own, other = Walk(claim, theta0, **options), Walk(claim, theta0, **options)
    for row in g:
        own.step(row)
        other.step(scale * row)
    return float(np.abs(own.theta - other.theta).max())


def proximal() -> Iterator[Check]:
    """AdamProx, θ ← (θ - α u)/(1 + α λ), and AdamW differ by α² λ (u + λ θ)/(1 + α λ): order 2.

    Halving α divides that by 4 (1 + αλ/2)/(1 + αλ), the order 2 - log2((1 + αλ)/(1 + αλ/2)).
    """
    alpha, lam = 1e-3, 0.5
    orders = {c: float(np.log2(_error(c, alpha, lam) / _error(c, alpha / 2, lam)))
              for c in ("adamw", "adam")}  # fmt: skip
    yield Check("2-proximal", "AdamW's step is AdamProx's to first order: their gap is O(α²)", 2.0,
                orders["adamw"], alpha * lam, "the next order in α: less than αλ/(2 ln 2)", SOURCE,
                detail={"learning_rate": alpha, "weight_decay": lam},
                ).against("the step of Adam + L2 is off by O(α)", orders["adam"])  # fmt: skip


def _error(claim: str, alpha: float, lam: float) -> float:
    """Distance of one step from AdamProx's, from the same θ and without a past."""
    rng = np.random.default_rng(3)
    theta, g = rng.standard_normal(N), 10.0 * rng.standard_normal(N)
    form = "lr" if claim == "adamw" else None
    options: dict[str, Any] = {"learning_rate": alpha, "eps": 0.0}
    bare = Walk("adam", theta, **options).step(g)
    found = Walk(claim, theta, form=form, weight_decay=lam, **options).step(g)
    return float(np.abs(found - bare / (1 + alpha * lam)).mean())
