"""Steps of MARS as bugs make them: see bugs.toml.

``(base, theta, g, slots, s)``, a generator as the rule is: it asks for the sum that the rule does.
"""

from collections.abc import Sequence
from typing import Any

from ...sums import Rounds, Sum
from ..choice import larger, root


def clipped_alone(base: Any, theta: Any, g: Any, slots: Sequence[Any], s: Any, /) -> Rounds:
    """The correction clipped, and not what is corrected: c = g + clip(γ β1/(1 - β1) (g - g₋))."""
    correction = s.correction * (g - slots[-1])
    (length2,) = yield (Sum(correction * correction),)
    c = g + correction / larger(1.0, root(length2))
    return _stepped(base, theta, c, g, slots, s)


def recursive(base: Any, theta: Any, g: Any, slots: Sequence[Any], s: Any, /) -> Rounds:
    """A recursion of its own: c = g + (1 - γ) (c₋ - g₋), whose last c - g is kept, unclipped.

    The scalar of the correction is 1 - γ there.
    """
    c = g + s.correction * slots[-1]
    yield (Sum(c * c),)
    return _stepped(base, theta, c, c - g, slots, s)


def kept_clipped(base: Any, theta: Any, g: Any, slots: Sequence[Any], s: Any, /) -> Rounds:
    """The c that was clipped kept for the gradient, into which it was written."""
    c = g + s.correction * (g - slots[-1])
    (c2,) = yield (Sum(c * c),)
    c = c / larger(1.0, root(c2))
    return _stepped(base, theta, c, c, slots, s)


def late_l2(base: Any, theta: Any, g: Any, slots: Sequence[Any], s: Any, /) -> Rounds:
    """λ θ added to the gradient when c is made already: it is in g₋ alone."""
    c = g + s.correction * (g - slots[-1])
    (c2,) = yield (Sum(c * c),)
    c = c / larger(1.0, root(c2))
    last = g if s.l2 is None else g + s.l2 * theta
    return _stepped(base, theta, c, last, slots, s)


def _stepped(
    base: Any, theta: Any, c: Any, last: Any, slots: Sequence[Any], s: Any
) -> tuple[Any, tuple[Any, ...]]:
    """The moments and the step that the dialect makes of `c`: neither corrected nor clipped."""
    unclipped = base.answered(norm="none").rule()
    new, kept = unclipped(theta, c, slots, s._replace(correction=0.0, l2=None))
    return new, (*kept[:-1], last)
