"""Exact: the rules on balls that provably contain the real-number result (python-flint's Arb).

A ball is a midpoint of `bits` bits and a radius. With a `Rounding` each elementary operation is
widened by one rounding error of a floating-point format, so that the ball contains whatever a
correctly rounded evaluation gives, fused multiply-adds included: the *envelope*.

What cannot be certified is not a number: a ball without finite radius says so.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import flint
from flint import arb

from wdref.dialects import Dialect

BITS = 192
Real = float | arb  # a number given exactly, or a ball around one


@dataclass(frozen=True)
class Rounding:
    """Error of one operation: relative half unit 2^-p, absolute half the smallest subnormal.

    From 2^overflow on, less half a unit, numbers round to infinity.

    >>> Rounding.of("float32")
    Rounding(precision=24, subnormal=-150, overflow=128)
    """

    precision: int
    subnormal: int
    overflow: int

    @staticmethod
    def of(dtype: str) -> "Rounding":
        """Rounding to nearest in `dtype`."""
        return ROUNDINGS[dtype]


ROUNDINGS = {
    "float64": Rounding(53, -1075, 1024),
    "float32": Rounding(24, -150, 128),
    "float16": Rounding(11, -25, 16),
    "bfloat16": Rounding(8, -134, 128),
}


class Balls:
    """A one-dimensional array of balls, as much of an Array API array as a rule needs."""

    __slots__ = ("items", "widen")

    def __init__(self, items: Iterable[Any], rounding: "_Widen | None" = None) -> None:
        self.items = [x if isinstance(x, arb) else arb(x) for x in items]
        self.widen = rounding

    def __iter__(self) -> Iterator[arb]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    @property
    def dtype(self) -> str:
        """Balls have one dtype: real."""
        return "real"

    def __array_namespace__(self, *, api_version: str | None = None) -> "Namespace":
        """Return the functions that a rule may call."""
        return Namespace()

    def map(self, f: Callable[..., Any], *others: Any) -> "Balls":
        """Apply `f` elementwise and round once, where this array rounds."""
        columns = [_column(x, len(self)) for x in others]
        values = [f(*row) for row in zip(self.items, *columns, strict=True)]
        return Balls(map(self.widen, values) if self.widen else values, self.widen)

    def __add__(self, other: Any) -> "Balls":
        return self.map(lambda a, b: a + b, other)

    def __sub__(self, other: Any) -> "Balls":
        return self.map(lambda a, b: a - b, other)

    def __rsub__(self, other: Any) -> "Balls":
        return self.map(lambda a, b: b - a, other)

    def __mul__(self, other: Any) -> "Balls":
        if isinstance(other, Balls) and other is self:  # a square is not negative, which a product of two balls may be
            return self.map(_square)
        return self.map(lambda a, b: a * b, other)

    def __truediv__(self, other: Any) -> "Balls":
        return self.map(lambda a, b: a / b, other)

    def __rtruediv__(self, other: Any) -> "Balls":
        return self.map(lambda a, b: b / a, other)

    __radd__, __rmul__ = __add__, __mul__

    # negation, |x|, comparison and choice are exact in floating point: nothing is widened

    def exactly(self, f: Callable[..., Any], *others: Any) -> "Balls":
        """Apply `f` elementwise without a rounding."""
        columns = [_column(x, len(self)) for x in others]
        return Balls((f(*row) for row in zip(self.items, *columns, strict=True)), self.widen)

    def __neg__(self) -> "Balls":
        return self.exactly(lambda a: -a)

    def __abs__(self) -> "Balls":
        return self.exactly(abs)

    def __lt__(self, other: Any) -> "Verdicts":
        return self._compare(lambda a, b: (a < b, a >= b), other)

    def __le__(self, other: Any) -> "Verdicts":
        return self._compare(lambda a, b: (a <= b, a > b), other)

    def __gt__(self, other: Any) -> "Verdicts":
        return self._compare(lambda a, b: (a > b, a <= b), other)

    def __ge__(self, other: Any) -> "Verdicts":
        return self._compare(lambda a, b: (a >= b, a < b), other)

    def _compare(self, f: Callable[[arb, arb], tuple[bool, bool]], other: Any) -> "Verdicts":
        rows = zip(self.items, _column(other, len(self)), strict=True)
        return [True if yes else False if no else None for yes, no in (f(*row) for row in rows)]


Verdicts = list[bool | None]  # None: the balls overlap, the answer is undecided


class Namespace:
    """The functions of the Array API that rules call, on balls."""

    __name__ = __name__

    @staticmethod
    def sqrt(x: Balls, /) -> Balls:
        """Square root: rules take it of sums of squares, so only of the part that is >= 0."""
        return x.map(_sqrt)

    @staticmethod
    def abs(x: Balls, /) -> Balls:
        """Absolute value."""
        return abs(x)

    @staticmethod
    def sign(x: Balls, /) -> Balls:
        """Sign; [-1, 1] where the ball contains 0 and more."""
        return x.exactly(lambda a: a if a.is_nan() else a.sgn())

    @staticmethod
    def maximum(x: Balls, y: Balls, /) -> Balls:
        """Larger one; where the balls overlap, a ball that contains both answers."""
        return x.exactly(lambda a, b: a.max(b), y)

    @staticmethod
    def minimum(x: Balls, y: Balls, /) -> Balls:
        """Smaller one, likewise."""
        return x.exactly(lambda a, b: a.min(b), y)

    @staticmethod
    def where(condition: Verdicts, x: Any, y: Any, /) -> Balls:
        """Choice; where it is undecided, a ball that contains both."""
        like = x if isinstance(x, Balls) else y
        rows = zip(condition, _column(x, len(like)), _column(y, len(like)), strict=True)
        return Balls((a.union(b) if c is None else a if c else b for c, a, b in rows), like.widen)

    @staticmethod
    def full_like(x: Balls, value: Any, /) -> Balls:
        """Repeat a scalar."""
        return Balls(_column(value, len(x)), x.widen)


@dataclass(frozen=True)
class _Widen:
    """Every value that a ball may become by one rounding; made once, called very often."""

    factor: arb  # 1 ± u
    half: arb  # half the smallest subnormal
    term: arb  # 0 ± half
    overflow: arb

    @staticmethod
    def by(rounding: Rounding) -> "_Widen":
        u, half = arb(2) ** -rounding.precision, arb(2) ** rounding.subnormal
        overflow = arb(2) ** rounding.overflow * (1 - u / 2)
        return _Widen(arb(1, u), half, arb(0, half), overflow)

    def __call__(self, x: arb) -> arb:
        size = abs(x)
        if size <= self.half:  # no further than to 0, which is where most of it goes
            return x * self.factor + arb(0, x.abs_upper())
        if size < self.overflow:
            return x * self.factor + self.term
        return arb.nan()  # it may become infinite, or is no number already


class Number:
    """A host scalar as a ball, rounded after each operation where `widen` is given."""

    __slots__ = ("ball", "widen")

    def __init__(self, ball: Any, widen: _Widen | None = None) -> None:
        self.ball, self.widen = arb(ball), widen

    def _new(self, ball: arb, *, times: int = 1) -> "Number":
        for _ in range(times if self.widen else 0):
            ball = self.widen(ball)  # type: ignore[misc]  # not None here
        return Number(ball, self.widen)

    def __add__(self, other: Any) -> "Number":
        return self._new(self.ball + _ball(other))

    def __sub__(self, other: Any) -> "Number":
        return self._new(self.ball - _ball(other))

    def __rsub__(self, other: Any) -> "Number":
        return self._new(_ball(other) - self.ball)

    def __mul__(self, other: Any) -> "Number":
        return self._new(self.ball * _ball(other))

    def __truediv__(self, other: Any) -> "Number":
        return self._new(self.ball / _ball(other))

    def __pow__(self, n: int) -> "Number":
        # the C library's pow errs by less than one unit in the last place, two roundings
        return self._new(self.ball**n, times=0 if n == 1 else 2)

    __radd__, __rmul__ = __add__, __mul__

    def sqrt(self) -> "Number":
        """Square root."""
        return self._new(_sqrt(self.ball))


@dataclass(frozen=True)
class Exact:
    """Trajectories of a dialect in ball arithmetic; reached as ``wdref.backend.load("exact")``."""

    name: str = "exact"

    def trajectory(
        self,
        dialect: Dialect,
        theta0: Sequence[Real],
        grads: Sequence[Sequence[Real]],
        hyper: Mapping[str, Real | Callable[[int], Real]],
        eta: Sequence[float],
        *,
        dtype: str | None = None,
        host: str | None = None,
        bits: int = BITS,
    ) -> list[list[arb]]:
        """Return a ball for each step and coordinate of θ_1 … θ_T.

        Without `dtype` the balls enclose the real-number result for exactly these inputs. With it
        they enclose every evaluation rounded to `dtype`, whose host computes the scalars in `host`
        (float64 unless given) from hyperparameters cast to it. A hyperparameter may be a function
        of t, as the optimizers' ``weight_decay`` may.
        """
        with self.precision(bits):
            widen = _Widen.by(Rounding.of(dtype)) if dtype else None
            host_widen = _Widen.by(Rounding.of(host or "float64")) if dtype else None
            theta = Balls(theta0, widen)
            slots = [Balls([0] * len(theta), widen) for _ in dialect.slots]
            path = []
            for t, (g, eta_t) in enumerate(zip(grads, eta, strict=True), start=1):
                s = _scalars(dialect, hyper, t, eta_t, host, host_widen)
                s = type(s)(*(_to_array_dtype(value, widen) for value in s))
                theta, new_slots = dialect.apply(theta, Balls(g, widen), slots, s)
                slots = list(new_slots)
                path.append(theta.items)
            return path

    def step(
        self,
        dialect: Dialect,
        theta: Sequence[Real],
        g: Sequence[Real],
        slots: Sequence[Sequence[Real]],
        s: Any,
        *,
        bits: int = BITS,
    ) -> tuple[list[arb], list[list[arb]]]:
        """Return balls for θ_t and the slots from those of t - 1 and the `scalars` of step t."""
        with self.precision(bits):
            new, new_slots = dialect.apply(Balls(theta), Balls(g), [Balls(x) for x in slots], s)
            return new.items, [x.items for x in new_slots]

    def scalars(
        self, dialect: Dialect, hyper: Mapping[str, Real], t: int, eta: Real, *, bits: int = BITS
    ) -> Any:
        """Return the scalars of step t as balls, in the record that the rule reads."""
        with self.precision(bits):
            s = _scalars(dialect, hyper, t, eta, None, None)
            return type(s)(*(_to_array_dtype(value, None) for value in s))

    @staticmethod
    @contextmanager
    def precision(bits: int) -> Iterator[None]:
        """Set Arb's working precision, which is global to the process, and put it back."""
        before = flint.ctx.prec
        flint.ctx.prec = bits
        try:
            yield
        finally:
            flint.ctx.prec = before


