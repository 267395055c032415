"""Adadelta: Algorithm 1 of Zeiler (2012), with L2 regularisation or decoupled weight decay."""

from collections.abc import Sequence
from typing import Any

from array_api_compat import array_namespace

Array = Any


def adadelta(
    theta: Array, g: Array, slots: Sequence[Array], s: Any, /
) -> tuple[Array, tuple[Array, Array]]:
    """One step of Adadelta.

    The recurrence, with the terms that the paper has not in brackets::

        g_t = ∇f_t(θ_{t-1}) [+ λ θ_{t-1}]
        v_t = ρ v_{t-1} + (1 - ρ) g_t²
        d_t = √(u_{t-1} + ε)/√(v_t + ε) g_t
        u_t = ρ u_{t-1} + (1 - ρ) d_t²
        θ_t = θ_{t-1} - [η_t α] d_t [- η_t λ θ_{t-1}]

    Zeiler (2012), Algorithm 1; the numbers beside the code are its lines. v is its E[g²], u its
    E[Δx²], and d its -Δx. The paper has no rate: programs have one, which is 1 in PyTorch and 0.001
    in Keras, and none of them lets it into u.

    `theta`, `g` and the slots `v`, `u` are arrays of one shape and one real floating dtype. The
    scalars ``s.l2`` (λ) and ``s.decay`` (η_t λ) are None where their term is absent; ``s.step`` is
    η_t α.

    >>> import numpy as np
    >>> from wdref.dialects import AdadeltaScalars
    >>> theta, g, zero = np.array([1.0]), np.array([4.0]), np.array([0.0])
    >>> s = AdadeltaScalars(step=0.5, rho=0.5, one_minus_rho=0.5, eps=1.0, decay=0.25)
    >>> adadelta(theta, g, (zero, zero), s)
    (array([0.08333333]), (array([8.]), array([0.88888889])))
    """
    xp = array_namespace(theta, g)
    v, u = slots

    # GRADIENT    g_t ← ∇f_t(θ_{t-1}) + λ θ_{t-1}                                 line 3
    if s.l2 is not None:
        g = g + s.l2 * theta  # L2 regularisation

    # MOMENTS     v_t ← ρ v_{t-1} + (1 - ρ) g_t²                                  line 4
    v = s.rho * v + s.one_minus_rho * (g * g)
    #             d_t ← RMS[Δx]_{t-1}/RMS[g]_t g_t, RMS[x] = √(E[x²] + ε)         line 5, equation 9
    d = xp.sqrt(u + s.eps) / xp.sqrt(v + s.eps) * g
    #             u_t ← ρ u_{t-1} + (1 - ρ) d_t²                                  line 6
    u = s.rho * u + s.one_minus_rho * (d * d)

    # STEP        θ_t ← θ_{t-1} - η_t α d_t                                       line 7
    step = s.step * d
    if s.decay is not None:
        step = step + s.decay * theta  # decoupled weight decay
    return theta - step, (v, u)
