"""Lengths of whole tensors, from their sums: root mean squares, and the trust ratio."""

from typing import Any

from .choice import chosen, quotient, root


def rms(x2: Any, n: Any) -> Any:
    """Return the root mean square, of a sum of squares and the count of its terms.

    >>> rms(36.0, 4.0)
    3.0
    """
    return root(quotient(x2, n))


def trust(theta2: Any, u2: Any) -> Any:
    """Return ‖θ‖/‖u‖ of two sums of squares, and 1 where either is 0.

    >>> trust(9.0, 4.0), trust(0.0, 4.0), trust(9.0, 0.0)
    (1.5, 1.0, 1.0)
    """

    def ratio() -> Any:
        return quotient(root(theta2), root(u2))

    return chosen(theta2 > 0.0, lambda: chosen(u2 > 0.0, ratio, lambda: 1.0), lambda: 1.0)
