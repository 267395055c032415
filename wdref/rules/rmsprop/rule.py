"""RMSprop with momentum, with L2 regularisation or with decoupled weight decay."""

from collections.abc import Sequence
from typing import Any

from array_api_compat import array_namespace

Array = Any


def rmsprop(
    theta: Array, g: Array, slots: Sequence[Array], s: Any, /
) -> tuple[Array, tuple[Array, Array]]:
    """One step of RMSprop (L2) or RMSpropW (decoupled weight decay).

    The recurrence, with the two terms that differ in brackets::

        g_t = ∇f_t(θ_{t-1}) [+ λ θ_{t-1}]                     RMSprop
        v_t = ρ v_{t-1} + (1 - ρ) g_t²
        m_t = μ m_{t-1} + η_t α g_t / √(v_t + ε)
        θ_t = θ_{t-1} - m_t [- η_t λ θ_{t-1}]                 RMSpropW

    v and the division by its root are Hinton's (2012), lecture 6e, slide 29; ε, the momentum and
    their places are Graves' (2013), equations 38, 40 and 41, without the average gradient of 39,
    which is the dialect ``centered``: n is v here, ℵ is ρ, ℶ is μ, ℷ is α, ℸ is ε, and Δ is -m.
    Neither has a decay; its two places are those of Loshchilov & Hutter (2019), Algorithm 1, lines
    6 and 9. PyTorch has ε outside the root and the rate outside the momentum: see
    `wdref.dialects.RMSpropDialect`.

    `theta`, `g` and the slots `v`, `m` are arrays of one shape and one real floating dtype. The
    scalars ``s.l2`` (λ) and ``s.decay`` (η_t λ) are None where their term is absent; ``s.step`` is
    η_t α.

    >>> import numpy as np
    >>> from wdref.dialects import RMSpropScalars
    >>> theta, g, zero = np.array([1.0]), np.array([4.0]), np.array([0.0])
    >>> s = RMSpropScalars(step=0.5, momentum=0.5, rho=0.75, one_minus_rho=0.25, eps=12.0,
    ...                    decay=0.25)
    >>> rmsprop(theta, g, (zero, zero), s)
    (array([0.25]), (array([4.]), array([0.5])))
    """
    xp = array_namespace(theta, g)
    v, m = slots

    # GRADIENT    g_t ← ∇f_t(θ_{t-1}) + λ θ_{t-1}
    if s.l2 is not None:
        g = g + s.l2 * theta  # RMSprop with L2 regularisation

    # MOMENTS     v_t ← ρ v_{t-1} + (1 - ρ) g_t²                          slide 29, equation 38
    v = s.rho * v + s.one_minus_rho * (g * g)
    #             m_t ← μ m_{t-1} + η_t α g_t / √(v_t + ε)                equation 40
    m = s.momentum * m + s.step * (g / xp.sqrt(v + s.eps))

    # STEP        θ_t ← θ_{t-1} - m_t - η_t λ θ_{t-1}                     equation 41
    step = m
    if s.decay is not None:
        step = step + s.decay * theta  # RMSpropW
    return theta - step, (v, m)
