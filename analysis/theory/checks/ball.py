"""Where AdamW goes: the minimum in the box ‖θ‖∞ <= 1/λ, not that of the L2-penalised loss.

Xie & Li (2024), arXiv 2404.04454, Theorem 1.1: full-batch AdamW (form ``lr``) under a
non-increasing learning rate whose sum diverges, if it converges, converges to a KKT point of min L
subject to ‖θ‖∞ <= 1/λ; for a convex L to its minimum there.
"""

from collections.abc import Iterator

import numpy as np

from ..check import UNIT, Check
from ..walk import Array, Walk

SOURCE = "Xie & Li 2024, arXiv:2404.04454, Theorem 1.1"
STEPS, RATE, LAM = 40_000, 0.1, 1.0
CENTRE = np.linspace(-2.0, 2.0, 20)  # L(θ) = ‖θ - c‖²/2; half of c is outside the box


def box() -> Iterator[Check]:
    """AdamW under α/√t on L(θ) = ‖θ - c‖²/2: θ tends to clip(c, ±1/λ); Adam + L2 to c/(1 + λ)."""
    decayed, l2 = (_settled(claim) for claim in ("adamw", "adam"))
    limit = np.clip(CENTRE, -1 / LAM, 1 / LAM)
    last = RATE / STEPS**0.5
    # m keeps a coordinate moving for about 1/(1 - β1) steps past its goal, by at most 2 α_T a step
    reach = 2 * last / (1 - 0.9)
    reason = f"2 α_T/(1-β1): how far momentum carries beyond the limit, α_T = {last:.1e}"
    yield Check("1-box", "AdamW on a quadratic ends at clip(c, ±1/λ)", 0.0, _apart(decayed, limit),
                reach, reason, SOURCE, detail={"steps": STEPS, "coordinates": CENTRE.size},
                ).against("Adam + L2 ends elsewhere", _apart(l2, limit))  # fmt: skip
    ridge = CENTRE / (1 + LAM)
    yield Check("1-ridge", "Adam + L2 on it ends at c/(1+λ), the penalised minimum", 0.0,
                _apart(l2, ridge), reach, reason, "∇L + λθ = 0; Loshchilov & Hutter, Algorithm 2",
                ).against("AdamW does not", _apart(decayed, ridge))  # fmt: skip
    g = decayed - CENTRE
    gap = float(np.abs(g).sum() + LAM * decayed @ g)
    # inside the box |g|(1 + λ|θ|) <= 2 |g|, at its wall |g|(1 - λ|θ|) with |g| <= 1
    yield Check("1-kkt", "KKT: ‖∇L‖₁ + λ⟨θ, ∇L⟩ = 0", 0.0, gap, 2 * reach * CENTRE.size,
                "at most 2 a coordinate, times the tolerance of 1-box", SOURCE,
                ).against("Adam + L2", float(np.abs(l2 - CENTRE).sum() + LAM * l2 @ (l2 - CENTRE)),
                )  # fmt: skip


def _settled(claim: str) -> Array:
    form = "lr" if claim == "adamw" else None
    walk = Walk(claim, np.zeros_like(CENTRE), form=form, learning_rate=RATE, weight_decay=LAM,
                schedule=lambda t: t**-0.5)  # fmt: skip
    for _ in range(STEPS):
        walk.step(walk.theta - CENTRE)
    return walk.theta


def _apart(a: Array, b: Array) -> float:
    return float(np.abs(a - b).max())


def betas() -> Iterator[Check]:
    """The box needs β1 <= β2: else sparse gradients push θ out of it.

    With β1 > √β2 the step m̂/√v̂ grows while no gradient comes, v fading faster than m. A gradient of
    1 every K steps then moves θ by more than α a step on average.
    """
    inside = max(_pushed(b1, b2) for b1, b2 in ((0.9, 0.999), (0.9, 0.9)))
    yield Check("1-betas", "Sparse gradients: λ|θ| stays below 1 while β1 <= β2", 1.0, inside,
                2 * UNIT * PUSHED, "rounding, two a step", relation="<=",
                source="Xie & Li 2024, arXiv:2404.04454 (their condition β1 <= β2)",
                detail={"periods": PERIODS.tolist(), "steps": PUSHED},
                ).against("β1 = 0.99 > β2 = 0.9 leaves the box", _pushed(0.99, 0.9))  # fmt: skip


PERIODS, PUSHED = np.array([1, 3, 150]), 6000


def _pushed(beta1: float, beta2: float) -> float:
    """The largest λ|θ| under a gradient of -1 every 1, 3 or 150 steps, from 0 on."""
    walk = Walk("adamw", np.zeros(3), form="lr", learning_rate=2e-3, weight_decay=LAM,
                beta1=beta1, beta2=beta2)  # fmt: skip
    return max(
        LAM * float(np.abs(walk.step(-1.0 * (t % PERIODS == 0))).max()) for t in range(PUSHED)
    )
