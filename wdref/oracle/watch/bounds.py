"""Bounds: a number, and how far the exact result and a rounded one can be from it, vectorised.

`Bounds` is as much of an Array API array as a rule needs. It carries two radii around one midpoint:
the first contains the real-number result, the second whatever an evaluation gives that rounds every
operation as a `Rounds` says. Midpoints are float64, which leaves float32 and half precision 29 bits
to spare, and the C compiler's long double for float64, with 11 bits to spare where it has any.

Every operation returns |error| ≤ radius by the rules of midpoint-radius arithmetic; what the
midpoint itself loses (one unit, twice what rounding to nearest does) and what the radii lose (`UP`)
is added. Not a number stands for what cannot be certified.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...engine.arithmetic import CUBE_ROOT, Primitives

Array = NDArray[Any]
UP = 1 + 2.0**-46  # radii are sums and products of few non-negative float64 numbers, rounded down
TINY = 2.0**-1022  # more than any operation loses to underflow

# significant bits, exponents of half the smallest subnormal, of the smallest normal, of overflow
FORMATS = {
    "float64": (53, -1075, -1022, 1024),
    "float32": (24, -150, -126, 128),
    "float16": (11, -25, -14, 16),
    "bfloat16": (8, -134, -126, 128),
}


@cache
def midpoint_dtype(compute: str) -> Any:
    """Return the dtype that holds midpoints where the target computes in `compute`."""
    if compute != "float64":
        return np.dtype(np.float64)
    # a pair of doubles, PowerPC's long double, is not rounded as the proof needs
    wide = np.finfo(np.longdouble).nmant in (63, 112)
    return np.dtype(np.longdouble if wide else np.float64)


@dataclass(frozen=True)
class Rounds:
    """How every operation of the target rounds: `Widen` of the exact backend, in floats."""

    unit: float
    lost: float
    overflow: float
    root: float = 1.0  # halves of a unit in the last place, as in Primitives
    divide: float = 1.0

    @staticmethod
    @cache
    def of(dtype: str, primitives: Primitives) -> "Rounds":
        """Rounding to `dtype` with a framework's own √ and ÷."""
        bits, subnormal, normal, overflow = FORMATS[dtype]
        lost = 2.0 ** (normal if primitives.flush else max(subnormal, -1074))
        top = float(np.ldexp(1 - 2.0 ** (-bits - 1), overflow)) if overflow < 1024 else 1.79e308
        return Rounds(2.0**-bits, lost, top, primitives.sqrt, primitives.divide)

    def widen(self, size: Array, units: float = 1.0) -> Array:
        """Bound of what one rounding of a number up to `size` changes; nan where it overflows."""
        error = np.minimum(size * (units * self.unit) + self.lost, size)
        return np.where(size < self.overflow, error, np.nan)


@dataclass(frozen=True, eq=False)
class Verdicts:
    """What a comparison says of the midpoints, and where both radii leave it no choice, (2, n)."""

    yes: Array
    known: Array
    like: "Bounds"

    def between(self, yes: Any, no: Any) -> "Bounds":
        """Return the number that is chosen; what holds for both where that is undecided."""
        x, y = (_lifted(z, self.like) for z in (yes, no))
        taken, other = (np.zeros((2, 1)) if z.rad is None else z.rad for z in (x, y))
        apart = np.abs(x.mid - y.mid).astype(np.float64) * UP
        rad, rest = np.where(self.yes, taken, other), np.where(self.yes, other, taken)
        both = np.maximum(rad, (rest + apart) * UP)
        mid = np.where(self.yes, x.mid, y.mid)
        return Bounds(mid, np.where(self.known, rad, both), self.like.rounds)


