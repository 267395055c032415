"""Algorithm 2 of Liu et al. (2020): RAdam, Adam whose step waits for its second moment."""

from collections.abc import Sequence
from typing import Any

from array_api_compat import array_namespace

Array = Any


def radam(
    theta: Array, g: Array, slots: Sequence[Array], s: Any, /
) -> tuple[Array, tuple[Array, Array]]:
    """One step of RAdam, with L2 regularisation or with decoupled weight decay.

    The recurrence, with the two terms that differ in brackets::

        g_t = ∇f_t(θ_{t-1}) [+ λ θ_{t-1}]                                        RAdam
        m_t = β1 m_{t-1} + (1 - β1) g_t          m̂_t = m_t / (1 - β1^t)
        v_t = β2 v_{t-1} + (1 - β2) g_t²         v̂_t = v_t / (1 - β2^t)
        ρ∞ = 2/(1 - β2) - 1                      ρ_t = ρ∞ - 2 t β2^t / (1 - β2^t)
        if ρ_t > 4:   r_t = √((ρ_t - 4)(ρ_t - 2) ρ∞ / ((ρ∞ - 4)(ρ∞ - 2) ρ_t))
                      θ_t = θ_{t-1} - η_t (α r_t m̂_t / √v̂_t [+ λ θ_{t-1}])       RAdamW
        else:         θ_t = θ_{t-1} - η_t (α m̂_t [+ λ θ_{t-1}])

    Liu et al. (2020), Algorithm 2; its l_t is 1/√v̂_t. ρ_t depends on t and β2 alone, so that the
    branch is a choice of numbers on the host, and its two lines are one::

        θ_t = θ_{t-1} - η_t α (p m̂_t + r m̂_t / (√v̂_t + e))

    with p = 0, r = r_t, e = 0 where the variance is tractable and p = 1, r = 0, e = 1 where it is
    not. This is exact, in floating point too: 0 and 1 round nothing, and e = 1 keeps a moment that
    is still 0 from 0/0. (An infinite moment is no number on both sides.)

    `theta`, `g` and the slots `m`, `v` are arrays of one shape and one real floating dtype. The
    scalars ``s.l2`` (λ) and ``s.decay`` (η_t λ) are None where their term is absent; ``s.step`` is
    η_t α, ``s.plain`` p, ``s.rectified`` r, ``s.eps`` e.

    >>> import numpy as np
    >>> from wdref.dialects import RadamScalars
    >>> theta, g, zero = np.array([1.0]), np.array([4.0]), np.array([0.0])
    >>> s = RadamScalars(step=0.5, beta1=0.5, one_minus_beta1=0.5, beta2=0.75, one_minus_beta2=0.25,
    ...                  bias1=0.5, bias2=0.25, plain=0.0, rectified=0.5, eps=0.0, decay=0.25)
    >>> radam(theta, g, (zero, zero), s)
    (array([0.5]), (array([2.]), array([4.])))
    >>> radam(theta, g, (zero, zero), s._replace(plain=1.0, rectified=0.0, eps=1.0))[0]
    array([-1.25])
    """
    xp = array_namespace(theta, g)
    m, v = slots

    # GRADIENT    g_t ← ∇f_t(θ_{t-1}) + λ θ_{t-1}
    if s.l2 is not None:
        g = g + s.l2 * theta  # RAdam with L2 regularisation

    # MOMENTS     v_t ← β2 v_{t-1} + (1 - β2) g_t²                                Algorithm 2
    v = s.beta2 * v + s.one_minus_beta2 * (g * g)
    #             m_t ← β1 m_{t-1} + (1 - β1) g_t
    m = s.beta1 * m + s.one_minus_beta1 * g
    #             m̂_t ← m_t / (1 - β1^t),  v̂_t ← v_t / (1 - β2^t)
    m_hat = m / s.bias1
    v_hat = v / s.bias2

    # STEP        θ_t ← θ_{t-1} - α_t r_t m̂_t l_t, or θ_{t-1} - α_t m̂_t while ρ_t ≤ 4
    step = s.step * (s.plain * m_hat + s.rectified * (m_hat / (xp.sqrt(v_hat) + s.eps)))
    if s.decay is not None:
        step = step + s.decay * theta  # RAdamW
    return theta - step, (m, v)
