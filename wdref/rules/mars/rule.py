"""MARS-AdamW, as Algorithm 2 of its paper has it: AdamW of a corrected and clipped gradient."""

from collections.abc import Sequence
from typing import Any

from array_api_compat import array_namespace

from ...sums import Rounds, Sum
from ..choice import larger, root

Array = Any


def mars(theta: Array, g: Array, slots: Sequence[Array], s: Any, /) -> Rounds:
    """One step of MARS-AdamW on one tensor.

    The recurrence, the norm over the whole tensor::

        g_t = ∇f_t(θ_{t-1})
        c_t = g_t + γ β1 / (1 - β1) (g_t - g_{t-1})
        c̃_t = c_t / max(1, ‖c_t‖)
        m_t = β1 m_{t-1} + (1 - β1) c̃_t
        v_t = β2 v_{t-1} + (1 - β2) c̃_t²
        m̂_t = m_t / (1 - β1^t)      v̂_t = v_t / (1 - β2^t)
        θ_t = θ_{t-1} - η_t α (m̂_t / (√v̂_t + ε) + λ θ_{t-1})

    Yuan et al. (2024), Algorithm 2, whose η_t is η_t α here and whose γ_t is constant, in the
    approximate form that needs one gradient a step: g_{t-1} is that of the step before, not that of
    its parameters on the data of this one. The first step has no correction, as the paper's θ_0 is
    its θ_1. The norm is that of one tensor, as in the authors' program.

    `theta`, `g` and the slots `m`, `v`, `last` are arrays of one shape and one real floating dtype;
    `last` is g_{t-1}. The first step is in the host's scalars, as a correction of 0. The rule asks
    for its sum: it is driven by `wdref.sums.alone`.

    >>> import numpy as np
    >>> from wdref.rules.mars import MarsScalars
    >>> from wdref.sums import alone
    >>> theta, g, last = np.ones(2), np.array([3.0, 2.0]), np.array([3.0, 0.0])
    >>> s = MarsScalars(step=1.0, correction=1.0, beta1=0.0, one_minus_beta1=1.0, beta2=0.0,
    ...                 one_minus_beta2=1.0, bias1=1.0, bias2=1.0, eps=0.2)
    >>> alone(mars, theta, g, (g, g, last), s)[1]  # (3, 4) of norm 5
    (array([0.6, 0.8]), array([0.36, 0.64]), array([3., 2.]))
    """
    xp = array_namespace(theta, g)
    m, v, last = slots

    # CORRECTION  c_t ← g_t + γ β1 / (1 - β1) (g_t - g_{t-1})                     Algorithm 2
    c = g + s.correction * (g - last)

    # CLIP        c̃_t ← c_t / max(1, ‖c_t‖)
    (c2,) = yield (Sum(c * c),)
    c = c / larger(1.0, root(c2))

    # MOMENTS     m_t ← β1 m_{t-1} + (1 - β1) c̃_t
    m = s.beta1 * m + s.one_minus_beta1 * c
    #             v_t ← β2 v_{t-1} + (1 - β2) c̃_t²
    v = s.beta2 * v + s.one_minus_beta2 * (c * c)
    #             m̂_t ← m_t / (1 - β1^t),  v̂_t ← v_t / (1 - β2^t)
    m_hat, v_hat = m / s.bias1, v / s.bias2

    # STEP        θ_t ← θ_{t-1} - η_t α (m̂_t / (√v̂_t + ε) + λ θ_{t-1})
    step = s.step * (m_hat / (xp.sqrt(v_hat) + s.eps))
    if s.decay is not None:
        step = step + s.decay * theta
    return theta - step, (m, v, g)