class Bounds:
    """A one-dimensional array ``mid`` with radii ``rad``, (2, n), or None where it is exact."""

    __slots__ = ("difference", "mid", "rad", "rounds")

    def __init__(self, mid: Array, rad: Array | None, rounds: Rounds) -> None:
        self.mid, self.rad, self.rounds = mid, rad, rounds
        self.difference = False  # or a sum with one, whose root may be no number

    def __array_namespace__(self, *, api_version: str | None = None) -> "Namespace":
        """Return the functions that a rule may call."""
        return Namespace()

    @property
    def ndim(self) -> int:
        """One axis."""
        return 1

    def _new(self, mid: Array, rad: Array | None, units: float = 1.0, *, zero: Array) -> "Bounds":
        """Round once: what the midpoint lost joins both radii, the target's rounding the second.

        Where the midpoint is a `zero` of zeros, or of equals, it has lost nothing.
        """
        size = np.abs(mid).astype(np.float64)
        own = np.where(zero, 0.0, size * float(np.finfo(mid.dtype).eps) + TINY)
        both = np.empty((2, len(mid)))
        both[:] = own if rad is None else rad + own
        both[1] += self.rounds.widen((size + both[1]) * UP, units)
        both *= UP
        return Bounds(mid, both, self.rounds)

    def rounded(self, rounds: Rounds) -> "Bounds":
        """Round once more, as what is stored in another format is."""
        rad = np.zeros((2, len(self.mid))) if self.rad is None else self.rad.copy()
        rad[1] += rounds.widen((np.abs(self.mid).astype(np.float64) + rad[1]) * UP)
        return Bounds(self.mid, rad * UP, self.rounds)

    def under(self, rounds: Rounds) -> "Bounds":
        """The same numbers, whose operations round otherwise from here on."""
        same = Bounds(self.mid, self.rad, rounds)
        same.difference = self.difference
        return same

    def __neg__(self) -> "Bounds":
        return Bounds(-self.mid, self.rad, self.rounds)

    def __abs__(self) -> "Bounds":
        return Bounds(np.abs(self.mid), self.rad, self.rounds)

    # a plain number is one of the host, exact

    def __add__(self, other: Any) -> "Bounds":
        other = _lifted(other, self)
        mid = self.mid + other.mid
        total = self._new(mid, _sum(self.rad, other.rad), zero=mid == 0)
        total.difference = self.difference or other.difference
        return total

    def __sub__(self, other: Any) -> "Bounds":
        other = _lifted(other, self)
        mid = self.mid - other.mid
        found = self._new(mid, _sum(self.rad, other.rad), zero=mid == 0)
        found.difference = True
        return found

    def __rsub__(self, other: Any) -> "Bounds":
        return _lifted(other, self) - self

    def __mul__(self, other: Any) -> "Bounds":
        other = _lifted(other, self)
        # |xy - ab| ≤ |a| rb + |b| ra + ra rb
        zero = (self.mid == 0) | (other.mid == 0)
        return self._new(self.mid * other.mid, _product(self, other), zero=zero)

    def __truediv__(self, other: Any) -> "Bounds":
        other = _lifted(other, self)
        # |x/y - a/b| ≤ (ra + |a/b| rb) / (|b| - rb)
        mid = self.mid / other.mid
        radii = _quotient(self, other, mid)
        return self._new(mid, radii, self.rounds.divide, zero=self.mid == 0)

    def __rtruediv__(self, other: Any) -> "Bounds":
        return _lifted(other, self) / self

    __radd__, __rmul__ = __add__, __mul__

    # comparison and choice round nothing; which way they go is known where the radii do not meet

    def __lt__(self, other: Any) -> Verdicts:
        return self._compare(np.less, other)

    def __le__(self, other: Any) -> Verdicts:
        return self._compare(np.less_equal, other)

    def __gt__(self, other: Any) -> Verdicts:
        return self._compare(np.greater, other)

    def __ge__(self, other: Any) -> Verdicts:
        return self._compare(np.greater_equal, other)

    def _compare(self, f: Any, other: Any) -> Verdicts:
        y = _lifted(other, self)
        gap = np.abs(self.mid - y.mid).astype(np.float64) * (2 - UP)
        rad = _sum(self.rad, y.rad)
        known = np.ones((2, len(gap)), bool) if rad is None else (gap > rad * UP) | (rad == 0)
        return Verdicts(f(self.mid, y.mid), known, self)


class Later(Bounds):
    """Exact bounds whose numbers are read when a rule first looks at them."""

    __slots__ = ("_kind", "_read", "_values")

    def __init__(self, read: Callable[[], Array], kind: Any, rounds: Rounds) -> None:
        self._read, self._kind = read, kind
        self._values: Array | None = None
        self.rad, self.rounds, self.difference = None, rounds, False

    @property
    def mid(self) -> Array:  # type: ignore[override]  # read once
        """The numbers."""
        if self._values is None:
            self._values = self._read().astype(self._kind)
        return self._values


