"""Algorithm 2: Adam, with L2 regularisation or with decoupled weight decay (AdamW)."""

from collections.abc import Sequence
from typing import Any

from array_api_compat import array_namespace

Array = Any


def adam(
    theta: Array, g: Array, slots: Sequence[Array], s: Any, /
) -> tuple[Array, tuple[Array, Array]]:
    """One step of Adam (L2) or AdamW (decoupled weight decay).

    The recurrence, with the two terms that differ in brackets::

        g_t = ∇f_t(θ_{t-1}) [+ λ θ_{t-1}]                                        Adam
        m_t = β1 m_{t-1} + (1 - β1) g_t          m̂_t = m_t / (1 - β1^t)
        v_t = β2 v_{t-1} + (1 - β2) g_t²         v̂_t = v_t / (1 - β2^t)
        θ_t = θ_{t-1} - η_t (α m̂_t / (√v̂_t + ε) [+ λ θ_{t-1}])                   AdamW

    Loshchilov & Hutter (2019), Algorithm 2; the numbers beside the code are its lines. Frameworks
    depart from it in three places: most multiply the decay by α too (PyTorch, optax, Keras), some
    add ε to √v_t before the bias correction (Keras, scikit-learn, the authors' own program), some
    decay after the step (thinc). Each is a dialect: see `wdref.dialects.AdamDialect`.

    `theta`, `g` and the slots `m`, `v` are arrays of one shape and one real floating dtype. The
    scalars ``s.l2`` (λ) and ``s.decay`` (η_t λ) are None where their term is absent; ``s.step`` is
    η_t α, ``s.bias1`` is 1 - β1^t.

    >>> import numpy as np
    >>> from wdref.dialects import AdamScalars
    >>> theta, g, zero = np.array([1.0]), np.array([4.0]), np.array([0.0])
    >>> s = AdamScalars(step=0.5, beta1=0.5, one_minus_beta1=0.5, beta2=0.75, one_minus_beta2=0.25,
    ...                 bias1=0.5, bias2=0.25, eps=4.0, decay=0.25)
    >>> adam(theta, g, (zero, zero), s)
    (array([0.5]), (array([2.]), array([4.])))
    """
    xp = array_namespace(theta, g)
    m, v = slots

    # GRADIENT    g_t ← ∇f_t(θ_{t-1}) + λ θ_{t-1}                                 line 6
    if s.l2 is not None:
        g = g + s.l2 * theta  # Adam with L2 regularisation

    # MOMENTS     m_t ← β1 m_{t-1} + (1 - β1) g_t                                 line 7
    m = s.beta1 * m + s.one_minus_beta1 * g
    #             v_t ← β2 v_{t-1} + (1 - β2) g_t²                                line 8
    v = s.beta2 * v + s.one_minus_beta2 * (g * g)
    #             m̂_t ← m_t / (1 - β1^t),  v̂_t ← v_t / (1 - β2^t)                 lines 9, 10
    m_hat = m / s.bias1
    v_hat = v / s.bias2

    # STEP        θ_t ← θ_{t-1} - η_t (α m̂_t / (√v̂_t + ε) + λ θ_{t-1})            lines 11, 12
    step = s.step * (m_hat / (xp.sqrt(v_hat) + s.eps))
    if s.decay is not None:
        step = step + s.decay * theta  # AdamW
    return theta - step, (m, v)
