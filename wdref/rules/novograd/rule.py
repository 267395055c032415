"""NovoGrad, as Algorithm 1 of its paper has it: one second moment for each tensor."""

from collections.abc import Sequence
from typing import Any

from ...sums import Rounds, Sum
from ..choice import root

Array = Any


def novograd(theta: Array, g: Array, slots: Sequence[Any], s: Any, /) -> Rounds:
    """One step of NovoGrad on one tensor.

    The recurrence, the norm over the whole tensor::

        g_t = ∇f_t(θ_{t-1})
        v_1 = ‖g_1‖²,  v_t = β2 v_{t-1} + (1 - β2) ‖g_t‖²
        m_1 = g_1 / (√v_1 + ε) + λ θ_0,  m_t = β1 m_{t-1} + g_t / (√v_t + ε) + λ θ_{t-1}
        θ_t = θ_{t-1} - η_t α m_t

    Ginsburg et al. (2019), Algorithm 1, whose λ_t is η_t α here and whose d is λ. The decay stands
    in the moment, beside the normalised gradient. ε is in the first step too, as in the authors'
    program: the paper's line for it has none, and divides by 0 where the first gradient is 0.

    `theta`, `g` and the slot `m` are arrays of one shape and one real floating dtype, `v` is a
    number. The first step is in the host's scalars, as β2 = 0 and 1 - β2 = 1: m is 0 before it. The
    rule asks for its sum: it is driven by `wdref.sums.alone`.

    >>> import numpy as np
    >>> from wdref.rules.novograd import NovogradScalars
    >>> from wdref.sums import alone
    >>> theta, g, m = np.array([1.0, 1.0]), np.array([3.0, 4.0]), np.array([1.0, 0.0])
    >>> s = NovogradScalars(step=0.5, beta1=0.5, beta2=0.5, one_minus_beta2=0.5, eps=0.0, decay=0.5)
    >>> alone(novograd, theta, g, (m, 75.0), s)[1][1]
    50.0
    >>> s = s._replace(beta2=0.0, one_minus_beta2=1.0)
    >>> alone(novograd, theta, g, (m, 75.0), s)
    (array([0.2 , 0.35]), (array([1.6, 1.3]), 25.0))
    """
    m, v = slots

    # NORM        v_t ← β2 v_{t-1} + (1 - β2) ‖g_t‖²                            Algorithm 1
    (g2,) = yield (Sum(g * g),)
    v = s.beta2 * v + s.one_minus_beta2 * g2

    # MOMENT      m_t ← β1 m_{t-1} + (g_t / (√v_t + ε) + λ θ_{t-1})
    u = g / (root(v) + s.eps)
    if s.decay is not None:
        u = u + s.decay * theta
    m = s.beta1 * m + u

    # STEP        θ_t ← θ_{t-1} - η_t α m_t
    return theta - s.step * m, (m, v)
