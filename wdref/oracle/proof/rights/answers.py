"""Answers to the sums of a rule, in one of the ways of `additions`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ....sums import Count, Cover, cover
from ....sums.rounds import AXES
from . import additions
from .arrays import Habits, Product
from .machines import wider

SUMS = (*additions.WAYS, "fused", "length")


@dataclass(frozen=True)
class Answers:
    """The sums that several tensors ask for in a round; `way` is one of `ways.Way`."""

    way: Any
    habits: Sequence[Habits]

    def __call__(self, sums: Sequence[Sequence[Any]]) -> list[list[Any]]:
        """Return them, tensor by tensor."""
        trees = {k: self._of_tree([each[k] for each in sums])
                 for k, first in enumerate(sums[0]) if first.over == "tree"}  # fmt: skip
        return [[trees[k] if k in trees else self._of_tensor(habits, x) for k, x in enumerate(each)]
                for habits, each in zip(self.habits, sums, strict=True)]  # fmt: skip

    def _of_tensor(self, habits: Habits, asked: Any) -> Any:
        if isinstance(asked, Cover):
            return habits.array(cover(np.asarray(asked.terms.array)))
        axis, shape = AXES.get(asked.over), asked.terms.shape
        if isinstance(asked, Count):
            return self._number(habits, np.prod(shape if axis is None else shape[axis]))
        found = self._summed(habits, [asked.terms], axis)
        return self._number(habits, found) if axis is None else habits.array(found)

    def _of_tree(self, asked: Sequence[Any]) -> Any:
        first, terms = self.habits[0], [each.terms for each in asked]
        if isinstance(asked[0], Count):
            return self._number(first, sum(np.prod(x.shape) for x in terms))
        if self.way.tree == "joined":
            return self._number(first, self._summed(first, terms))
        each = np.array([self._summed(h, [x]) for h, x in zip(self.habits, terms, strict=True)])
        if self.way.tree == "norms" and all(a is b for a, b in map(_factors, terms)):
            norms = np.sqrt(each)
            each = norms * norms
        return self._number(first, additions.forward(each))

    def _number(self, habits: Habits, x: Any) -> Any:
        """A sum as the scalars that follow from it read it; of a norm's square no digit is lost."""
        if self.way.sums == "length" and isinstance(x, np.longdouble):
            return x
        if self.way.host == "float64" or self.way.sums == "length":
            return float(x)
        return np.dtype(habits.machine.dtype).type(x)

    def _summed(self, habits: Habits, terms: Sequence[Product], axis: int | None = None) -> Any:
        """The sum of all terms, or along an axis of those of one array, which is kept."""
        pairs = [_factors(x) for x in terms]
        squares = all(a is b for a, b in pairs)
        if self.way.sums == "length" and squares:
            norm = additions.length(self._digits(habits, [a for a, _ in pairs], axis))
            found = norm.astype(wider(norm.dtype)) ** 2
        elif self.way.sums == "fused":
            factors = zip(*pairs, strict=True)
            found = additions.fused(*(self._digits(habits, side, axis) for side in factors))
        else:
            add: additions.Addition = additions.WAYS.get(self.way.sums, additions.own)
            found = add(self._digits(habits, [x.array for x in terms], axis), habits.rng)
        return found[()] if axis is None else np.expand_dims(found, axis)

    def _digits(self, habits: Habits, arrays: Sequence[Any], axis: int | None) -> Any:
        """Terms in a row, or the axis last, in the digits in which they are added."""
        rows = [np.asarray(x).reshape(-1) if axis is None else np.moveaxis(np.asarray(x), axis, -1)
                for x in arrays]  # fmt: skip
        joined = np.concatenate(rows) if len(rows) > 1 else rows[0]
        kinds = {"parameters": habits.machine.dtype, "wider": wider(joined.dtype)}
        return joined.astype(kinds.get(self.way.digits, joined.dtype))


def _factors(x: Product) -> tuple[Any, Any]:
    """Two factors of each term, the same array of a square; what is made already is one by 1."""
    pair = x.pair()
    if pair is None:
        return x.array, np.ones_like(x.array)
    a, b = pair
    return pair if a is b else tuple(np.broadcast_arrays(a, b))  # type: ignore[return-value]
