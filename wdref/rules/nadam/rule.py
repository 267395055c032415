"""Algorithm 2 of Dozat (2016): NAdam, Adam with Nesterov's momentum."""

from collections.abc import Sequence
from typing import Any

from array_api_compat import array_namespace

Array = Any


def nadam(
    theta: Array, g: Array, slots: Sequence[Array], s: Any, /
) -> tuple[Array, tuple[Array, Array]]:
    """One step of NAdam, with L2 regularisation or with decoupled weight decay.

    The recurrence, with the two terms that differ in brackets; ν is β2, and n is v::

        g_t = ∇f_t(θ_{t-1}) [+ λ θ_{t-1}]                                        NAdam
        μ_t = β1 (1 - ½ 0.96^(t ψ))              Π_t = Π_{t-1} μ_t,  Π_0 = 1
        m_t = μ_t m_{t-1} + (1 - μ_t) g_t
        v_t = β2 v_{t-1} + (1 - β2) g_t²
        m̂_t = μ_{t+1} m_t / (1 - Π_{t+1}) + (1 - μ_t) g_t / (1 - Π_t)
        v̂_t = β2 v_t / (1 - β2^t)
        θ_t = θ_{t-1} - η_t (α m̂_t / (√v̂_t + ε) [+ λ θ_{t-1}])                   NAdamW

    Dozat (2016), Algorithm 2, with the schedule of μ that it recommends, ψ = 1/250. Programs keep
    the average m with β1, not μ_t, and leave out the factor β2 of v̂: see
    `wdref.dialects.NadamDialect`.

    `theta`, `g` and the slots `m`, `v` are arrays of one shape and one real floating dtype. The
    scalars ``s.l2`` (λ) and ``s.decay`` (η_t λ) are None where their term is absent; ``s.step`` is
    η_t α, ``s.beta1`` μ_t, ``s.ahead`` μ_{t+1}, ``s.fresh`` 1 - μ_t.

    >>> import numpy as np
    >>> from wdref.dialects import NadamScalars
    >>> theta, g, zero = np.array([1.0]), np.array([4.0]), np.array([0.0])
    >>> s = NadamScalars(step=0.5, beta1=0.5, one_minus_beta1=0.5, beta2=0.5, one_minus_beta2=0.5,
    ...                  ahead=0.5, bias_ahead=0.75, fresh=0.5, bias_fresh=0.5, bias2=0.25,
    ...                  eps=4.0, decay=0.25)
    >>> nadam(theta, g, (zero, zero), s)
    (array([0.41666667]), (array([2.]), array([8.])))
    """
    xp = array_namespace(theta, g)
    m, v = slots

    # GRADIENT    g_t ← ∇f_t(θ_{t-1}) + λ θ_{t-1}
    if s.l2 is not None:
        g = g + s.l2 * theta  # NAdam with L2 regularisation

    # MOMENTS     m_t ← μ_t m_{t-1} + (1 - μ_t) g_t                               Algorithm 2
    m = s.beta1 * m + s.one_minus_beta1 * g
    #             n_t ← ν n_{t-1} + (1 - ν) g_t²
    v = s.beta2 * v + s.one_minus_beta2 * (g * g)
    #             m̂_t ← μ_{t+1} m_t / (1 - Π_{t+1}) + (1 - μ_t) g_t / (1 - Π_t)
    m_hat = s.ahead * m / s.bias_ahead + s.fresh * g / s.bias_fresh
    #             n̂_t ← ν n_t / (1 - ν^t)
    v_hat = s.beta2 * v / s.bias2

    # STEP        θ_t ← θ_{t-1} - α_t m̂_t / (√n̂_t + ε)
    step = s.step * (m_hat / (xp.sqrt(v_hat) + s.eps))
    if s.decay is not None:
        step = step + s.decay * theta  # NAdamW
    return theta - step, (m, v)
