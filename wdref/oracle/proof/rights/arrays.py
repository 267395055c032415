"""Arrays on which any rule runs as it is written, and computes as another program would.

A product is not made at once: its factors are kept, and multiplied where its numbers are needed, in
an order that the habits choose. So a rule's own lines stand for many: corrections folded into the
step, rates first or last, rows divided before they meet columns, reciprocals, fused additions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from operator import mul
from typing import Any

import numpy as np

from ....rules.choice import quotient
from .machines import Machine

Factors = list[tuple[Any, bool]]  # each with whether it stands over the line


@dataclass(frozen=True)
class Habits:
    """How products, quotients and roots are made, on which machine.

    `grouping`: the factors of a product as "written", its scalars "first" or "last", made into one
    by the host, or all "shuffled". `divides`: by what stands there, or by its "reciprocal". `root`:
    √x, or 1 over the "reciprocal" root. `side`: of a sum of two products the one that is fused.
    """

    machine: Machine
    rng: np.random.Generator
    grouping: str = "written"
    divides: str = "quotient"
    root: str = "sqrt"
    side: int = 0

    def array(self, x: Any) -> "Product":
        """Return numbers as an array of this machine."""
        return Product(self, (self.machine.array(x),))

    def divided(self, x: Any, y: Any) -> Any:
        """Return x / y; by the reciprocal only where that is a normal number, and loses no more."""
        if self.divides == "quotient":
            return x / y
        inverse = self.machine.number(1) / y
        normal = np.isfinite(inverse) & (np.abs(inverse) >= np.finfo(inverse.dtype).tiny)
        return self.machine.array(np.where(normal, x * inverse, x / y))

    def rooted(self, x: Any) -> Any:
        """Return √x."""
        one = self.machine.number(1)
        return np.sqrt(x) if self.root == "sqrt" else one / (one / np.sqrt(x))

    def whole(self, over: tuple[Any, ...], under: tuple[Any, ...]) -> Any:
        """Return the array of the factors `over` by those `under`.

        Who multiplies in another order minds the range: what leaves it is made as written.
        """
        factors = [*((x, True) for x in over), *((x, False) for x in under)]
        written = self._in_turn(factors)
        if self.grouping == "written":
            return written
        made = self._in_turn(self._ordered(factors))
        return self.machine.array(np.where(np.isfinite(made), made, written))

    def _ordered(self, factors: Factors) -> Factors:
        """The factors in this order, the scalars as one where they do not go by chance."""
        if self.grouping == "shuffled":
            return [factors[i] for i in self.rng.permutation(len(factors))]
        arrays = [pair for pair in factors if _is_array(pair[0])]
        numbers = [[x for x, up in factors if not _is_array(x) and up is side]
                   for side in (True, False)]  # fmt: skip
        scalar = [(quotient(*(reduce(mul, side, 1.0) for side in numbers)), True)]
        scalar = scalar if any(numbers) else []
        return [*scalar, *arrays] if self.grouping == "first" else [*arrays, *scalar]

    def _in_turn(self, factors: Factors) -> Any:
        """Multiply, or divide, by one after the other, a numerator first."""
        factors = list(factors)
        first = next((i for i, (_, up) in enumerate(factors) if up), None)
        made = self.machine.number(1) if first is None else self.read(factors.pop(first)[0])
        for factor, up in factors:
            made = made * self.read(factor) if up else self.divided(made, self.read(factor))
        return made

    def read(self, x: Any) -> Any:
        """Return a number as the operations read it; an array is read already."""
        return x if _is_array(x) else self.machine.number(x)

    def added(self, x: "Product", y: Any, signs: tuple[int, int]) -> "Product":
        """Return the sum of both with these signs, fused where one is a product."""
        both = [x, y if isinstance(y, Product) else Product(self, (self.read(y),))]
        for k in (self.side, 1 - self.side) if self.machine.fused else ():
            pair = both[k].pair()
            if pair is not None:
                a, c = _signed(pair[0], signs[k]), _signed(both[1 - k].array, signs[1 - k])
                return self.array(self.machine.fma(a, pair[1], c))
        a, b = (_signed(each.array, sign) for each, sign in zip(both, signs, strict=True))
        return self.array(a + b)


def _signed(x: Any, sign: int) -> Any:
    return x if sign > 0 else -x


def _is_array(x: Any) -> bool:
    return isinstance(x, np.ndarray)


class Product:
    """An array: the product of some factors, arrays and numbers, by that of others."""

    __array_ufunc__ = None  # NumPy's numbers leave operations to this class
    __slots__ = ("_array", "habits", "over", "under")

    def __init__(self, habits: Habits, over: tuple[Any, ...], under: tuple[Any, ...] = ()) -> None:
        self.habits, self.over, self.under = habits, over, under
        self._array: Any = over[0] if len(over) == 1 and not under else None

    @property
    def array(self) -> Any:
        """Its numbers."""
        if self._array is None:
            self._array = self.habits.whole(self.over, self.under)
        return self._array

    def pair(self) -> tuple[Any, Any] | None:
        """Return two factors of a product that is not made yet, or None: of a quotient too."""
        if self._array is not None or self.under:
            return None
        *rest, last = self.over
        return self.habits.whole(tuple(rest), ()), self.habits.read(last)

    def __array_namespace__(self, *, api_version: str | None = None) -> "Namespace":
        """Return the functions that a rule may call."""
        return NAMESPACE

    @property
    def shape(self) -> tuple[int, ...]:
        """The tensor's shape."""
        return np.broadcast_shapes(*(np.shape(x) for x in (*self.over, *self.under)))

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    def __mul__(self, other: Any) -> "Product":
        if other is self:  # a square is one of numbers that are made
            return Product(self.habits, (self.array, self.array))
        over, under = _factors(other, self.habits)
        own_over, own_under = _factors(self, self.habits)
        return Product(self.habits, (*own_over, *over), (*own_under, *under))

    def __rmul__(self, other: Any) -> "Product":
        over, under = _factors(self, self.habits)
        return Product(self.habits, (other, *over), under)

    def __truediv__(self, other: Any) -> "Product":
        over, under = _factors(self, self.habits)
        below = other.array if isinstance(other, Product) else other
        return Product(self.habits, over, (*under, below))

    def __rtruediv__(self, other: Any) -> "Product":
        return Product(self.habits, (other,), (self.array,))

    def __add__(self, other: Any) -> "Product":
        return self.habits.added(self, other, (1, 1))

    def __sub__(self, other: Any) -> "Product":
        return self.habits.added(self, other, (1, -1))

    def __rsub__(self, other: Any) -> "Product":
        return self.habits.added(self, other, (-1, 1))

    __radd__ = __add__

    def __neg__(self) -> "Product":
        return Product(self.habits, (-self.array,))

    def __abs__(self) -> "Product":
        return Product(self.habits, (np.abs(self.array),))

    def __lt__(self, other: Any) -> Any:
        return np.asarray(self.array < _read(other))

    def __le__(self, other: Any) -> Any:
        return np.asarray(self.array <= _read(other))

    def __gt__(self, other: Any) -> Any:
        return np.asarray(self.array > _read(other))

    def __ge__(self, other: Any) -> Any:
        return np.asarray(self.array >= _read(other))


