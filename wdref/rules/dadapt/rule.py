"""D-Adapted Adam, as its paper has it: the whole tree estimates the distance to the solution."""

from collections.abc import Sequence
from typing import Any

from array_api_compat import array_namespace

from ...sums import Rounds, Sum
from ..distance import grown

Array = Any


def dadapt(theta: Array, g: Array, slots: Sequence[Array], s: Any, /) -> Rounds:
    """One step of D-Adapted Adam on one tensor of a tree.

    The recurrence, with ⟨·,·⟩ and ‖·‖_1 over all tensors, γ_t = η_t α and β3 = √β2::

        g_t = ∇f_t(θ_{t-1})
        m_t = β1 m_{t-1} + (1 - β1) γ_t d_{t-1} g_t
        v_t = β2 v_{t-1} + (1 - β2) g_t²          A_t = √v_t + ε
        r_t = β3 r_{t-1} + (1 - β3) γ_t d_{t-1} ⟨g_t, s_{t-1} / A_t⟩
        s_t = β3 s_{t-1} + (1 - β3) γ_t d_{t-1} g_t
        d_t = max(d_{t-1}, r_t / ((1 - β3) ‖s_t‖_1))
        θ_t = θ_{t-1} - m_t / A_t

    Defazio & Mishchenko (2023), D-Adapted Adam. The decay, of which it says nothing, is that of
    the authors' program, at the step's own rate γ_t d_{t-1}; d stays where ‖s_t‖_1 is 0. γ_t stands
    under the sum, so that tensors of several rates have one r.

    `theta`, `g` and the slots `s`, `m`, `v` are arrays of one shape and one real floating dtype;
    `r` and `d` are numbers. The rule asks for its sums: `wdref.sums.alone` drives it.

    >>> import numpy as np
    >>> from wdref.rules.dadapt import DAdaptScalars
    >>> from wdref.sums import alone
    >>> theta, g, before, zero = (np.full(2, x) for x in (3.0, 1.0, 4.0, 0.0))
    >>> s = DAdaptScalars(rate=1.0, beta1=0.5, one_minus_beta1=0.5, beta2=0.25,
    ...                   one_minus_beta2=0.75, beta3=0.5, one_minus_beta3=0.5, eps=0.0)
    >>> alone(dadapt, theta, g, (before, zero, zero + 1.0, 0.0, 1.0), s)[1][3:]
    (4.0, 1.6)
    """
    xp = array_namespace(theta, g)
    total, m, v, r, d = slots
    rate = s.rate * d

    # MOMENTS     m_{k+1} ← β1 m_k + (1 - β1) γ_k d_k g_k
    m = s.beta1 * m + (s.one_minus_beta1 * rate) * g
    #             v_{k+1} ← β2 v_k + (1 - β2) g_k²
    v = s.beta2 * v + s.one_minus_beta2 * (g * g)
    below = xp.sqrt(v) + s.eps

    # DISTANCE    r_{k+1} ← √β2 r_k + (1 - √β2) γ_k d_k ⟨g_k, s_k⟩ in the metric of A_{k+1}^{-1}
    along = (s.one_minus_beta3 * rate) * (g * (total / below))
    #             s_{k+1} ← √β2 s_k + (1 - √β2) γ_k d_k g_k
    total = s.beta3 * total + (s.one_minus_beta3 * rate) * g
    inner, size = yield Sum(along, "tree"), Sum(xp.abs(total), "tree")
    r = s.beta3 * r + inner
    #             d_{k+1} ← max(d_k, r_{k+1} / ((1 - √β2) ‖s_{k+1}‖_1))
    new = grown(d, r, s.one_minus_beta3 * size)

    # STEP        x_{k+1} ← x_k - A_{k+1}^{-1} m_{k+1}
    step, kept = m / below, (total, m, v, r, new)
    if s.decay is None:
        return theta - step, kept
    return theta - (step + (s.decay * d) * theta), kept
