"""What the host computes with, whatever kind of number it is: choices, constants.

A branch on t and the hyperparameters is a choice of scalars: the lines of a rule stay the same.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from array_api_compat import array_namespace

Value = Callable[[], Any]


def constant(value: Any, like: Any) -> Any:
    """Return `value` as a number of the kind of `like`, so that its powers are of that kind.

    What is of that kind already stays as it is.

    >>> constant(0.96, 0.9)
    0.96
    """
    kind = getattr(like, "constant", None)
    return value if kind is None or isinstance(value, type(like)) else kind(value)


def whole(t: Any, like: Any) -> Any:
    """Return the step's number as a number of the kind of `like`; a symbol of it as it is.

    >>> whole(4, 0.5) ** -0.5
    0.5
    """
    return t if hasattr(t, "constant") else constant(float(t), like)


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
    if getattr(condition, "ndim", 0) or type(condition).__module__.partition(".")[0] == "jax":
        xp = array_namespace(condition)
        return xp.where(condition, yes(), no())
    return yes() if condition else no()


def root(x: Any) -> Any:
    """Return √x of a number, whatever its kind; NaN below 0.

    >>> root(9.0)
    3.0
    """
    if isinstance(x, float):
        return math.sqrt(x) if x >= 0.0 else math.nan
    own = getattr(x, "sqrt", None)
    return own() if own is not None else array_namespace(x).sqrt(x)


def cube_root(x: Any) -> Any:
    """Return ∛x of an array that is nowhere below 0; NaN stays, and so does infinity.

    Its library's own, or a power made exact to a unit or two by a step of Newton's: no more than
    `wdref.engine.arithmetic.CUBE_ROOT` from the real number, and not the same bits everywhere.

    >>> cube_root(np.array([0.0, 8.0]))
    array([0., 2.])
    """
    xp = array_namespace(x)
    own = getattr(xp, "cbrt", None)  # what is traced has none, and refuses
    if own is not None:
        return own(x)
    near = x ** (1 / 3)
    finer = near - (near - x / (near * near)) / 3
    return xp.where(xp.isfinite(finer), finer, near)


def quotient(x: Any, y: Any) -> Any:
    """Return x / y by IEEE 754, whatever kind of number: Python's own raises where y is 0.

    >>> quotient(1.0, 0.0)
    inf
    """
    if isinstance(x, float) and isinstance(y, float):
        with np.errstate(all="ignore"):
            return float(np.float64(x) / np.float64(y))
    return x / y


def remainder(x: Any, k: Any) -> Any:
    """Return what is left of x ≥ 0 after whole k's, of whatever kind the numbers are: exactly.

    Of a ball k is its middle: it counts something.

    >>> remainder(7, 3.0), remainder(7, 0.0)
    (1.0, nan)
    """
    ball = getattr(k, "ball", None)
    k = k if ball is None else float(ball.mid())
    if isinstance(x, int | float) and isinstance(k, int | float):
        return math.fmod(x, k) if k else math.nan
    return x % k


def larger(x: Any, y: Any) -> Any:
    """Return the larger number, x where both are one.

    >>> larger(1.0, 2.0)
    2.0
    """
    return chosen(y > x, lambda: y, lambda: x)


def smaller(x: Any, y: Any) -> Any:
    """Return the smaller number, x where both are one.

    >>> smaller(1.0, 2.0)
    1.0
    """
    return chosen(y < x, lambda: y, lambda: x)
