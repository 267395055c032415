"""DoWG, as its paper has it: each gradient is weighted with how far the tree had gone."""

from collections.abc import Sequence
from typing import Any

from ...sums import Rounds, Sum
from ..choice import larger, root
from ..distance import over

Array = Any


def dowg(theta: Array, g: Array, slots: Sequence[Array], s: Any, /) -> Rounds:
    """One step of DoWG on one tensor of a tree.

    The recurrence, with norms over all tensors; r is the square of the paper's::

        g_t = ∇f_t(θ_{t-1}) [+ λ θ_{t-1}]
        r_t = max(r_{t-1}, ‖θ_{t-1} - θ_0‖²)         r_0 = r_ε²
        G_t = G_{t-1} + r_t ‖g_t‖²
        θ_t = θ_{t-1} - η_t α r_t / (√G_t + ε) g_t

    Khaled, Mishchenko & Jin (2023), Algorithm 1, without a projection. ε, of which it says nothing,
    and the decay, an L2 term, are optax's.

    `theta`, `g` and the slot `theta0` are arrays of one shape and one real floating dtype; `r` and
    `G` are numbers. The rule asks for its sums: `wdref.sums.alone` drives it.

    >>> import numpy as np
    >>> from wdref.rules.dog import DogScalars
    >>> from wdref.sums import alone
    >>> theta, theta0, g = np.array([3.0, 4.0]), np.zeros(2), np.array([0.0, 2.0])
    >>> alone(dowg, theta, g, (theta0, 1.0, 0.0), DogScalars(step=0.5, eps=0.0))
    (array([3. , 1.5]), (array([0., 0.]), 25.0, 100.0))
    """
    theta0, r, seen = slots

    # GRADIENT    g_t ← ∇f(x_t)
    if s.l2 is not None:
        g = g + s.l2 * theta
    way = theta - theta0
    way2, g2 = yield Sum(way * way, "tree"), Sum(g * g, "tree")

    # DISTANCE    r_t² ← max(r_{t-1}², ‖x_t - x_0‖²)
    r = larger(r, way2)
    # GRADIENTS   v_t ← v_{t-1} + r_t² ‖g_t‖²
    seen = seen + r * g2

    # STEP        x_{t+1} ← x_t - r_t² / √v_t g_t
    return theta - (s.step * over(r, root(seen) + s.eps)) * g, (theta0, r, seen)
