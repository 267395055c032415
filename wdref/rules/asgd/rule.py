"""ASGD: Bottou's descent at a falling rate, and the average of Polyak & Juditsky (1992)."""

from collections.abc import Sequence
from typing import Any

from array_api_compat import array_namespace

Array = Any


def asgd(theta: Array, g: Array, slots: Sequence[Array], s: Any, /) -> tuple[Array, tuple[Array]]:
    """One step of averaged stochastic gradient descent.

    The recurrence, with the terms that the papers have not in brackets::

        γ_t = η_t α / (1 + λ_d η_t α (t-1))^a
        μ_t = 1 / max(1, t-1-t0)
        g_t = ∇f_t(θ_{t-1}) [+ λ θ_{t-1}]
        θ_t = θ_{t-1} - γ_t (g_t + λ_d θ_{t-1}) [- η_t λ θ_{t-1}]
        θ̄_t = (1 - μ_t) θ̄_{t-1} + μ_t θ_t

    Bottou, Stochastic Gradient Descent Tricks (2012), whose first step has t = 0; Polyak & Juditsky
    (1992) is the average θ̄, which no step reads. λ_d is the coefficient of the penalty ½ λ_d ‖θ‖²
    in the function that is minimised: it decays θ and makes the rate fall. λ, PyTorch's
    ``weight_decay``, decays beside it and leaves the rate alone.

    `theta`, `g` and the slot `average` (θ̄) are arrays of one shape and one real floating dtype. The
    scalars ``s.l2`` (λ) and ``s.decay`` (η_t λ) are None where their term is absent; ``s.step`` is
    γ_t, ``s.penalty`` λ_d, ``s.mu`` μ_t.

    >>> import numpy as np
    >>> from wdref.dialects import AsgdScalars
    >>> theta, g, average = np.array([1.0]), np.array([2.0]), np.array([0.0])
    >>> s = AsgdScalars(step=0.25, penalty=0.5, mu=0.5, one_minus_mu=0.5)
    >>> asgd(theta, g, (average,), s)
    (array([0.375]), (array([0.1875]),))
    """
    array_namespace(theta, g)  # one library, or a clear error
    (average,) = slots

    # GRADIENT    g_t ← ∇f_t(θ_{t-1}) + λ θ_{t-1}
    if s.l2 is not None:
        g = g + s.l2 * theta  # L2 regularisation

    # STEP        θ_t ← θ_{t-1} - γ_t (g_t + λ_d θ_{t-1})                          Bottou
    step = s.step * (g + s.penalty * theta)
    if s.decay is not None:
        step = step + s.decay * theta  # decoupled weight decay
    theta = theta - step

    # AVERAGE     θ̄_t ← (1 - μ_t) θ̄_{t-1} + μ_t θ_t                                Polyak & Juditsky
    return theta, (averaged(average, theta, s),)


def averaged(average: Array, theta: Array, s: Any, /) -> Array:
    """Return the average of the iterates so far; where μ_t is 1, the iterate."""
    return s.one_minus_mu * average + s.mu * theta
