"""Partial sums: a double-double with a bound on its error, and the exact sum where it is open.

`high + low` is the sum of the terms but for a rounding of `low` alone: two-sum (Knuth) loses
nothing. With d additions on the longest way of a term and u = 2^-53 the errors that make up `low`
are in all at most d u Σ|x|, and to add them up errs by at most d² u² Σ|x|.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from . import exact

Array = Any
UNIT = 2.0**-53
BLOCK = 1 << 15  # terms: what the sums of a block read and write fits the cache
WIDER = 1 + 2.0**-20  # what the bound's own roundings may lose, and more


class Partial(NamedTuple):
    """The sum of some terms: high + low, Σ|x|, and the longest chain of additions in it."""

    high: float = 0.0
    low: float = 0.0
    size: float = 0.0
    depth: int = 0


@dataclass(frozen=True)
class Exact:
    """The exact sum of some terms: finite ones in units of 2^-1074, the others as they add."""

    units: int = 0
    special: float = 0.0

    def __add__(self, other: "Exact") -> "Exact":
        with np.errstate(invalid="ignore"):
            special = float(np.add(self.special, other.special))
        return Exact(self.units + other.units, special)


def of(x: Array, /) -> Partial:
    """Return the partial sum of a NumPy array, block by block and in a block by halves."""
    flat = np.asarray(x).reshape(-1)
    return combined(_block(flat[i : i + BLOCK]) for i in range(0, flat.size, BLOCK))


def _block(x: Array) -> Partial:
    s, count = x.astype(np.float64), int(x.size)
    errors = np.zeros_like(s)
    with np.errstate(all="ignore"):
        size = float(np.sum(np.abs(s)))
        while s.size > 1:
            if s.size % 2:
                s, errors = np.append(s, 0.0), np.append(errors, 0.0)
            half = s.size // 2
            s, lost = two_sum(s[:half], s[half:])
            errors = (errors[:half] + errors[half:]) + lost
    # by halves the chain is short; that of Σ|x|, which NumPy adds in its own order, is not known
    return Partial(float(s[0]), float(errors[0]), size * (1 + count * 2 * UNIT), count.bit_length())


def of_lanes(high: Array, low: Array, size: Array, chain: int, /, *, same: bool) -> Partial:
    """Return the partial sum of lanes, each with its high, low and Σ|x| of `chain` terms at most.

    With `same` no term is below 0, and Σ|x| is the sum.
    """
    own = of(high)
    depth = chain + own.depth
    whole = float(np.sum(high if same else size)) * (1 + (depth + high.size) * 2 * UNIT)
    with np.errstate(all="ignore"):
        return Partial(own.high, own.low + float(np.sum(low)), whole, depth + high.size)


def two_sum(a: Array, b: Array, /) -> tuple[Array, Array]:
    """Return a + b rounded, and what the rounding lost, exactly (Knuth)."""
    s = a + b
    other = s - a
    return s, (a - (s - other)) + (b - other)


def combined(partials: Iterable[Partial], /) -> Partial:
    """Return the partial sum of all terms of `partials`."""
    high, low, size, depth, count = 0.0, 0.0, 0.0, 0, 0
    for p in partials:
        with np.errstate(all="ignore"):
            high, lost = two_sum(high, p.high)
        low += p.low + lost
        size, depth, count = size + p.size, max(depth, p.depth), count + 1
    return Partial(high, low, size * (1 + count * 2 * UNIT), depth + 2 * count)


def settled(p: Partial, /) -> float | None:
    """Return the correctly rounded sum, or None where the bound leaves it open."""
    value, rest = two_sum(p.high, p.low)
    bound = WIDER * (p.depth + 1) ** 2 * (UNIT * UNIT) * p.size
    # rounding is monotone: what both ends round to, all between them do
    reach = WIDER * bound + abs(rest) * (4 * UNIT)
    closed = value + (rest + reach) == value == value + (rest - reach)
    return value + 0.0 if closed and abs(value) < np.inf else None


def exactly(x: Array, /) -> Exact:
    """Return the exact sum of a NumPy array."""
    flat = np.asarray(x, dtype=np.float64).reshape(-1)
    finite = np.isfinite(flat)
    if finite.all():
        return Exact(exact.units(flat))
    with np.errstate(invalid="ignore"):
        special = float(np.sum(flat[~finite]))
    return Exact(exact.units(flat[finite]), special)


def rounded(total: Exact, /) -> float:
    """Return an exact sum as the nearest float64. Raises OverflowError beyond the range."""
    if total.special != 0.0:  # NaN, or an infinity
        return total.special
    try:
        return exact.rounded(total.units)
    except OverflowError:
        raise OverflowError(
            "a sum is beyond the range of float64, though its terms are not"
        ) from None


def value(partials: Sequence[Partial], exact_sums: Callable[[], Iterable[Exact]], /) -> float:
    """Return the rounded sum of all `partials`; where it is open `exact_sums` are asked."""
    found = settled(combined(partials))
    if found is not None:
        return found
    return rounded(sum(exact_sums(), Exact()))
