"""What the host computes with, whatever kind of number it is: choices, constants.

A branch on t and the hyperparameters is a choice of scalars: the lines of a rule stay the same.
"""

from collections.abc import Callable
from typing import Any

Value = Callable[[], Any]


def constant(value: Any, like: Any) -> Any:
    """Return `value` as a number of the kind of `like`, so that its powers are of that kind.

    What is of that kind already stays as it is.

    >>> constant(0.96, 0.9)
    0.96
    """
    kind = getattr(like, "constant", None)
    return value if kind is None or isinstance(value, type(like)) else kind(value)


def chosen(condition: Any, yes: Value, no: Value) -> Any:
    """Return the number of `yes` where `condition` holds, else that of `no`.

    Only that one is computed. A condition that is no bool answers by its method ``between``: a
    symbol records both numbers, a comparison of balls that is undecided gives what holds for both.

    >>> chosen(3.0 > 4.0, lambda: (3.0 - 4.0) ** 0.5, lambda: 0.0)
    0.0
    """
    between = getattr(condition, "between", None)
    if between is not None:
        return between(yes(), no())
    return yes() if condition else no()
