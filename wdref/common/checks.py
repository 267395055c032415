"""Checks of single numbers: one error that names the argument, what came and what was expected."""

import ast
import math
import warnings
from numbers import Real
from typing import Any, NoReturn


def check_number(
    name: str,
    value: Any,
    *,
    low: float = -math.inf,
    above: float = -math.inf,
    below: float = math.inf,
) -> float:
    """Return `value` as a Python float if it is finite, >= `low`, > `above` and < `below`.

    Python floats are what rules need: NumPy's scalars are strong under NEP 50 and widen float32.

    >>> check_number("beta1", 1.0, low=0.0, below=1.0)
    Traceback (most recent call last):
    ValueError: beta1=1.0: expected a finite number >= 0 and < 1
    """
    try:
        number = math.nan if _no_number(value) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if math.isfinite(number) and number >= low and number > above and number < below:
        return number
    bounds = [f"{sign} {bound:g}" for sign, bound in ((">=", low), (">", above), ("<", below))
              if math.isfinite(bound)]  # fmt: skip
    wanted = " ".join(["a finite number", " and ".join(bounds)]).strip()
    raise ValueError(f"{name}={_shown(value)}: expected {wanted}")


def check_count(name: str, value: Any, *, low: int = 1) -> int:
    """Return `value` as a Python int if it is a whole number of at least `low`.

    >>> check_count("steps", 0)
    Traceback (most recent call last):
    ValueError: steps=0: expected a whole number >= 1
    """
    number: Any = value if isinstance(value, Real) and not _no_number(value) else low - 1
    if number >= low and number % 1 == 0:
        return int(number)
    raise ValueError(f"{name}={_shown(value)}: expected a whole number >= {low}")


def check_may_differ(given: set[str], known: set[str], of: str) -> None:
    """Refuse names in ``may_differ`` of what `of` has not."""
    if given - known:
        raise ValueError(
            f"may_differ has {', '.join(sorted(given - known))}: {of} has "
            f"{', '.join(sorted(known))}"
        )


def refuse(what: str, name: str) -> NoReturn:
    """Refuse a difference that ``may_differ`` would allow by `name`."""
    raise ValueError(f"{what}; if that is meant, give may_differ=[{name!r}]")


def literal(text: str) -> Any:
    """Return the Python literal that `text` is; ValueError for every other text.

    >>> literal("(0.9, 0.999)")
    (0.9, 0.999)
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's remarks on the syntax of "1is"
            return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):  # "{[]: 1}", "(((…"
        raise ValueError(f"{text[:40]!r} is no Python literal") from None


def _no_number(value: Any) -> bool:
    # float() would take "0.9" and True; NumPy's bool is no subclass of Python's
    return isinstance(value, str | bytes) or type(value).__name__ == "bool"


def _shown(value: Any) -> str:
    return repr(value.tolist() if type(value).__module__ == "numpy" else value)
