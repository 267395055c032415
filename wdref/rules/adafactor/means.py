"""Means and roots of them: what Adafactor reads of a tensor, its rows and its columns."""

from typing import Any

from array_api_compat import array_namespace

from ...sums import Sum
from ..choice import constant, larger, quotient, root

Array = Any


def counted(theta: Array) -> Sum:
    """Return the sum that is the number of a tensor's elements, all its shards' together."""
    return Sum(array_namespace(theta).full_like(theta, 1.0))


def rms(squares: Any, count: Any) -> Any:
    """Return the root of the mean of squares, by their sum and number.

    >>> rms(8.0, 2.0)
    2.0
    """
    return root(quotient(squares, count))


def at_least(bound: Any, x: Any) -> Any:
    """Return `x`, or the bound where this is larger, as a number of the kind of `x`.

    >>> at_least(0.5, 0.25)
    0.5
    """
    return larger(constant(bound, x), x)


def has_rows(row: Array) -> bool:
    """Whether the slot of the rows holds something: the tensor has two axes or more."""
    return bool(row.shape[-1:] == (1,))
