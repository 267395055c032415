"""LARS, as Algorithm 1 of its paper has it: SGD with momentum, and a rate for each tensor."""

from collections.abc import Sequence
from typing import Any

from array_api_compat import array_namespace

from ...sums import Rounds, Sum
from ..choice import chosen, quotient, root

Array = Any


def lars(theta: Array, g: Array, slots: Sequence[Array], s: Any, /) -> Rounds:
    """One step of LARS on one tensor.

    The recurrence, norms over the whole tensor::

        g_t = ∇f_t(θ_{t-1})
        ℓ_t = κ ‖θ_{t-1}‖ / (‖g_t‖ + λ ‖θ_{t-1}‖)
        m_t = β1 m_{t-1} + η_t α ℓ_t (g_t + λ θ_{t-1})
        θ_t = θ_{t-1} - m_t

    You, Gitman & Ginsburg (2017), Algorithm 1, with the coefficient of equation 6, the paper's η,
    which is κ here. The decay stands in the numerator and in the denominator. Where a norm is 0
    the local rate ℓ is 1, as in the authors' program, and κ is no part of it.

    `theta`, `g` and the slot `m` are arrays of one shape and one real floating dtype. The rule asks
    for its sums: it is driven by `wdref.sums.alone`.

    >>> import numpy as np
    >>> from wdref.rules.lars import LarsScalars
    >>> from wdref.sums import alone
    >>> theta, g, m = np.array([3.0, 4.0]), np.array([0.0, 5.0]), np.zeros(2)
    >>> s = LarsScalars(step=0.5, beta1=0.5, trust=0.75, decay=0.5)
    >>> alone(lars, theta, g, (m,), s)
    (array([2.625, 2.25 ]), (array([0.375, 1.75 ]),))
    """
    array_namespace(theta, g)  # one library, or a clear error
    (m,) = slots

    # RATE        ℓ_t ← κ ‖θ_{t-1}‖ / (‖g_t‖ + λ ‖θ_{t-1}‖)                       equation 6
    theta2, g2 = yield Sum(theta * theta), Sum(g * g)
    local = local_rate(theta2, g2, s)

    # MOMENTS     m_t ← β1 m_{t-1} + η_t α ℓ_t (g_t + λ θ_{t-1})                  Algorithm 1
    if s.decay is not None:
        g = g + s.decay * theta
    m = s.beta1 * m + (s.step * local) * g

    # STEP        θ_t ← θ_{t-1} - m_t
    return theta - m, (m,)


def local_rate(theta2: Any, g2: Any, s: Any) -> Any:
    """Return the local rate of two sums of squares, and 1 where either is 0."""

    def rate() -> Any:
        size, below = root(theta2), root(g2)
        if s.decay is not None:
            below = below + s.decay * size
        return quotient(s.trust * size, below)

    return chosen(theta2 > 0.0, lambda: chosen(g2 > 0.0, rate, lambda: 1.0), lambda: 1.0)
