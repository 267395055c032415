"""Balls: midpoints with radii that provably contain a real number (python-flint's Arb).

`Balls` is as much of an Array API array as a rule needs, `Number` a scalar of the host. Both may
*widen*: after each operation the ball grows by one rounding error of a floating-point format, so
that it contains whatever a correctly rounded evaluation gives, fused multiply-adds included.

What cannot be certified is not a number: a ball without finite radius says so.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import reduce
from typing import Any

import numpy as np
from flint import arb

from wdref.sums.rounds import AXES

from .rounding import EXACT, Context, Widen

Real = float | arb  # a number given exactly, or a ball around one
Verdicts = list[bool | None]  # None: the balls overlap, the answer is undecided


class Balls:
    """An array of balls, laid flat, of one dimension unless it has another `shape`.

    A `difference`, or a sum with one, may be below 0 where the balls are: its root may be no
    number. What is none is a sum of squares, of which the balls alone reach below 0.
    """

    __slots__ = ("context", "difference", "items", "shape")

    def __init__(
        self,
        items: Iterable[Any],
        context: Context = EXACT,
        shape: tuple[int, ...] | None = None,
    ) -> None:
        self.items = [x if isinstance(x, arb) else arb(x) for x in items]
        self.context, self.difference = context, False
        self.shape = (len(self.items),) if shape is None else shape

    def __iter__(self) -> Iterator[arb]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def dtype(self) -> str:
        """Balls have one dtype: real."""
        return "real"

    def __array_namespace__(self, *, api_version: str | None = None) -> "Namespace":
        """Return the functions that a rule may call."""
        return NAMESPACE

    def map(self, widen: Widen | None, f: Callable[..., Any], *others: Any) -> "Balls":
        """Apply `f` elementwise and round once, where `widen` says how."""
        whole = self._shaped(*others)
        columns = [_column(x, whole) for x in others]
        values = [f(*row) for row in zip(_column(self, whole), *columns, strict=True)]
        return Balls(map(widen, values) if widen else values, self.context, whole)

    def _shaped(self, *others: Any) -> tuple[int, ...]:
        """The shape of this array and the others together."""
        shapes = {x.shape for x in (self, *others) if isinstance(x, Balls)}
        return self.shape if len(shapes) == 1 else np.broadcast_shapes(*shapes)

    def summed(self, over: str, rest: Sequence["Balls"] = ()) -> Any:
        """Return the sum over the tensor, with the `rest` of its tree, or along one of its axes.

        It holds what any order of additions gives: n - 1 of them lose at most γ Σ|x|, with
        γ = (n - 1) u / (1 - (n - 1) u). Higham, Accuracy and Stability, (4.4).
        """
        if over in AXES:
            axis = AXES[over] % self.ndim
            places = np.arange(len(self)).reshape(self.shape)
            rows = np.moveaxis(places, axis, -1).reshape(-1, self.shape[axis])
            sums = [_sum([(self.items[i], 1) for i in row], self.context.every) for row in rows]
            shape = tuple(1 if k == axis else n for k, n in enumerate(self.shape))
            return Balls(sums, self.context, shape)
        terms = [pair for x in (self, *rest) for pair in x._counted()]
        every, number = self.context.every, self.context.number
        for x in rest:  # of several dtypes the sum may be of the narrowest
            every, number = _coarser(every, x.context.every), _coarser(number, x.context.number)
        return Number(_sum(terms, every), number)

    def stands_for(self) -> int:
        """Return how many elements of the whole tensor these are."""
        return sum(self.context.counts or (1,) * len(self))

    def _counted(self) -> Iterable[tuple[arb, int]]:
        counts = self.context.counts
        return zip(self.items, counts or (1,) * len(self), strict=True)

    def __add__(self, other: Any) -> "Balls":
        total = self.map(self.context.every, lambda a, b: a + b, other)
        total.difference = self.difference or getattr(other, "difference", False)
        return total

    def __sub__(self, other: Any) -> "Balls":
        found = self.map(self.context.every, lambda a, b: a - b, other)
        found.difference = True
        return found

    def __rsub__(self, other: Any) -> "Balls":
        found = self.map(self.context.every, lambda a, b: b - a, other)
        found.difference = True
        return found

    def __mul__(self, other: Any) -> "Balls":
        if isinstance(other, Balls) and other is self:
            # a square is not negative, which a product of two balls may be
            return self.map(self.context.every, _square)
        return self.map(self.context.every, lambda a, b: a * b, other)

    def __truediv__(self, other: Any) -> "Balls":
        return self.map(self.context.divide, lambda a, b: a / b, other)

    def __rtruediv__(self, other: Any) -> "Balls":
        return self.map(self.context.divide, lambda a, b: b / a, other)

    __radd__, __rmul__ = __add__, __mul__

    # negation, |x|, comparison and choice are exact in floating point: nothing is widened

    def __neg__(self) -> "Balls":
        return self.map(None, lambda a: -a)

    def __abs__(self) -> "Balls":
        return self.map(None, abs)

    def __lt__(self, other: Any) -> Verdicts:
        return self._compare(lambda a, b: (a < b, a >= b), other)

    def __le__(self, other: Any) -> Verdicts:
        return self._compare(lambda a, b: (a <= b, a > b), other)

    def __gt__(self, other: Any) -> Verdicts:
        return self._compare(lambda a, b: (a > b, a <= b), other)

    def __ge__(self, other: Any) -> Verdicts:
        return self._compare(lambda a, b: (a >= b, a < b), other)

    def _compare(self, f: Callable[[arb, arb], tuple[bool, bool]], other: Any) -> Verdicts:
        rows = zip(self.items, _column(other, self.shape), strict=True)
        return [True if yes else False if no else None for yes, no in (f(*row) for row in rows)]

    def doubt(self, where: Iterable[bool]) -> None:
        """Remember the coordinates at which a branch was undecided."""
        self.context.doubts.update(i for i, doubtful in enumerate(where) if doubtful)


class Namespace:
    """The functions of the Array API that rules call, on balls."""

    __name__ = __name__

    @staticmethod
    def sqrt(x: Balls, /) -> Balls:
        """Square root of the part that is >= 0; of a difference that may be below it, in doubt."""
        if x.difference and x.context.every:  # the real number is not below 0, a rounded one may be
            x.doubt(not a >= 0 for a in x)
        return x.map(x.context.sqrt, _sqrt)

    @staticmethod
    def cbrt(x: Balls, /) -> Balls:
        """Cube root of the part that is >= 0."""
        return x.map(x.context.cbrt, _cbrt)

    @staticmethod
    def abs(x: Balls, /) -> Balls:
        """Absolute value."""
        return abs(x)

    @staticmethod
    def sign(x: Balls, /) -> Balls:
        """Sign; [-1, 1], in doubt, where the ball contains 0 and more."""
        x.doubt(a.contains(0) and not a.is_zero() for a in x)
        return x.map(None, lambda a: a if a.is_nan() else a.sgn())

    @staticmethod
    def maximum(x: Balls, y: Balls, /) -> Balls:
        """Larger one; where the balls overlap, a ball that contains both answers."""
        return x.map(None, lambda a, b: a.max(b), y)

    @staticmethod
    def minimum(x: Balls, y: Balls, /) -> Balls:
        """Smaller one, likewise."""
        return x.map(None, lambda a, b: a.min(b), y)

    @staticmethod
    def max(x: Balls, /, *, axis: tuple[int, ...], keepdims: bool = True) -> Balls:
        """Largest along axes, which are kept with length 1."""
        kept = tuple(1 if k in axis else n for k, n in enumerate(x.shape))
        places = np.arange(len(x)).reshape(x.shape)
        rows = np.moveaxis(places, axis, range(-len(axis), 0)).reshape(math.prod(kept), -1)
        largest = (reduce(arb.max, (x.items[i] for i in row)) for row in rows)
        return Balls(largest, x.context, kept)

    @staticmethod
    def where(condition: Verdicts, x: Any, y: Any, /) -> Balls:
        """Choice; where it is undecided, in doubt, a ball that contains both."""
        like = x if isinstance(x, Balls) else y
        like.doubt(c is None for c in condition)
        rows = zip(condition, _column(x, like.shape), _column(y, like.shape), strict=True)
        values = (a.union(b) if c is None else a if c else b for c, a, b in rows)
        return Balls(values, like.context, like.shape)

    @staticmethod
    def full_like(x: Balls, value: Any, /) -> Balls:
        """Repeat a scalar."""
        return Balls(_column(value, x.shape), x.context, x.shape)


class Number:
    """A host scalar as a ball, rounded after each operation where `widen` is given.

    `power` widens β^t in place of it, once, or with `running` once for each factor, as a product
    that is kept from step to step loses.
    """

    __slots__ = ("ball", "power", "running", "widen")

    def __init__(
        self,
        ball: Any,
        widen: Widen | None = None,
        power: Widen | None = None,
        *,
        running: bool = False,
    ) -> None:
        self.ball, self.widen, self.power, self.running = arb(ball), widen, power, running

    def _new(self, ball: arb, other: Any = None) -> "Number":
        widen = self.widen
        if isinstance(other, Number) and other.widen is not None:
            widen = other.widen.coarser(widen)
        return Number(widen(ball) if widen else ball, widen)

    def __add__(self, other: Any) -> "Number":
        if isinstance(other, Balls):
            return NotImplemented
        return self._new(self.ball + as_ball(other), other)

    def __sub__(self, other: Any) -> "Number":
        if isinstance(other, Balls):
            return NotImplemented
        return self._new(self.ball - as_ball(other), other)

    def __rsub__(self, other: Any) -> "Number":
        if isinstance(other, Balls):
            return NotImplemented
        return self._new(as_ball(other) - self.ball, other)

    def __neg__(self) -> "Number":
        return Number(-self.ball, self.widen)

    def __mul__(self, other: Any) -> "Number":
        if isinstance(other, Balls):
            return NotImplemented
        return self._new(self.ball * as_ball(other), other)

    def __truediv__(self, other: Any) -> "Number":
        if isinstance(other, Balls):
            return NotImplemented
        return self._new(self.ball / as_ball(other), other)

    def __rtruediv__(self, other: Any) -> "Number":
        if isinstance(other, Balls):
            return NotImplemented
        return self._new(as_ball(other) / self.ball, other)

    def constant(self, value: float) -> "Number":
        """Return `value`, exactly, as a number of this host (see `wdref.rules.choice`)."""
        return Number(arb(value), self.widen)

    def __pow__(self, n: "int | Number") -> "Number":
        if isinstance(n, Number):  # a C library's pow errs by less than one unit here too
            ball = self.ball**n.ball
            return Number(_repeat(self.widen, ball, 2) if self.widen else ball, self.widen)
        ball = self.ball**n
        if self.power is None and self.widen is not None:
            # a C library's pow errs by less than one unit in the last place, two roundings
            return Number(_repeat(self.widen, ball, 0 if n == 1 else 2), self.widen)
        if self.power is None:
            return Number(ball)
        times = n if self.running else int(n != 1)  # β^1 is β
        return Number(_repeat(self.power, ball, times), self.power if self.running else self.widen)

    __radd__, __rmul__ = __add__, __mul__

    def __lt__(self, other: Any) -> "bool | Undecided":
        return _decided(as_ball(other) - self.ball, strict=True)

    def __le__(self, other: Any) -> "bool | Undecided":
        return _decided(as_ball(other) - self.ball, strict=False)

    def __gt__(self, other: Any) -> "bool | Undecided":
        return _decided(self.ball - as_ball(other), strict=True)

    def __ge__(self, other: Any) -> "bool | Undecided":
        return _decided(self.ball - as_ball(other), strict=False)

    def sqrt(self) -> "Number":
        """Square root."""
        return self._new(_sqrt(self.ball))


class Undecided:
    """A comparison of balls that overlap: no branch can be taken by it."""

    def __bool__(self) -> bool:
        raise ArithmeticError("a comparison of the host is undecided: its balls overlap")

    @staticmethod
    def between(yes: Any, no: Any) -> Number:
        """Return a ball that contains both answers (see `wdref.rules.choice`)."""
        widen = next((x.widen for x in (yes, no) if isinstance(x, Number)), None)
        return Number(as_ball(yes).union(as_ball(no)), widen)


def _decided(x: arb, *, strict: bool) -> bool | Undecided:
    """Whether x > 0, or x ≥ 0."""
    if (x > 0) if strict else (x >= 0):
        return True
    return False if ((x <= 0) if strict else (x < 0)) else Undecided()


def as_ball(x: Any) -> arb:
    """Return the ball of a number."""
    return x.ball if isinstance(x, Number) else arb(x)


def _repeat(widen: Widen, ball: arb, times: int) -> arb:
    if times > 4:  # at once: every factor rounds, and so does every one of the parts lost
        return ball * widen.factor**times + widen.term * (2 * times)
    for _ in range(times):
        ball = widen(ball)
    return ball


def _column(x: Any, shape: tuple[int, ...]) -> list[arb]:
    """The balls of an array, or of one number, for every place of `shape`."""
    if not isinstance(x, Balls):
        return [as_ball(x)] * math.prod(shape)
    if x.shape == shape:
        return x.items
    places = np.broadcast_to(np.arange(len(x)).reshape(x.shape), shape)
    return [x.items[i] for i in places.reshape(-1)]


def _sum(terms: Iterable[tuple[arb, int]], every: Widen | None) -> arb:
    """The sum of terms that stand there several times; with roundings, of any order."""
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


def _coarser(a: Widen | None, b: Widen | None) -> Widen | None:
    return a if b is None else b.coarser(a)


def _square(x: arb) -> arb:
    product = x * x
    return product if product >= 0 else product.nonnegative_part()


def _sqrt(x: arb) -> arb:
    if x >= 0:
        return x.sqrt()
    if x < 0:
        return arb.nan()
    return arb(0).union(x.upper().sqrt())  # [0, √upper]: √ of the part that is >= 0


def _cbrt(x: arb) -> arb:
    if x > 0:
        return x.root(3)
    top = x.upper()
    return arb(0) if x.is_zero() else arb(0).union(top.root(3)) if top > 0 else arb.nan()


NAMESPACE = Namespace()  # arrays that meet must name the very same object
