"""Prodigy, as Algorithm 4 of its paper has it: Adam, at a rate that the whole tree estimates."""

from collections.abc import Sequence
from typing import Any

from array_api_compat import array_namespace

from ...sums import Rounds, Sum
from ..distance import grown

Array = Any


def prodigy(theta: Array, g: Array, slots: Sequence[Array], s: Any, /) -> Rounds:
    """One step of Prodigy on one tensor of a tree.

    The recurrence, with ⟨·,·⟩ and ‖·‖_1 over all tensors, γ_t = η_t α and β3 = √β2::

        g_t = ∇f_t(θ_{t-1})
        m_t = β1 m_{t-1} + (1 - β1) d_{t-1} g_t
        v_t = β2 v_{t-1} + (1 - β2) d_{t-1}² g_t²
        r_t = β3 r_{t-1} + (1 - β3) γ_t d_{t-1}² ⟨g_t, θ_0 - θ_{t-1}⟩
        s_t = β3 s_{t-1} + (1 - β3) γ_t d_{t-1}² g_t
        d_t = max(d_{t-1}, r_t / ‖s_t‖_1)
        θ_t = θ_{t-1} - γ_t d_{t-1} m_t / (√v_t + d_{t-1} ε)

    Mishchenko & Defazio (2023), Algorithm 4; the numbers beside the code are its lines. The decay,
    of which it says nothing, is that of the authors' program, at the step's own rate; d stays where
    ‖s_t‖_1 is 0. γ_t stands under the sum, so that tensors of several rates have one r.

    `theta`, `g` and the slots `theta0`, `s`, `m`, `v` are arrays of one shape and one real floating
    dtype; `r` and `d` are numbers. The rule asks for its sums: `wdref.sums.alone` drives it.

    >>> import numpy as np
    >>> from wdref.rules.prodigy import ProdigyScalars
    >>> from wdref.sums import alone
    >>> theta, theta0, g, zero = (np.full(2, x) for x in (3.0, 5.0, 1.0, 0.0))
    >>> s = ProdigyScalars(step=1.0, beta1=0.5, one_minus_beta1=0.5, beta2=0.25,
    ...                    one_minus_beta2=0.75, beta3=0.5, pull=0.5, gain=0.5, eps=0.0,
    ...                    coefficient=1.0)
    >>> alone(prodigy, theta, g, (theta0, zero, zero, zero, 0.0, 1.0), s)[1][4:]
    (2.0, 2.0)
    """
    xp = array_namespace(theta, g)
    theta0, total, m, v, r, d = slots

    # MOMENTS     m_{k+1} ← β1 m_k + (1 - β1) d_k g_k                              line 5
    m = s.beta1 * m + (s.one_minus_beta1 * d) * g
    #             v_{k+1} ← β2 v_k + (1 - β2) d_k² g_k²                            line 6
    v = s.beta2 * v + (s.one_minus_beta2 * (d * d)) * (g * g)

    # DISTANCE    s_{k+1} ← √β2 s_k + (1 - √β2) γ_k d_k² g_k                       line 8
    total = s.beta3 * total + (s.gain * (d * d)) * g
    along = (s.pull * (d * d)) * (g * (theta0 - theta))
    inner, size = yield Sum(along, "tree"), Sum(xp.abs(total), "tree")
    #             r_{k+1} ← √β2 r_k + (1 - √β2) γ_k d_k² ⟨g_k, x_0 - x_k⟩          line 7
    r = s.beta3 * r + inner
    #             d_{k+1} ← max(d_k, r_{k+1} / ‖s_{k+1}‖_1)                        lines 9, 10
    new = grown(d, r, size, times=s.coefficient)

    # STEP        x_{k+1} ← x_k - γ_k d_k m_{k+1} / (√v_{k+1} + d_k ε)             line 11
    step = (s.step * d) * (m / (xp.sqrt(v) + d * s.eps))
    kept = (theta0, total, m, v, r, new)
    if s.decay is None:
        return theta - step, kept
    return theta - (step + (s.decay * d) * theta), kept
