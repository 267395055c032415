"""Steps of cautious rules as bugs make them: see bugs.toml.

``(base, theta, g, slots, s) -> (theta, slots)``, as of the twists of the gallery.
"""

from collections.abc import Sequence
from typing import Any

from ...sums import alone


def masked_by_itself(base: Any, theta: Any, g: Any, slots: Sequence[Any], s: Any, /) -> Any:
    """The mask is of the momentum times itself: nothing is left out but zeros."""
    m, v = slots
    m, v = s.beta1 * m + s.one_minus_beta1 * g, s.beta2 * v + s.one_minus_beta2 * (g * g)
    # a base that reads the new momentum in the place of the gradient has the same step
    raw = s._replace(beta1=0.0, one_minus_beta1=1.0, beta2=1.0, one_minus_beta2=0.0)
    new, _ = alone(base.rounds, theta, m, (m, v), raw)
    return new, (m, v)
