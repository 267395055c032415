"""StableAdamW, as Algorithm 2 of its paper has it: a step's length bounded for each tensor."""

from collections.abc import Sequence
from typing import Any

from array_api_compat import array_namespace

from ...sums import Count, Rounds, Sum
from ..choice import larger, quotient
from ..trust import rms

Array = Any


def stableadamw(theta: Array, g: Array, slots: Sequence[Array], s: Any, /) -> Rounds:
    """One step of StableAdamW on one tensor.

    The recurrence, E the mean over the whole tensor::

        g_t = ∇f_t(θ_{t-1})
        β̂1 = β1 (1 - β1^{t-1}) / (1 - β1^t)      β̂2 = β2 (1 - β2^{t-1}) / (1 - β2^t)
        m_t = β̂1 m_{t-1} + (1 - β̂1) g_t
        v_t = β̂2 v_{t-1} + (1 - β̂2) g_t²
        RMS_t = √E(g_t² / max(v_t, ε²))
        θ_t = θ_{t-1} - (η_t α / max(1, RMS_t)) (m_t / (√v_t + ε) + λ θ_{t-1})

    Wortsman et al. (2023), Algorithm 2, whose v and u are m and v here, as in Adam, and whose η_t
    is η_t α / max(1, RMS_t). With β̂ the averages are corrected already: they are Adam's m̂ and v̂.
    The decay is shortened with the step, which not all programs do.

    `theta`, `g` and the slots `m`, `v` are arrays of one shape and one real floating dtype. The
    rule asks for its sums: it is driven by `wdref.sums.alone`.

    >>> import numpy as np
    >>> from wdref.rules.stableadamw import StableScalars
    >>> from wdref.sums import alone
    >>> theta, g, m, v = np.ones(2), np.array([4.0, 4.0]), np.zeros(2), np.zeros(2)
    >>> s = StableScalars(step=1.0, beta1=0.5, one_minus_beta1=0.5, beta2=0.75,
    ...                   one_minus_beta2=0.25, eps=0.0, eps2=0.0)
    >>> alone(stableadamw, theta, g, (m, v), s)  # g is twice √v: the step is half of Adam's
    (array([0.5, 0.5]), (array([2., 2.]), array([4., 4.])))
    """
    xp = array_namespace(theta, g)
    m, v = slots

    # MOMENTS     m_t ← β̂1 m_{t-1} + (1 - β̂1) g_t
    m = s.beta1 * m + s.one_minus_beta1 * g
    #             v_t ← β̂2 v_{t-1} + (1 - β̂2) g_t²
    g2 = g * g
    v = s.beta2 * v + s.one_minus_beta2 * g2

    # CLIP        RMS_t ← √E(g_t² / max(v_t, ε²))
    total, n = yield Sum(g2 / xp.maximum(v, xp.full_like(v, s.eps2))), Count(g)
    longer = larger(1.0, rms(total, n))

    # STEP        η_t ← η_t α / max(1, RMS_t),  θ_t ← θ_{t-1} - η_t (m_t / (√v_t + ε) + λ θ_{t-1})
    step = quotient(s.step, longer) * (m / (xp.sqrt(v) + s.eps))
    if s.decay is not None:
        step = step + quotient(s.decay, longer) * theta
    return theta - step, (m, v)
