"""Adamax: Algorithm 2 of Adam's paper, with L2 regularisation or decoupled decay (AdamaxW)."""

from collections.abc import Sequence
from typing import Any

from array_api_compat import array_namespace

Array = Any


def adamax(
    theta: Array, g: Array, slots: Sequence[Array], s: Any, /
) -> tuple[Array, tuple[Array, Array]]:
    """One step of Adamax (L2) or AdamaxW (decoupled weight decay).

    The recurrence, with the two terms that the paper has not in brackets::

        g_t = ∇f_t(θ_{t-1}) [+ λ θ_{t-1}]                                        Adamax
        m_t = β1 m_{t-1} + (1 - β1) g_t
        u_t = max(β2 u_{t-1}, |g_t|)
        θ_t = θ_{t-1} - η_t α/(1 - β1^t) · m_t/u_t [- η_t λ θ_{t-1}]             AdamaxW

    Kingma & Ba (2015), Algorithm 2 of Section 7.1; the names beside the code are its lines. The
    paper has no ε: where no gradient has come yet, 0/0 is no number. Programs have one, in three
    places, and MLX does not correct the bias of m: see `wdref.dialects.AdamaxDialect`.

    `theta`, `g` and the slots `m`, `u` are arrays of one shape and one real floating dtype. The
    scalars ``s.l2`` (λ) and ``s.decay`` (η_t λ) are None where their term is absent; ``s.step`` is
    η_t α/(1 - β1^t).

    >>> import numpy as np
    >>> from wdref.dialects import AdamaxScalars
    >>> theta, g, zero = np.array([1.0]), np.array([-4.0]), np.array([0.0])
    >>> s = AdamaxScalars(step=0.5, beta1=0.5, one_minus_beta1=0.5, beta2=0.75, decay=0.25)
    >>> adamax(theta, g, (zero, zero), s)
    (array([1.]), (array([-2.]), array([4.])))
    """
    xp = array_namespace(theta, g)
    m, u = slots

    # GRADIENT    g_t ← ∇f_t(θ_{t-1}) + λ θ_{t-1}                       "Get gradients"
    if s.l2 is not None:
        g = g + s.l2 * theta  # Adamax with L2 regularisation

    # MOMENTS     m_t ← β1 m_{t-1} + (1 - β1) g_t                       "Update biased first moment"
    m = s.beta1 * m + s.one_minus_beta1 * g
    #             u_t ← max(β2 u_{t-1}, |g_t|)                          "Update the … infinity norm"
    u = xp.maximum(s.beta2 * u, abs(g))

    # STEP        θ_t ← θ_{t-1} - (α/(1 - β1^t)) m_t/u_t                "Update parameters"
    step = s.step * (m / u)
    if s.decay is not None:
        step = step + s.decay * theta  # AdamaxW
    return theta - step, (m, u)
