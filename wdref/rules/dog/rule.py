"""DoG, as its paper has it: the rate is the distance gone over the gradients seen, of the tree."""

from collections.abc import Sequence
from typing import Any

from ...sums import Rounds, Sum
from ..choice import larger, root
from ..distance import over

Array = Any


def dog(theta: Array, g: Array, slots: Sequence[Array], s: Any, /) -> Rounds:
    """One step of DoG on one tensor of a tree.

    The recurrence, with norms over all tensors::

        g_t = ∇f_t(θ_{t-1}) [+ λ θ_{t-1}]
        r_t = max(r_{t-1}, ‖θ_{t-1} - θ_0‖)          r_0 = r_ε (1 + ‖θ_0‖)
        G_t = G_{t-1} + ‖g_t‖²
        θ_t = θ_{t-1} - η_t α r_t / √(G_t + ε) g_t

    Ivgi et al. (2023), equation 1 and section 4.1. The decay is an L2 term, as in the authors'
    program. ‖θ_0‖ is that of the slot `theta0`, in every step, so that `r` may begin at 0.

    `theta`, `g` and the slot `theta0` are arrays of one shape and one real floating dtype; `r` and
    `G` are numbers. The rule asks for its sums: `wdref.sums.alone` drives it.

    >>> import numpy as np
    >>> from wdref.rules.dog import DogScalars
    >>> from wdref.sums import alone
    >>> theta, theta0, g = np.array([3.0, 4.0]), np.zeros(2), np.array([0.0, 2.0])
    >>> alone(dog, theta, g, (theta0, 0.0, 0.0), DogScalars(step=0.5, eps=0.0, first=1.0))
    (array([3. , 1.5]), (array([0., 0.]), 5.0, 4.0))
    """
    theta0, r, seen = slots

    # GRADIENT    g_t ← ∇f_t(θ_{t-1})
    if s.l2 is not None:
        g = g + s.l2 * theta
    way = theta - theta0
    way2, g2, first2 = yield (Sum(way * way, "tree"), Sum(g * g, "tree"),
                              Sum(theta0 * theta0, "tree"))  # fmt: skip

    # DISTANCE    r_t ← max(r_ε (1 + ‖θ_0‖), max over i < t of ‖θ_i - θ_0‖)
    r = larger(larger(r, s.first * (1 + root(first2))), root(way2))
    # GRADIENTS   G_t ← G_{t-1} + ‖g_t‖²
    seen = seen + g2

    # STEP        θ_t ← θ_{t-1} - η_t α r_t / √(G_t + ε) g_t
    return theta - (s.step * over(r, root(seen + s.eps))) * g, (theta0, r, seen)
