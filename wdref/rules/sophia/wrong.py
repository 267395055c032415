"""Steps of Sophia as bugs make them, ``(base, theta, g, slots, s)``: see bugs.toml."""

from collections.abc import Sequence
from typing import Any

from array_api_compat import array_namespace

Array = Any


def bounded_denominator(
    base: Any, theta: Array, g: Array, slots: Sequence[Array], s: Any, /
) -> Any:
    """M / min(h + ε, 1): what is clipped is not the step, but what it is divided by."""
    _, (m, h) = base.apply(theta, g, slots, s)
    xp = array_namespace(theta)
    new = theta - s.step * (m / xp.minimum(h + s.eps, xp.full_like(h, 1.0)))
    return new - (0.0 if s.decay is None else s.decay) * theta, (m, h)


def own_square(base: Any, theta: Array, g: Array, slots: Sequence[Array], s: Any, /) -> Any:
    """What is taken for the estimate is the square of the step's own gradient."""
    m, h, _ = slots
    return base.apply(theta, g, (m, h, g * g), s)