class Namespace:
    """The functions of the Array API that dialects call."""

    __name__ = __name__

    @staticmethod
    def sqrt(x: Bounds, /) -> Bounds:
        """Square root of the part that is >= 0: |√x - √a| ≤ r/√a, or up to the ends about 0."""
        mid = np.sqrt(np.maximum(x.mid, 0))
        if x.rad is None:
            return x._new(mid, None, x.rounds.root, zero=mid == 0)
        size = mid.astype(np.float64)
        below = x.rad >= x.mid.astype(np.float64)
        ends = np.maximum(size, np.sqrt(np.maximum(x.mid + x.rad, 0)).astype(np.float64))
        rad = np.where(below, ends * UP, x.rad / np.where(below, 1.0, size) * UP)
        negative = (x.mid + x.rad).astype(np.float64) < 0
        if x.difference:  # the real number is not below 0, a rounded one may be
            negative[1] = x.rad[1] > x.mid.astype(np.float64)
        return x._new(mid, np.where(negative, np.nan, rad), x.rounds.root, zero=x.mid == 0)

    @staticmethod
    def cbrt(x: Bounds, /) -> Bounds:
        """Cube root of the part that is >= 0: |∛x - ∛a| ≤ r/∛a², or up to the ends about 0."""
        mid = np.cbrt(np.maximum(x.mid, 0))
        mid = mid - np.where(mid > 0, (mid - x.mid / np.where(mid > 0, mid * mid, 1)) / 3, 0)
        if x.rad is None:
            return x._new(mid, None, CUBE_ROOT, zero=mid == 0)
        size = mid.astype(np.float64)
        below = x.rad >= x.mid.astype(np.float64)
        ends = np.maximum(size, np.cbrt(np.maximum(x.mid + x.rad, 0)).astype(np.float64))
        rad = np.where(below, ends * UP, x.rad / np.where(below, 1.0, size * size) * UP)
        negative = (x.mid + x.rad).astype(np.float64) < 0
        return x._new(mid, np.where(negative, np.nan, rad), CUBE_ROOT, zero=x.mid == 0)

    @staticmethod
    def abs(x: Bounds, /) -> Bounds:
        """Absolute value."""
        return abs(x)

    @staticmethod
    def sign(x: Bounds, /) -> Bounds:
        """Sign: exact, and no number to know where a radius reaches 0."""
        if x.rad is None:
            return Bounds(np.sign(x.mid), None, x.rounds)
        known = (np.abs(x.mid).astype(np.float64) * (2 - UP) > x.rad) | (x.rad == 0)
        return Bounds(np.sign(x.mid), np.where(known, 0.0, np.nan), x.rounds)

    @staticmethod
    def where(condition: Verdicts, x: Any, y: Any, /) -> Bounds:
        """Choice; where it is undecided, what holds for both."""
        return condition.between(x, y)

    @staticmethod
    def maximum(x: Bounds, y: Bounds, /) -> Bounds:
        """Larger one: where the balls overlap it moves by no more than what moves most."""
        return Bounds(np.maximum(x.mid, y.mid), _larger(x, y, x >= y), x.rounds)

    @staticmethod
    def minimum(x: Bounds, y: Bounds, /) -> Bounds:
        """Smaller one, likewise."""
        return Bounds(np.minimum(x.mid, y.mid), _larger(x, y, x <= y), x.rounds)

    @staticmethod
    def full_like(x: Bounds, value: Any, /) -> Bounds:
        """Repeat a scalar."""
        n, value = len(x.mid), _lifted(value, x)
        rad = None if value.rad is None else np.broadcast_to(value.rad, (2, n))
        return Bounds(np.broadcast_to(value.mid, n), rad, x.rounds)


def _lifted(x: Any, like: Bounds) -> Bounds:
    """A number as exact bounds."""
    if isinstance(x, Bounds):
        return x
    return Bounds(np.full(len(like.mid), x, like.mid.dtype), None, like.rounds)


def _sum(a: Array | None, b: Array | None) -> Array | None:
    if a is None or b is None:
        return b if a is None else a
    total: Array = a + b
    return total


def _product(x: Bounds, y: Bounds) -> Array | None:
    a, b = (np.abs(z.mid).astype(np.float64) for z in (x, y))
    if x.rad is None or y.rad is None:
        left = None if y.rad is None else a * y.rad
        return left if x.rad is None else b * x.rad
    total: Array = a * y.rad + x.rad * (b + y.rad)
    return total


def _quotient(x: Bounds, y: Bounds, mid: Array) -> Array | None:
    low = np.abs(y.mid).astype(np.float64) * (2 - UP)
    if y.rad is None:
        return None if x.rad is None else x.rad / low
    low = (low - y.rad) * (2 - UP)
    error = np.abs(mid).astype(np.float64) * UP * y.rad
    error = error if x.rad is None else x.rad + error
    return np.where(low > 0, error / low, np.nan)


def _larger(x: Bounds, y: Bounds, first: Verdicts) -> Array | None:
    """The radius of the one that is taken, where that is known, else the larger one."""
    if x.rad is None and y.rad is None:
        return None
    radii = [np.zeros((2, 1)) if z.rad is None else z.rad for z in (x, y)]
    chosen: Array = np.where(first.known, np.where(first.yes, *radii), np.maximum(*radii))
    return chosen
