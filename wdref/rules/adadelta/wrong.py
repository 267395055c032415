"""Steps of Adadelta as bugs make them: see bugs.toml.

``(base, theta, g, slots, s) -> (theta, slots)``, as of the twists of the gallery.
"""

from collections.abc import Sequence
from typing import Any

from array_api_compat import array_namespace

from ..decay import moved


def product(base: Any, theta: Any, g: Any, slots: Sequence[Any], s: Any, /) -> Any:
    """(ρ v + 1 - ρ) g² for ρ v + (1 - ρ) g²."""
    g = _gradient(theta, g, s)
    return _step(base, theta, g, ((s.rho * slots[0] + s.one_minus_rho) * (g * g), slots[1]), s)


def added(base: Any, theta: Any, g: Any, slots: Sequence[Any], s: Any, /) -> Any:
    """The average of the squares added to v, and not put in its place."""
    g = _gradient(theta, g, s)
    v = slots[0] + (s.rho * slots[0] + s.one_minus_rho * (g * g))
    return _step(base, theta, g, (v, slots[1]), s)


def _gradient(theta: Any, g: Any, s: Any) -> Any:
    return g if s.l2 is None else g + s.l2 * theta


def _step(base: Any, theta: Any, g: Any, slots: Sequence[Any], s: Any) -> Any:
    xp = array_namespace(theta, g)
    v, u = slots
    d = xp.sqrt(u + s.eps) / xp.sqrt(v + s.eps) * g
    u = s.rho * u + s.one_minus_rho * (d * d)
    return moved(base, theta, s.step * d, s), (v, u)
