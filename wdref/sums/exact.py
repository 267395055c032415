"""Exact sums of float64 numbers: an integer multiple of the smallest one, and its rounding."""

from typing import Any

import numpy as np

SMALLEST = 1074  # every finite float64 is a whole multiple of 2^-1074
HALF = 27  # bits: mantissas are added in two halves, exactly as float64 numbers
BLOCK = 1 << 20  # terms: 2^20 halves of 2^27 stay below 2^53

Array = Any


def units(x: Array, /) -> int:
    """Return the exact sum of finite float64 `x` in units of 2^-1074.

    >>> units(np.array([1.0, 2.0**-1074, -1.0]))
    1
    """
    flat = np.asarray(x, dtype=np.float64).reshape(-1)
    return sum(_block(flat[i : i + BLOCK]) for i in range(0, flat.size, BLOCK))


def _block(x: Array) -> int:
    fraction, exponent = np.frexp(x)
    mantissa = np.ldexp(fraction, 53).astype(np.int64)
    shift = exponent.astype(np.int64) - 53 + SMALLEST
    below = np.minimum(shift, 0)  # subnormal numbers: what is shifted out is 0
    mantissa, shift = mantissa >> -below, shift - below
    high = mantissa >> HALF
    low = mantissa - (high << HALF)
    found = 0
    for half, by in ((high, HALF), (low, 0)):
        sums = np.bincount(shift, weights=half.astype(np.float64))
        for place in np.flatnonzero(sums):
            found += int(sums[place]) << (int(place) + by)
    return found


def rounded(count: int, /) -> float:
    """Return `count` units of 2^-1074 as the nearest float64, ties to even.

    Raises OverflowError where that is beyond the range.

    >>> rounded(1) == 5e-324
    True
    """
    return count / (1 << SMALLEST)  # Python rounds the quotient of two integers once