backend = Exact()


def _scalars(
    dialect: Dialect,
    hyper: Mapping[str, Real | Callable[[int], Real]],
    t: int,
    eta: Real,
    host: str | None,
    widen: _Widen | None,
) -> Any:
    h = {
        name: _host_number(value(t) if callable(value) else value, host, widen)
        for name, value in hyper.items()
    }
    return dialect.scalars(h, t, _host_number(eta, host, widen), sqrt=lambda x: x.sqrt())


def _host_number(value: Real, host: str | None, widen: _Widen | None) -> Number:
    ball = arb(value)
    cast = host not in (None, "float64") and widen is not None
    return Number(widen(ball) if cast and widen else ball, widen)


def _to_array_dtype(value: Any, widen: _Widen | None) -> arb | None:
    if value is None:
        return None
    ball = _ball(value)
    return widen(ball) if widen else ball


def _ball(x: Any) -> arb:
    return x.ball if isinstance(x, Number) else arb(x)


def _column(x: Any, n: int) -> list[arb]:
    return x.items if isinstance(x, Balls) else [_ball(x)] * n


def _square(x: arb) -> arb:
    product = x * x
    return product if product >= 0 else product.nonnegative_part()


def _sqrt(x: arb) -> arb:
    if x >= 0:
        return x.sqrt()
    if x < 0:
        return arb.nan()
    return arb(0).union(x.upper().sqrt())  # [0, √upper]: √ of the part that is >= 0
