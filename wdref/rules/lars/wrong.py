"""Steps of LARS as bugs make them: see bugs.toml.

``(base, theta, g, slots, s) -> (theta, slots)``, as of the twists of the gallery.
"""

from collections.abc import Sequence
from typing import Any

from ...sums import Rounds, Sum, alone
from .rule import local_rate


def below_alone(base: Any, theta: Any, g: Any, slots: Sequence[Any], s: Any, /) -> Any:
    """λ in the denominator, and not in what the local rate multiplies."""
    return alone(_undecayed, theta, g, slots, s)


def _undecayed(theta: Any, g: Any, slots: Sequence[Any], s: Any, /) -> Rounds:
    theta2, g2 = yield Sum(theta * theta), Sum(g * g)
    m = s.beta1 * slots[0] + (s.step * local_rate(theta2, g2, s)) * g
    return theta - m, (m,)
