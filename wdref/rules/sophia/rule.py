"""Algorithm 3 of Liu et al. (2023): Sophia, a step by the curvature, clipped element by element."""

from collections.abc import Sequence
from typing import Any

from array_api_compat import array_namespace

from ..decay import clipped

Array = Any


def sophia(
    theta: Array, g: Array, slots: Sequence[Array], s: Any, /
) -> tuple[Array, tuple[Array, Array]]:
    """One step of Sophia, with decoupled weight decay.

    The recurrence, ĥ an estimate of the Hessian's diagonal, which is given as g is::

        g_t = ∇f_t(θ_{t-1})
        m_t = β1 m_{t-1} + (1 - β1) g_t
        h_t = β2 h_{t-1} + (1 - β2) ĥ_t     at t = 1, 1 + k, 1 + 2k, …, else h_{t-1}
        θ_t = θ_{t-1} - η_t α (clip(m_t / max(γ h_t, ε), 1) + λ θ_{t-1})

    Liu et al. (2023), Algorithm 3, whose η_t is the learning rate, η_t α here, and whose clip(z, 1)
    is min(max(z, -1), 1). At the steps between, the host's β2 is 1 and 1 - β2 is 0, so that the
    lines are the same at all steps; ĥ is then any finite number.

    `theta`, `g`, the slots (m, h) and the estimate behind them are arrays of one shape and one real
    floating dtype. The scalar ``s.decay`` (η_t α λ) is None where its term is absent.

    >>> import numpy as np
    >>> from wdref.rules.sophia import SophiaScalars
    >>> theta, g, zero, estimate = np.ones(2), np.array([1.0, 8.0]), np.zeros(2), np.full(2, 4.0)
    >>> s = SophiaScalars(step=0.5, beta1=0.5, one_minus_beta1=0.5, beta2=0.5, one_minus_beta2=0.5,
    ...                   gamma=0.5, eps=0.25)
    >>> sophia(theta, g, (zero, zero, estimate), s)  # 0.5 / (0.5 · 2), and 4 / (0.5 · 2) clipped
    (array([0.75, 0.5 ]), (array([0.5, 4. ]), array([2., 2.])))
    """
    xp = array_namespace(theta, g)
    m, h, estimate = slots

    # MOMENT      m_t ← β1 m_{t-1} + (1 - β1) g_t
    m = s.beta1 * m + s.one_minus_beta1 * g

    # CURVATURE   h_t ← β2 h_{t-1} + (1 - β2) ĥ_t
    h = s.beta2 * h + s.one_minus_beta2 * estimate

    # STEP        θ_t ← θ_{t-1} - η_t α (clip(m_t / max(γ h_t, ε), 1) + λ θ_{t-1})
    below = xp.maximum(s.gamma * h, xp.full_like(h, s.eps))
    step = s.step * clipped(xp, m / below, 1.0)
    if s.decay is not None:
        step = step + s.decay * theta
    return theta - step, (m, h)
