"""LAMB, as Algorithm 2 of its paper has it: a trust ratio for each tensor."""

from collections.abc import Sequence
from typing import Any

from array_api_compat import array_namespace

from ...sums import Rounds, Sum
from ..trust import trust

Array = Any


def lamb(theta: Array, g: Array, slots: Sequence[Array], s: Any, /) -> Rounds:
    """One step of LAMB on one tensor.

    The recurrence, norms over the whole tensor::

        g_t = ∇f_t(θ_{t-1})
        m_t = β1 m_{t-1} + (1 - β1) g_t          m̂_t = m_t / (1 - β1^t)
        v_t = β2 v_{t-1} + (1 - β2) g_t²         v̂_t = v_t / (1 - β2^t)
        u_t = m̂_t / (√v̂_t + ε) + λ θ_{t-1}
        θ_t = θ_{t-1} - η_t α (‖θ_{t-1}‖ / ‖u_t‖) u_t

    You et al. (2020), Algorithm 2, with φ the identity; the numbers beside the code are its lines.
    The decay stands inside the ratio. Where a norm is 0 the ratio is 1, as in the authors' program.

    `theta`, `g` and the slots `m`, `v` are arrays of one shape and one real floating dtype. The
    rule asks for its sums: it is driven by `wdref.sums.alone`.

    >>> import numpy as np
    >>> from wdref.rules.lamb import LambScalars
    >>> from wdref.sums import alone
    >>> theta, g, zero = np.array([3.0, 4.0]), np.array([0.0, 2.0]), np.zeros(2)
    >>> s = LambScalars(step=0.5, beta1=0.5, one_minus_beta1=0.5, beta2=0.5, one_minus_beta2=0.5,
    ...                 bias1=0.5, bias2=0.5, eps=0.0)
    >>> alone(lamb, theta, g + 2.0, (zero, zero), s)[0] - theta
    array([-1.76776695, -1.76776695])
    """
    xp = array_namespace(theta, g)
    m, v = slots

    # MOMENTS     m_t ← β1 m_{t-1} + (1 - β1) g_t                                 line 5
    m = s.beta1 * m + s.one_minus_beta1 * g
    #             v_t ← β2 v_{t-1} + (1 - β2) g_t²                                line 6
    v = s.beta2 * v + s.one_minus_beta2 * (g * g)
    #             m̂_t ← m_t / (1 - β1^t),  v̂_t ← v_t / (1 - β2^t)                 lines 7, 8
    m_hat = m / s.bias1
    v_hat = v / s.bias2

    # RATIO       r_t ← m̂_t / (√v̂_t + ε),  u_t ← r_t + λ θ_{t-1}                  line 9
    u = m_hat / (xp.sqrt(v_hat) + s.eps)
    if s.decay is not None:
        u = u + s.decay * theta
    theta2, u2 = yield Sum(theta * theta), Sum(u * u)

    # STEP        θ_t ← θ_{t-1} - η_t α (‖θ_{t-1}‖ / ‖u_t‖) u_t                   line 10
    return theta - (s.step * trust(theta2, u2)) * u, (m, v)
