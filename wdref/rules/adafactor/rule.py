"""Adafactor, as Algorithms 4 to 6 of its paper have it: a matrix by its rows and columns."""

from collections.abc import Sequence
from typing import Any

from array_api_compat import array_namespace

from ...sums import Count, Rounds, Sum
from ..choice import quotient
from ..trust import rms
from .means import at_least, has_rows

Array = Any


def adafactor(theta: Array, g: Array, slots: Sequence[Array], s: Any, /) -> Rounds:
    """One step of Adafactor on one tensor.

    The recurrence of a matrix of n rows and m columns, and of a vector::

        α_t = max(ε2, RMS(θ_{t-1})) ρ_t
        R_t = β̂2_t R_{t-1} + (1 - β̂2_t) (G_t² + ε1) 1_m / m
        C_t = β̂2_t C_{t-1} + (1 - β̂2_t) 1_nᵀ (G_t² + ε1) / n
        V̂_t = R_t C_t / (1_nᵀ R_t / n)      or V̂_t = β̂2_t V̂_{t-1} + (1 - β̂2_t) (G_t² + ε1)
        U_t = G_t / √V̂_t
        Û_t = U_t / max(1, RMS(U_t) / d)
        θ_t = θ_{t-1} - α_t Û_t - k θ_{t-1}

    Shazeer & Stern (2018), Algorithms 4, 5 and 6; the numbers beside the code are the lines of
    Algorithm 4. R and C are means, as in the authors' program, where the paper has sums: V̂ is the
    same. Of more than two axes the last two are the rows and columns. The paper has no decay.

    `theta` and `g` are arrays of one shape and one real floating dtype; the slots are `r`, a number
    a row, `c`, one a column, and `v`, like a tensor that has neither. The rule asks for its sums:
    it is driven by `wdref.sums.alone`.

    >>> import numpy as np
    >>> from wdref.rules.adafactor import AdafactorScalars
    >>> from wdref.sums import alone
    >>> theta, g = np.array([[3.0, 4.0]]), np.array([[2.0, 4.0]])
    >>> slots = np.zeros((1, 1)), np.zeros((1, 2)), np.zeros(0)
    >>> s = AdafactorScalars(step=0.5, beta2=0.0, one_minus_beta2=1.0, eps=0.0, eps2=4.0,
    ...                      threshold=1.0)
    >>> alone(adafactor, theta, g, slots, s)[0]
    array([[1., 2.]])
    """
    xp = array_namespace(theta, g)
    r, c, v = slots

    # STEP SIZE   α_t ← max(ε2, RMS(θ_{t-1})) ρ_t                                     line 2
    theta2, count = yield Sum(theta * theta), Count(theta)
    alpha = s.step * at_least(s.eps2, rms(theta2, count))

    # MOMENTS     R_t, C_t from the means of G_t² + ε1 along the axes                 lines 4, 5
    g2 = g * g + s.eps
    if has_rows(r):
        of_rows, of_columns = yield Sum(g2, "rows"), Sum(g2, "columns")
        r = s.beta2 * r + s.one_minus_beta2 * (of_rows / g.shape[-1])
        c = s.beta2 * c + s.one_minus_beta2 * (of_columns / g.shape[-2])
        #         V̂_t ← R_t C_t / (1_nᵀ R_t / n)                                      line 6
        (of_r,) = yield (Sum(r, "columns"),)
        v_hat = r * c / (of_r / g.shape[-2])
    else:
        #         V̂_t ← β̂2_t V̂_{t-1} + (1 - β̂2_t) (G_t² + ε1)            Algorithm 5, line 4
        v_hat = v = s.beta2 * v + s.one_minus_beta2 * g2

    # UPDATE      U_t ← G_t / √V̂_t,  Û_t ← U_t / max(1, RMS(U_t) / d)                 lines 7, 8
    u = g / xp.sqrt(v_hat)
    (u2,) = yield (Sum(u * u),)
    u = u / at_least(1.0, quotient(rms(u2, count), s.threshold))

    # STEP        θ_t ← θ_{t-1} - α_t Û_t                                             line 9
    step = alpha * u
    if s.decay is None:
        return theta - step, (r, c, v)
    return theta - (step + s.decay * theta), (r, c, v)