def _factors(x: Any, habits: Habits) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The factors of an operand; "written" are those of one operation."""
    if not isinstance(x, Product):
        return (x,), ()
    return ((x.array,), ()) if habits.grouping == "written" else (x.over, x.under)


def _read(x: Any) -> Any:
    return x.array if isinstance(x, Product) else x


def _elementwise(f: Callable[..., Any]) -> Callable[..., Product]:
    """Return a function of arrays, of which one at least is a `Product`, by that of NumPy."""

    def own(*inputs: Any) -> Product:
        habits = next(x.habits for x in inputs if isinstance(x, Product))
        numbers = (x if _is_array(x) else habits.read(_read(x)) for x in inputs)
        return habits.array(f(*numbers))

    return own


class Namespace:
    """The functions of the Array API that rules call."""

    __name__ = __name__
    abs, sign, cbrt = (staticmethod(_elementwise(f)) for f in (np.abs, np.sign, np.cbrt))
    maximum, minimum = (staticmethod(_elementwise(f)) for f in (np.maximum, np.minimum))
    where = staticmethod(_elementwise(np.where))

    @staticmethod
    def sqrt(x: Product, /) -> Product:
        """Square root."""
        return x.habits.array(x.habits.rooted(x.array))

    @staticmethod
    def full_like(x: Product, value: Any, /) -> Product:
        """Repeat a scalar."""
        return x.habits.array(np.full(x.shape, x.habits.read(value)))


NAMESPACE = Namespace()  # arrays that meet must name the very same object
