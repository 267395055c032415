"""Algorithm 1 of Defazio & Jelassi (2021): MADGRAD, with L2 regularisation or decoupled decay."""

from collections.abc import Sequence
from typing import Any

from ..choice import cube_root

Array = Any


def madgrad(
    theta: Array, g: Array, slots: Sequence[Array], s: Any, /
) -> tuple[Array, tuple[Array, Array, Array]]:
    """One step of MADGRAD.

    The recurrence, with the L2 term and the decay in brackets that the paper has not; k counts from
    0, and what has the index k here is what the step of t = k + 1 begins with::

        g_k = ∇f_k(x_k) [+ λ x_k]
        λ_k = γ √(k + 1)
        s_{k+1} = s_k + λ_k g_k
        v_{k+1} = v_k + λ_k g_k²
        z_{k+1} = x_0 - s_{k+1} / (∛v_{k+1} + ε)
        x_{k+1} = (1 - c) x_k + c z_{k+1} [- κ x_k]

    Defazio & Jelassi, Adaptivity without Compromise: A Momentumized, Adaptive, Dual Averaged
    Gradient Method for Stochastic Optimization (2021), Algorithm 1, whose γ is η_t α here, λ_k
    ``s.weight``, and 1 - c the momentum.

    `theta`, `g` and the slots `theta0`, `s`, `v` are arrays of one shape and one real floating
    dtype; `theta0` holds the parameters before the first step. No library rounds ∛ correctly, so
    that the bits differ between them: see `wdref.rules.choice.cube_root`.

    >>> import numpy as np
    >>> from wdref.rules.madgrad import MadgradScalars
    >>> theta, g, zero = np.array([1.0, 1.0]), np.array([4.0, -4.0]), np.zeros(2)
    >>> s = MadgradScalars(weight=0.5, momentum=0.5, one_minus_momentum=0.5, eps=0.0)
    >>> madgrad(theta, g, (theta, zero, zero), s)[0]
    array([0.5, 1.5])
    """
    theta0, sums, v = slots

    # GRADIENT    g_k ← ∇f_k(x_k) + λ x_k
    if s.l2 is not None:
        g = g + s.l2 * theta  # not in the paper: programs that couple the decay

    # SUMS        s_{k+1} ← s_k + λ_k g_k                                       Algorithm 1
    sums = sums + s.weight * g
    #             v_{k+1} ← v_k + λ_k g_k²
    v = v + s.weight * (g * g)

    # STEP        z_{k+1} ← x_0 - s_{k+1} / (∛v_{k+1} + ε)
    z = theta0 - sums / (cube_root(v) + s.eps)
    #             x_{k+1} ← (1 - c) x_k + c z_{k+1}
    new = s.momentum * theta + s.one_minus_momentum * z
    if s.decay is not None:
        new = new - s.decay * theta
    return new, (theta0, sums, v)
