"""Roundings of balls: every value that a ball may become by one rounding of a format."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache

import flint
from flint import arb

from wdref.engine.arithmetic import CORRECT, CUBE_ROOT, Primitives


@dataclass(frozen=True)
class Rounding:
    """Error of one operation: relative half unit 2^-p, absolute half the smallest subnormal.

    From 2^overflow on, less half a unit, numbers round to infinity.

    >>> Rounding.of("float32")
    Rounding(precision=24, subnormal=-150, normal=-126, overflow=128)
    """

    precision: int
    subnormal: int
    normal: int  # 2^normal is the smallest normal number
    overflow: int

    @staticmethod
    def of(dtype: str) -> "Rounding":
        """Rounding to nearest in `dtype`."""
        return ROUNDINGS[dtype]


ROUNDINGS = {
    "float64": Rounding(53, -1075, -1022, 1024),
    "float32": Rounding(24, -150, -126, 128),
    "float16": Rounding(11, -25, -14, 16),
    "bfloat16": Rounding(8, -134, -126, 128),
}


@dataclass(frozen=True)
class Widen:
    """Every value that a ball may become by one rounding; made once, called very often."""

    factor: arb  # 1 ± u
    lost: arb  # half the smallest subnormal
    term: arb  # 0 ± lost
    overflow: arb

    @staticmethod
    def by(dtype: str, *, units: float = 1.0, flush: bool = False) -> "Widen":
        """One rounding to `dtype` of `units` halves of a unit in the last place."""
        return _widen(dtype, units, flush, flint.ctx.prec)

    def __call__(self, x: arb) -> arb:
        size = abs(x)
        if size <= self.lost:  # no further than to 0, which is where most of it goes
            return x * self.factor + arb(0, x.abs_upper())
        if size < self.overflow:
            return x * self.factor + self.term
        return arb.nan()  # it may become infinite, or is no number already

    def each(self, values: Iterable[arb]) -> list[arb]:
        """Round every one of `values`; most are neither near 0 nor near infinity."""
        factor, term, lost, overflow = self.factor, self.term, self.lost, self.overflow
        return [x * factor + term if lost < abs(x) < overflow else self(x) for x in values]

    def coarser(self, other: "Widen | None") -> "Widen":
        """The one that loses more."""
        return self if other is None or self.factor.rad() >= other.factor.rad() else other


@lru_cache
def _widen(dtype: str, units: float, flush: bool, _bits: int) -> Widen:
    rounding = Rounding.of(dtype)
    u = arb(2) ** -rounding.precision
    lost = arb(2) ** (rounding.normal if flush else rounding.subnormal)
    overflow = arb(2) ** rounding.overflow * (1 - u / 2)
    return Widen(arb(1, arb(units) * u), lost, arb(0, lost), overflow)


def any_order(terms: Iterable[tuple[arb, int]], every: Widen | None) -> arb:
    """Return the sum of terms that stand there several times; with roundings, of any order."""
    total, size, n = arb(0), arb(0), 0
    for x, count in terms:
        total, n = total + x * count, n + count
        size += abs(x) * count if every else 0
    if every is None or n < 2 or size.is_zero():
        return total
    lost = (every.factor - 1).abs_upper() * (n - 1)
    if not size < every.overflow or lost >= 1:
        return arb.nan()
    return total + arb(0, ((size * lost / (1 - lost)).abs_upper() + every.lost * n))


@dataclass(frozen=True)
class Context:
    """How arrays of one trajectory round, and the coordinates whose branch was undecided."""

    every: Widen | None = None
    sqrt: Widen | None = None
    divide: Widen | None = None
    cbrt: Widen | None = None
    number: Widen | None = None  # of numbers made of sums, which may be of the arrays' dtype
    counts: tuple[int, ...] | None = None  # how often each column stands in the whole tensor
    doubts: set[int] = field(default_factory=set)

    @staticmethod
    def of(dtype: str, primitives: Primitives = CORRECT) -> "Context":
        """Roundings to `dtype` with a backend's own √ and ÷."""
        flush = primitives.flush
        return Context(
            Widen.by(dtype, flush=flush),
            Widen.by(dtype, units=primitives.sqrt, flush=flush),
            Widen.by(dtype, units=primitives.divide, flush=flush),
            Widen.by(dtype, units=CUBE_ROOT, flush=flush),
            Widen.by(dtype, units=max(1.0, primitives.sqrt, primitives.divide), flush=flush),
        )

    def again(self, counts: tuple[int, ...] | None = None) -> "Context":
        """Return the same roundings with doubts of their own."""
        return replace(self, counts=counts, doubts=set())


EXACT = Context()
