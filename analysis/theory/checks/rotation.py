"""Scale-invariant weights: the norm and the angle a step to which decay drives them.

Kosson et al. (2023), arXiv 2305.17212. The loss of weights w before a normalisation does not depend
on |w|, so that its gradient is orthogonal to w and falls as 1/|w|. Steps make |w| grow, decay makes
it shrink; where they balance, the angle a step is set by α and λ alone. Here the gradient is noise:
G z/|w| with z of unit length, orthogonal to w and drawn anew at each step.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..check import Check, interval, slope
from ..walk import Array, Walk

SOURCE = "Kosson et al. 2023, arXiv:2305.17212"
C, REPLICAS, SETTLE, MEASURE = 256, 6, 5000, 2000
NOISE = np.array([3.0, 10.0, 30.0])  # G


class Balance(NamedTuple):
    """|w| and the angle a step, for each G: what theory says, or what was found (G, replica)."""

    norm: Array
    angle: Array


def noise(rng: np.random.Generator, w: Array, G: Any) -> Array:
    """Draw G z/|w|, z orthogonal to w along the last axis and of length 1."""
    z = rng.standard_normal(w.shape)
    square = (w * w).sum(-1, keepdims=True)
    z -= (z * w).sum(-1, keepdims=True) / square * w
    found: Array = G * z / np.sqrt((z * z).sum(-1, keepdims=True) * square)
    return found


def _settled(claim: str, balance: Balance, **hyper: Any) -> Balance:
    """Mean |w| and root mean square angle a step, (G, replica), after `SETTLE` steps.

    Half of the replicas start 25 % above the norm that theory says, half 20 % below.
    """
    rng = np.random.default_rng(4)
    w = rng.standard_normal((NOISE.size, REPLICAS, C))
    start = balance.norm[:, None, None] * np.where(np.arange(REPLICAS) % 2, 1.25, 0.8)[:, None]
    w *= start / np.linalg.norm(w, axis=-1, keepdims=True)
    walk = Walk(claim, w, form="lr" if claim == "adamw" else None, **hyper)
    norm, square = np.zeros(w.shape[:2]), np.zeros(w.shape[:2])
    for t in range(SETTLE + MEASURE):
        old = walk.theta
        new = walk.step(noise(rng, old, NOISE[:, None, None]))
        if t >= SETTLE:
            ab, aa, bb = ((x * y).sum(-1) for x, y in ((old, new), (old, old), (new, new)))
            square += np.maximum(0.0, 1 - ab * ab / (aa * bb))  # sin²
            norm += np.sqrt(bb)
    return Balance(norm / MEASURE, np.arcsin(np.sqrt(square / MEASURE)))


ALPHA, LAM, BETA1 = 1e-3, 1.0, 0.9


def adam() -> Iterator[Check]:
    """AdamW: |w| = √(αC/2λ), angle √(2αλ(1-β1)/(1+β1)), whatever the gradient's size.

    Adam + L2: |w|³ = α√C G/(2λ), angle √((1-β1)/(1+β1)) (2α²Cλ/G)^(1/3), which falls with G.
    """
    turned = ((1 - BETA1) / (1 + BETA1)) ** 0.5
    free = Balance(np.full(NOISE.size, (ALPHA * C / (2 * LAM)) ** 0.5),
                   np.full(NOISE.size, turned * (2 * ALPHA * LAM) ** 0.5))  # fmt: skip
    bound = Balance((ALPHA * C**0.5 * NOISE / (2 * LAM)) ** (1 / 3),
                    turned * (2 * ALPHA**2 * C * LAM / NOISE) ** (1 / 3))  # fmt: skip
    options = {"learning_rate": ALPHA, "weight_decay": LAM, "beta1": BETA1}
    decayed, l2 = _settled("adamw", free, **options), _settled("adam", bound, **options)
    # what the formulas leave out, relative
    left = _left(ALPHA * LAM, 1 - BETA1, back=2) + 0.001
    pull = LAM * bound.norm * C**0.5 / NOISE  # λ/√v̂ with √v̂ = G/(|w|√C)
    share = (LAM * bound.norm**2 / NOISE) ** 2  # of the L2 term in v̂
    rest = max(_left(ALPHA * p, 1 - BETA1, back=3) for p in pull) + share.max() + 0.001
    note = "v̂'s fluctuation 1-β2"
    yield from _compare("adamw", "AdamW", free, decayed, left, note)
    yield from _compare("l2", "Adam + L2", bound, l2, rest, f"{note}, L2's share of v̂")
    yield _exponent(decayed, l2, left)


def _left(k: float, memory: float, back: int) -> float:
    """Relative size of what is left out: turning while m remembers, dimension, the start."""
    return float(k / memory + 1 / C + np.exp(-back * k * SETTLE) / 4)


def _compare(
    name: str, words: str, theory: Balance, found: Balance, left: float, note: str = ""
) -> Iterator[Check]:
    """A check each for |w| and the angle: the worst G, as a ratio to theory."""
    for what, own, want in zip(("norm", "angle"), found, theory, strict=True):
        ratios = [interval(row) for row in own / want[:, None]]
        mean, half = max(ratios, key=lambda pair: abs(pair[0] - 1))
        yield Check(f"3-{name}-{what}", f"{words}: {what} in equilibrium over theory's", 1.0, mean,
                    half + left, _why(half, left, note), SOURCE,
                    detail={"G": NOISE.tolist(), "theory": want.tolist(),
                            "measured": own.mean(axis=1).tolist(), "replicas": REPLICAS},
                    )  # fmt: skip


def _why(half: float, left: float, note: str) -> str:
    terms = "k/(1-β1), 1/C, the start" + (f", {note}" if note else "")
    return f"99.9 % interval ±{half:.1g}; left out by the formula {left:.1g} ({terms})"


def _exponent(decayed: Balance, l2: Balance, left: float) -> Check:
    """The exponent d log(angle)/d log G: 0 for AdamW, -1/3 for Adam + L2."""
    slopes = [slope(np.log(NOISE), np.log(own.angle)) for own in (decayed, l2)]
    mean, half = interval(slopes[0])
    decades = float(np.log(NOISE[-1] / NOISE[0]))
    rest = 2 * left / decades
    return Check("3-exponent", "AdamW's angle does not depend on the gradient's size: G^0", 0.0,
                 mean, half + rest, f"99.9 % interval ±{half:.1g}; {left:.1g} at both ends of G",
                 SOURCE, detail={"G": NOISE.tolist()},
                 ).against("Adam + L2 turns by G^(-1/3)", interval(slopes[1])[0])  # fmt: skip


def sgdm() -> Iterator[Check]:
    """SGD with momentum µ and L2: angle √(2αλ/(1+µ)), |w|⁴ = αG²/(2λ(1-µ))."""
    alpha, lam = 0.01, 0.1
    for mu in (0.0, 0.9):
        theory = Balance((alpha * NOISE**2 / (2 * lam * (1 - mu))) ** 0.25,
                         np.full(NOISE.size, (2 * alpha * lam / (1 + mu)) ** 0.5))  # fmt: skip
        found = _settled("sgd", theory, learning_rate=alpha, weight_decay=lam, momentum=mu)
        # the rate of return of |w| is 4αλ/(1-µ) >= 4αλ
        left = _left(alpha * lam, 1 - mu, back=4)
        yield from _compare(f"sgd{mu:g}", f"SGD, momentum {mu:g}, L2", theory, found, left)
