"""The trust ratio: how long a step is, by the length of what it moves."""

from typing import Any

from .choice import chosen, quotient, root


def trust(theta2: Any, u2: Any) -> Any:
    """Return ‖θ‖/‖u‖ of two sums of squares, and 1 where either is 0.

    >>> trust(9.0, 4.0), trust(0.0, 4.0), trust(9.0, 0.0)
    (1.5, 1.0, 1.0)
    """

    def ratio() -> Any:
        return quotient(root(theta2), root(u2))

    return chosen(theta2 > 0.0, lambda: chosen(u2 > 0.0, ratio, lambda: 1.0), lambda: 1.0)
