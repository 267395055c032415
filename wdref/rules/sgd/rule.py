"""Algorithm 1: SGD with momentum, with L2 regularisation or with decoupled weight decay (SGDW)."""

from collections.abc import Sequence
from typing import Any

from array_api_compat import array_namespace

Array = Any


def sgd(theta: Array, g: Array, slots: Sequence[Array], s: Any, /) -> tuple[Array, tuple[Array]]:
    """One step of SGD (L2) or SGDW (decoupled weight decay).

    The recurrence, with the two terms that differ in brackets::

        g_t = ∇f_t(θ_{t-1}) [+ λ θ_{t-1}]                 SGD
        m_t = β1 m_{t-1} + η_t α g_t
        θ_t = θ_{t-1} - m_t [- η_t λ θ_{t-1}]             SGDW

    Loshchilov & Hutter (2019), Algorithm 1; the numbers beside the code are its lines. The learning
    rate is inside the buffer m, as in the paper. PyTorch and the authors' own program multiply by
    it outside, so that a schedule rescales the whole buffer: see `wdref.dialects.MomentumDialect`.

    `theta`, `g` and the slot `m` are arrays of one shape and one real floating dtype. The scalars
    ``s.l2`` (λ) and ``s.decay`` (η_t λ) are None where their term is absent; ``s.step`` is η_t α.

    >>> import numpy as np
    >>> from wdref.dialects import MomentumScalars
    >>> theta, g, m = np.array([1.0]), np.array([0.5]), np.array([0.0])
    >>> s = MomentumScalars(step=0.5, beta1=0.5, decay=0.25)
    >>> sgd(theta, g, (m,), s)
    (array([0.5]), (array([0.25]),))
    """
    array_namespace(theta, g)  # one library, or a clear error
    (m,) = slots

    # GRADIENT    g_t ← ∇f_t(θ_{t-1}) + λ θ_{t-1}                                 line 6
    if s.l2 is not None:
        g = g + s.l2 * theta  # SGD with L2 regularisation

    # MOMENTS     m_t ← β1 m_{t-1} + η_t α g_t                                    lines 7, 8
    m = s.beta1 * m + s.step * g

    # STEP        θ_t ← θ_{t-1} - m_t - η_t λ θ_{t-1}                             line 9
    new = theta - m
    if s.decay is not None:
        new = new - s.decay * theta  # SGDW

    return new, (m,)
