"""Bayesian filtering: decay acts on the prior mean, whatever the posterior's width.

Aitchison (2018), arXiv 1807.07540, one parameter: a prior N(µ, s²) shrinks by 1-a and widens by q,
s² ← (1-a)² p + q, and meets a gradient of mean square ⟨g²⟩ as a likelihood of that precision:

    p = 1/(1/s² + ⟨g²⟩),  µ ← (1-a)(µ + p g)

so that p is a learning rate, and a the decay: of µ, not of p g. Loshchilov & Hutter, Section 3.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..check import UNIT, Check, slope
from ..walk import Array, Walk

SOURCE = "Aitchison 2018, arXiv:1807.07540"
STEPS, A, Q = 300, 1e-3, 1e-4
SIZES = np.array([1e-1, 1.0, 1e1, 1e2])  # ⟨g²⟩


def posterior() -> Iterator[Check]:
    """The filter's mean is SGDW's θ, decay after the step, with the learning rate p_t."""
    rng = np.random.default_rng(10)
    g = rng.standard_normal((STEPS, SIZES.size)) * SIZES**0.5
    variance, mean = np.full(SIZES.size, 0.5), np.ones(SIZES.size)
    walks = [Walk("sgdw", mean, form="paper", order="after"), Walk("sgd", mean)]
    for row in g:
        p = 1 / (1 / variance + SIZES)
        mean = (1 - A) * (mean - p * row)  # row is the gradient of the loss, -g of the likelihood
        variance = (1 - A) ** 2 * p + Q
        for walk in walks:
            walk.hyper |= {"learning_rate": p, "weight_decay": A}
            walk.step(row)
    decayed, l2 = (float(np.abs(walk.theta - mean).max()) for walk in walks)
    yield Check("9-mean", "The filter's mean is SGDW's θ with learning rate p_t and decay a", 0.0,
                decayed, 8 * UNIT * STEPS * max(1.0, float(np.abs(mean).max()) + 1),
                "8 roundings a step", SOURCE, detail={"steps": STEPS},
                ).against("SGD + L2 with λ = a", l2)  # fmt: skip


def rates() -> Iterator[Check]:
    """At rest p falls as ⟨g²⟩^(-1/2), like RMSprop's 1/√v, while q⟨g²⟩ << 1, then as ⟨g²⟩^-1.

    For a = 0: p² ⟨g²⟩ + p q ⟨g²⟩ - q = 0, and d log p/d log ⟨g²⟩ = -(1 + w)/2 with w = √(x/(4+x)),
    x = q⟨g²⟩.
    """
    for name, sizes, want, words in (
        ("root", np.geomspace(1e-2, 1.0, 5), -0.5, "while q⟨g²⟩ << 1: -1/2, the root mean square"),
        (
            "inverse",
            np.geomspace(1e8, 1e10, 5),
            -1.0,
            "where q⟨g²⟩ >> 1: -1, the Fisher information",
        ),
    ):
        found = float(slope(np.log(sizes), np.log(_at_rest(sizes))[:, None])[0])
        x = Q * sizes
        w = (x / (4 + x)) ** 0.5
        off = float(np.max(w if name == "root" else 1 - w)) / 2
        other = np.geomspace(1e8, 1e10, 5) if name == "root" else np.geomspace(1e-2, 1.0, 5)
        yield Check(f"9-{name}", f"Slope of the learning rate p in ⟨g²⟩ {words}", want, found,
                    2 * off, "twice the exact slope's distance from it at the end of the range",
                    SOURCE, detail={"q": Q, "g2": sizes.tolist()},
                    ).against("in the other regime",
                              float(slope(np.log(other), np.log(_at_rest(other))[:, None])[0]),
                              )  # fmt: skip


def _at_rest(sizes: Array) -> Array:
    p = np.full(sizes.shape, 1.0)
    for _ in range(4000):
        p = 1 / (1 / (p + Q) + sizes)
    return p


def shrinking() -> Iterator[Check]:
    """Decay is the prior's: as strong at any ⟨g²⟩. As a likelihood (L2) it is multiplied by p."""
    sizes = np.geomspace(1e-2, 1.0, 5)
    p, one = _at_rest(sizes), np.ones(sizes.size)
    options: dict[str, Any] = {"learning_rate": p, "weight_decay": A}
    steps = {claim: 1 - Walk(claim, one, **options).step(np.zeros(sizes.size))
             for claim in ("sgdw", "sgd")}  # fmt: skip
    slopes = {claim: float(slope(np.log(sizes), np.log(np.abs(x))[:, None])[0])
              for claim, x in steps.items()}  # fmt: skip
    yield Check("9-decay", "Slope of the shrinking of θ in ⟨g²⟩: 0, it acts on the prior mean", 0.0,
                slopes["sgdw"], 4 * UNIT / A, "rounding of 1 - a, relative to a", SOURCE,
                ).against("an L2 term is scaled by p", slopes["sgd"])  # fmt: skip
