"""A step taken apart: what the gradient moves, and what the L2 term or the decay does.

m is linear in g + λ θ, so that m = m_g + m_λ, and a step is -η α (u_g + u_λ) with
u_g = m̂_g/(√v̂ + ε). v, the m's and the step are those of the rule itself.
"""

from typing import Any

import numpy as np

from wdref.conventions import dialect

from ..theory.variants import ABLATION
from ..theory.walk import Array, Walk

METHODS = ("AdamW", *(name for name in ABLATION))  # "both" is Adam + L2
TITLES = {
    "AdamW": "AdamW",
    "both": "L2 in m and v (Adam + L2)",
    "m only": "L2 in m only",
    "v only": "L2 in v only",
    "neither": "L2 in neither",
}


class Parted:
    """A method of `METHODS` on one array; after `step`, its parts: u_g, u_λ and √v̂ + ε."""

    def __init__(self, method: str, theta: Array, **hyper: Any) -> None:
        decoupled = method == "AdamW"
        self.walk = Walk("adamw" if decoupled else "adam", theta, form="lr" if decoupled else None,
                         rule=None if decoupled else ABLATION[method], **hyper)  # fmt: skip
        self.bare = dialect("adam", form="none").apply
        self.m_g = np.zeros_like(self.walk.theta)
        self.by_gradient = self.by_decay = self.denominator = self.m_g

    def step(self, g: Array) -> Array:
        """Make the step and return the new θ."""
        old, v = self.walk.theta, self.walk.slots[1]
        new = self.walk.step(g)
        s = self.walk.scalars()
        _, (self.m_g, _) = self.bare(old, g, (self.m_g, v), s._replace(l2=None, decay=None))
        self.denominator = np.sqrt(self.walk.slots[1] / s.bias2) + s.eps
        self.by_gradient = self.m_g / s.bias1 / self.denominator
        self.by_decay = (old - new) / s.step - self.by_gradient
        return new
