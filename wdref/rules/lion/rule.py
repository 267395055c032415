"""Algorithm 2 of Chen et al. (2023): Lion, a step of one size in every coordinate."""

from collections.abc import Sequence
from typing import Any

from array_api_compat import array_namespace

Array = Any


def lion(theta: Array, g: Array, slots: Sequence[Array], s: Any, /) -> tuple[Array, tuple[Array]]:
    """One step of Lion, with decoupled weight decay.

    The recurrence, with the L2 term in brackets that the paper has not::

        g_t = ∇f_t(θ_{t-1}) [+ λ θ_{t-1}]
        c_t = β1 m_{t-1} + (1 - β1) g_t
        θ_t = θ_{t-1} - η_t α (sgn c_t + λ θ_{t-1})
        m_t = β2 m_{t-1} + (1 - β2) g_t

    Chen et al., Symbolic Discovery of Optimization Algorithms (2023), Algorithm 2, whose η_t is the
    learning rate, η_t α here. The sign is taken between the moment before the step and the
    gradient; Tiger and Signum take it of the moment just made, SignSGD of the gradient alone: see
    `wdref.dialects.LionDialect`. sgn 0 is 0.

    `theta`, `g` and the slot `m` are arrays of one shape and one real floating dtype. The scalars
    ``s.l2`` (λ) and ``s.decay`` (η_t α λ) are None where their term is absent; ``s.step`` is η_t α.

    >>> import numpy as np
    >>> from wdref.dialects import LionScalars
    >>> theta, g, m = np.array([1.0, 1.0]), np.array([4.0, 0.0]), np.array([-2.0, 0.0])
    >>> s = LionScalars(step=0.5, beta1=0.5, one_minus_beta1=0.5, beta2=0.75, one_minus_beta2=0.25,
    ...                 decay=0.125)
    >>> lion(theta, g, (m,), s)
    (array([0.375, 0.875]), (array([-0.5,  0. ]),))
    """
    xp = array_namespace(theta, g)
    (m,) = slots

    # GRADIENT    g_t ← ∇f_t(θ_{t-1}) + λ θ_{t-1}
    if s.l2 is not None:
        g = g + s.l2 * theta  # not in the paper: programs that couple the decay

    # MOMENTS     c_t ← β1 m_{t-1} + (1 - β1) g_t                                 Algorithm 2
    c = s.beta1 * m + s.one_minus_beta1 * g

    # STEP        θ_t ← θ_{t-1} - η_t α (sgn c_t + λ θ_{t-1})
    step = s.step * xp.sign(c)
    if s.decay is not None:
        step = step + s.decay * theta
    new = theta - step

    # MOMENTS     m_t ← β2 m_{t-1} + (1 - β2) g_t
    m = s.beta2 * m + s.one_minus_beta2 * g
    return new, (m,)
