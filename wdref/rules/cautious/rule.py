"""Cautious AdamW, Algorithm 2 of Liang et al. (2024): no step where u and g disagree."""

from collections.abc import Sequence
from typing import Any

from array_api_compat import array_namespace

from ...sums import Count, Rounds, Sum
from ..choice import quotient

Array = Any


def cautious(theta: Array, g: Array, slots: Sequence[Array], s: Any, /) -> Rounds:
    """One step of Cautious AdamW on one tensor.

    The recurrence, with n the number of elements of the tensor and Σ over all of them::

        g_t = ∇f_t(θ_{t-1})
        m_t = β1 m_{t-1} + (1 - β1) g_t          m̂_t = m_t / (1 - β1^t)
        v_t = β2 v_{t-1} + (1 - β2) g_t²         v̂_t = v_t / (1 - β2^t)
        u_t = m̂_t / (√v̂_t + ε)
        φ_t = 1 where u_t g_t > 0, else 0
        θ' = θ_{t-1} - η_t α n / (Σ φ_t + 1) φ_t u_t
        θ_t = θ' - η_t α λ θ'

    Liang et al. (2024), Algorithm 2, with the mask as its Algorithm 1 has it. The 1 beside the sum
    keeps the quotient finite: a tensor of one element takes half of AdamW's step. What is masked
    is the step alone: the averages and the decay are as without it.

    `theta`, `g` and the slots `m`, `v` are arrays of one shape and one real floating dtype. The
    rule asks for its sums: it is driven by `wdref.sums.alone`.

    >>> import numpy as np
    >>> from wdref.rules.cautious import CautiousScalars
    >>> from wdref.sums import alone
    >>> theta, g, m = np.ones(3), np.array([2.0, 2.0, -2.0]), np.array([2.0, -4.0, -2.0])
    >>> s = CautiousScalars(step=0.5, beta1=0.5, one_minus_beta1=0.5, beta2=0.0,
    ...                     one_minus_beta2=1.0, bias1=1.0, bias2=1.0, eps=0.0)
    >>> alone(cautious, theta, g, (m, 0 * g), s)  # of three two agree: each is multiplied by 3/3
    (array([0.5, 1. , 1.5]), (array([ 2., -1., -2.]), array([4., 4., 4.])))
    """
    xp = array_namespace(theta, g)
    m, v = slots

    # MOMENTS     m_t ← β1 m_{t-1} + (1 - β1) g_t
    m = s.beta1 * m + s.one_minus_beta1 * g
    #             v_t ← β2 v_{t-1} + (1 - β2) g_t²
    v = s.beta2 * v + s.one_minus_beta2 * (g * g)
    #             u_t ← m̂_t / (√v̂_t + ε)
    u = (m / s.bias1) / (xp.sqrt(v / s.bias2) + s.eps)

    # MASK        φ_t ← [u_t g_t > 0]
    phi = xp.where(u * g > 0.0, xp.full_like(u, 1.0), xp.full_like(u, 0.0))
    agreeing, n = yield Sum(phi), Count(g)

    # STEP        θ' ← θ_{t-1} - η_t α n / (Σ φ_t + 1) φ_t u_t
    new = theta - (s.step * quotient(n, agreeing + 1.0)) * (phi * u)
    #             θ_t ← θ' - η_t α λ θ'
    if s.decay is not None:
        new = new - s.decay * new
    return new, (m, v)
