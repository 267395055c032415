"""Igel & Hüsken (2003): iRprop-, the resilient propagation of Riedmiller & Braun, improved."""

from collections.abc import Sequence
from typing import Any

from array_api_compat import array_namespace

Array = Any


def rprop(
    theta: Array, g: Array, slots: Sequence[Array], s: Any, /
) -> tuple[Array, tuple[Array, Array]]:
    """One step of iRprop-.

    The recurrence, in every coordinate::

        p_t = g_{t-1} g_t
        Δ_t = min(η⁺ Δ_{t-1}, Δmax) where p_t > 0, max(η⁻ Δ_{t-1}, Δmin) where p_t < 0
        g_t = 0 where p_t < 0
        θ_t = θ_{t-1} - Δ_t sgn g_t

    Igel & Hüsken, Empirical evaluation of the improved Rprop learning algorithms (2003), iRprop-.
    The learning rate is Δ_0 and nothing else; no schedule is read and nothing decays. Where the
    gradient changes its sign Riedmiller & Braun take back the last step, others go on along the new
    gradient: see `wdref.dialects.RpropDialect`.

    `theta`, `g` and the slots `last` (g_{t-1}) and `size` (Δ_{t-1}) are arrays of one shape and one
    real floating dtype.

    >>> import numpy as np
    >>> from wdref.dialects import RpropScalars
    >>> theta, g, last = np.array([1.0, 1.0]), np.array([2.0, -3.0]), np.array([1.0, 1.0])
    >>> s = RpropScalars(shrink=0.5, grow=1.5, smallest=0.25, largest=0.75)
    >>> rprop(theta, g, (last, np.array([0.25, 0.25])), s)
    (array([0.625, 1.   ]), (array([2., 0.]), array([0.375, 0.25 ])))
    """
    xp = array_namespace(theta, g)
    last, size = slots

    # GRADIENT    p_t ← g_{t-1} g_t
    p = last * g

    # MOMENTS     Δ_t ← min(η⁺ Δ_{t-1}, Δmax) where p_t > 0                       iRprop-
    larger = xp.minimum(s.grow * size, xp.full_like(size, s.largest))
    #             Δ_t ← max(η⁻ Δ_{t-1}, Δmin), g_t ← 0 where p_t < 0
    smaller = xp.maximum(s.shrink * size, xp.full_like(size, s.smallest))
    size = xp.where(p > 0.0, larger, xp.where(p < 0.0, smaller, size))
    g = xp.where(p < 0.0, xp.full_like(g, 0.0), g)

    # STEP        θ_t ← θ_{t-1} - Δ_t sgn g_t
    return theta - size * xp.sign(g), (g, size)
