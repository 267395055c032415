"""What Adafactor asks of its numbers and slots: bounds from below, and whether there are rows."""

from typing import Any

from ..choice import constant, larger

Array = Any


def at_least(bound: Any, x: Any) -> Any:
    """Return `x`, or the bound where this is larger, as a number of the kind of `x`.

    >>> at_least(0.5, 0.25)
    0.5
    """
    return larger(constant(bound, x), x)


def has_rows(row: Array) -> bool:
    """Whether the slot of the rows holds something: the tensor has two axes or more."""
    return bool(row.shape[-1:] == (1,))
