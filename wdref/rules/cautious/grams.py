"""Grams, as its paper has it: the direction of the gradient, the length of Adam's step."""

from collections.abc import Sequence
from typing import Any

from array_api_compat import array_namespace

Array = Any


def grams(
    theta: Array, g: Array, slots: Sequence[Array], s: Any, /
) -> tuple[Array, tuple[Array, Array]]:
    """One step of Grams.

    The recurrence, with Adam's u::

        g_t = ∇f_t(θ_{t-1})
        m_t = β1 m_{t-1} + (1 - β1) g_t          m̂_t = m_t / (1 - β1^t)
        v_t = β2 v_{t-1} + (1 - β2) g_t²         v̂_t = v_t / (1 - β2^t)
        u_t = m̂_t / (√v̂_t + ε)
        θ_t = θ_{t-1} - η_t α (sgn(g_t) |u_t| + λ θ_{t-1})

    Cao, Li & Song (2024), whose decay is that of their program, grams.py. No coordinate is left
    out, so that nothing is scaled and no sum is needed. sgn 0 is 0.

    `theta`, `g` and the slots `m`, `v` are arrays of one shape and one real floating dtype.

    >>> import numpy as np
    >>> from wdref.rules.cautious import CautiousScalars
    >>> theta, g, m = np.ones(3), np.array([2.0, 2.0, -2.0]), np.array([2.0, -4.0, -2.0])
    >>> s = CautiousScalars(step=0.5, beta1=0.5, one_minus_beta1=0.5, beta2=0.0,
    ...                     one_minus_beta2=1.0, bias1=1.0, bias2=1.0, eps=0.0)
    >>> grams(theta, g, (m, 0 * g), s)  # u is 1, -1/2, -1
    (array([0.5 , 0.75, 1.5 ]), (array([ 2., -1., -2.]), array([4., 4., 4.])))
    """
    xp = array_namespace(theta, g)
    m, v = slots

    # MOMENTS     m_t ← β1 m_{t-1} + (1 - β1) g_t
    m = s.beta1 * m + s.one_minus_beta1 * g
    #             v_t ← β2 v_{t-1} + (1 - β2) g_t²
    v = s.beta2 * v + s.one_minus_beta2 * (g * g)
    #             u_t ← m̂_t / (√v̂_t + ε)
    u = (m / s.bias1) / (xp.sqrt(v / s.bias2) + s.eps)

    # STEP        θ_t ← θ_{t-1} - η_t α (sgn(g_t) |u_t| + λ θ_{t-1})
    step = s.step * (xp.sign(g) * xp.abs(u))
    if s.decay is not None:
        step = step + s.decay * theta
    return theta - step, (m, v)
