"""The form of vector files: numbers as text, the layout, and writing whole or not at all."""

import json
import math
from decimal import ROUND_CEILING, Context, Decimal
from typing import Any

Nested = Any  # a float, None for what there is not, or (nested) lists of them

_TWO_DIGITS_UP = Context(prec=2, rounding=ROUND_CEILING)


def short_hex(x: float) -> str:
    """Return C99's hexadecimal form of `x`, without the zeros that `float.hex` pads with.

    >>> short_hex(0.3), short_hex(-0.75), short_hex(0.0), short_hex(-math.inf)
    ('0x1.3333333333333p-2', '-0x1.8p-1', '0x0p+0', '-inf')
    """
    if not math.isfinite(x):
        return str(x)
    mantissa, exponent = x.hex().split("p")
    whole, _, digits = mantissa.partition(".")
    digits = digits.rstrip("0")
    return f"{whole}.{digits}p{exponent}" if digits else f"{whole}p{exponent}"


def both(values: Nested) -> dict[str, Nested]:
    """Return a float, or lists of them, as hexadecimal and as decimal; both are exact.

    What is no number is a word in both, for JSON has none.

    >>> both([0.5, 3.0, math.nan])
    {'hex': ['0x1p-1', '0x1.8p+1', 'nan'], 'dec': [0.5, 3.0, 'nan']}
    """
    return {"hex": each(short_hex, values), "dec": each(in_words, values)}


def in_words(x: float) -> float | str:
    """Return a finite number as it is and others as a word."""
    return x if math.isfinite(x) else str(x)


def each(f: Any, values: Nested) -> Nested:
    """Apply `f` to every number in nested lists; None stays."""
    if isinstance(values, list):
        return [each(f, x) for x in values]
    return None if values is None else f(values)


def round_up(x: float) -> float:
    """Return the least number of two decimal digits that is not below `x`.

    Two digits, because radii of another version of the ball library differ far behind them.

    >>> round_up(1.2301e-9), round_up(0.0)
    (1.3e-09, 0.0)
    """
    return float(_TWO_DIGITS_UP.create_decimal(Decimal(x)))


def layout(document: Any, indent: int = 0) -> str:
    """Return JSON text: a line for each row of numbers, for each sentence and each small record.

    >>> print(layout({"a": [1, 2], "b": [[0.5], [1e-08]], "c": {"hex": "0x1p-1", "dec": 0.5}}))
    {
     "a": [1, 2],
     "b": [
      [0.5],
      [1e-08]
     ],
     "c": {"hex": "0x1p-1", "dec": 0.5}
    }
    """
    parts = list(document.values()) if isinstance(document, dict) else document
    if not isinstance(parts, list) or all(map(_short, parts)):
        return json.dumps(document, ensure_ascii=False, allow_nan=False)
    rows = [layout(x, indent + 1) for x in parts]
    first, last = "[]"
    if isinstance(document, dict):
        rows = [f"{json.dumps(key)}: {row}" for key, row in zip(document, rows, strict=True)]
        first, last = "{}"
    gap = "\n" + " " * (indent + 1)
    return f"{first}{gap}{f',{gap}'.join(rows)}\n{' ' * indent}{last}"


def _short(x: Any) -> bool:
    return not isinstance(x, list | dict) and not (isinstance(x, str) and " " in x)
