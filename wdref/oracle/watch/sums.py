"""Sums of whole tensors as bounds: what rules ask that look at more than an element.

A rule is run over a tensor in blocks, from its beginning for each of its rounds, so that nothing
is kept of a tensor but its sums. The first radius of a sum contains that of the real terms; the
second, whatever an implementation gives that adds its own terms in any order:

    |fl(Σx) - Σx| ≤ γ Σ|x|,   γ = k u / (1 - k u),   k additions in the longest chain

Higham, Accuracy and Stability of Numerical Algorithms, (4.4), where k = n - 1. Of more than `CHAIN`
terms no right one is taken to be so long; who knows a shorter one says so.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ...rules.clip import NORMS, clipped_first
from ...rules.contract import Dialect
from ...rules.shapes import scope_of, slot_shape
from ...sums import Count, Cover, answered, together
from ...sums.rounds import AXES
from .bounds import FORMATS, UP, Array, Bounds, Rounds

CHAIN = 1 << 22  # in float32 γ is 1/3 there
BLOCK = 1 << 15  # numbers: what the operations on a block read and write fits the cache
SINGLE = 2.0 ** -FORMATS["float32"][0]  # half precision is added in float32

Sums = Sequence[tuple[Bounds, ...]]  # one of each term, round by round


@dataclass(frozen=True, eq=False)
class Whole:
    """A tensor as it is before a step: how many numbers, and the rule on some of them.

    ``begin(start, stop)`` is the rule's generator on that stretch of the tensor.
    """

    size: int
    rounds: Rounds
    begin: Callable[[int, int], Any]


@dataclass(frozen=True, eq=False)
class Total:
    """The sum of some terms: its midpoint, the terms' radii, Σ|x|, and how many there are."""

    mid: Any = 0.0
    rad: Array | float = 0.0
    size: float = 0.0
    count: int = 0
    difference: bool = False

    @staticmethod
    def of(terms: Bounds, size: int) -> "Total":
        """The sum over one block of `size` numbers; a number stands for each of them."""
        times = size // len(terms.mid)
        rad = np.zeros(2) if terms.rad is None else np.broadcast_to(
            terms.rad, (2, len(terms.mid))).sum(axis=1) * times  # fmt: skip
        length = float(np.sum(np.abs(terms.mid).astype(np.float64))) * times
        return Total(np.sum(terms.mid) * times, rad, length, size, terms.difference)

    def __add__(self, other: "Total") -> "Total":
        return Total(
            self.mid + other.mid,
            self.rad + other.rad,
            self.size + other.size,
            self.count + other.count,
            self.difference or other.difference,
        )

    def bounds(self, rounds: Rounds, chain: int) -> Bounds:
        """The sum as a number with both of its radii."""
        mid = np.atleast_1d(self.mid)
        n, rad = self.count, np.zeros(2) + self.rad
        safe = 1 + (n + 64) * 2.0**-51  # what the sums of radii lose, in any order
        own = n * float(np.finfo(mid.dtype).eps) * self.size * safe
        size = (self.size + rad[1]) * safe
        unit = min(rounds.unit, SINGLE)
        lost = min(n - 1, chain) * unit if n and size else 0.0
        reach = size * lost / (1 - lost) + (n * rounds.lost if lost else 0.0) if lost < 1 else np.nan
        reach = reach if size + reach < rounds.overflow else np.nan
        both = np.array([[rad[0] * safe + own], [rad[1] * safe + own + reach]]) * UP
        if unit < rounds.unit:
            both[1] += rounds.widen((np.abs(mid).astype(np.float64) + both[1]) * UP)
        total = Bounds(mid, both * UP, rounds)
        total.difference = self.difference
        return total


def begun(d: Dialect, beside: float, inputs: Sequence[Any]) -> Any:
    """Return the rule's generator; `beside` is added to the norm that the gradient is cut to."""
    if beside and d.clip in NORMS:
        return partial(clipped_first, d, beside=beside)(*inputs)
    return d.rounds(*inputs)


def went_on(rounds: Any, sums: Sums) -> Any:
    """Return what a rule asks after these answers, or the result that it ends with."""
    asked: Any = None
    try:
        asked = next(rounds)
        for answers in sums:
            asked = rounds.send(answers)
    except StopIteration as end:
        return Ended(end.value)
    return asked


@dataclass(frozen=True, eq=False)
class Ended:
    """A rule has ended: its parameters and slots."""

    result: Any


def sums_of(tensors: Sequence[Whole], *, chain: int = CHAIN) -> list[Sums]:
    """Return what every tensor of a tree is answered, round by round."""
    known: list[list[tuple[Bounds, ...]]] = [[] for _ in tensors]
    going = list(range(len(tensors)))
    while going:
        asked = {i: _round(tensors[i], known[i]) for i in going}
        going = [i for i in going if asked[i] is not None]
        trees = [sum((asked[i][k][1] for i in going), Total()) if over == "tree" else None
                 for k, (over, *_) in enumerate(asked[going[0]] if going else ())]  # fmt: skip
        coarsest = max((tensors[i].rounds for i in going), key=lambda r: r.unit, default=None)
        for i in going:
            known[i].append(tuple(
                _answer(total if tree is None else tree, counts, chain,
                        tensors[i].rounds if tree is None else coarsest)
                for (_, total, counts), tree in zip(asked[i], trees, strict=True)
            ))  # fmt: skip
    return list(known)


def _answer(total: Total, counts: bool, chain: int, rounds: Any) -> Bounds:
    if counts:
        return Bounds(np.array([float(total.count)]), None, rounds)
    return total.bounds(rounds, chain)


def _round(tensor: Whole, sums: Sums) -> Any:
    """Return the terms of a tensor's next round: over what, their total, and whether to count."""
    totals: Any = None
    for start in range(0, max(tensor.size, 1), BLOCK):
        size = min(BLOCK, tensor.size - start)
        asked = went_on(tensor.begin(start, start + size), sums)
        if isinstance(asked, Ended):
            return None
        terms = [_terms(each, size) for each in asked]
        totals = terms if totals is None else [
            (over, a + b, counts)
            for (over, a, counts), (_, b, _) in zip(totals, terms, strict=True)
        ]  # fmt: skip
    return totals


def _terms(asked: Any, size: int) -> tuple[str, Total, bool]:
    counts = isinstance(asked, Count)
    return asked.over, Total(count=size) if counts else Total.of(asked.terms, size), counts


def joined(rows: Sequence[Sums], counts: Sequence[int]) -> Sums:
    """Return the sums of several tensors behind one another, `counts` coordinates of each."""
    return [tuple(_repeated(column, counts) for column in zip(*round_, strict=True))
            for round_ in zip(*rows, strict=True)]  # fmt: skip


def _repeated(numbers: Sequence[Bounds], counts: Sequence[int]) -> Bounds:
    mid = np.repeat(np.concatenate([x.mid for x in numbers]), counts)
    rad = [np.zeros((2, 1)) if x.rad is None else x.rad for x in numbers]
    total = Bounds(mid, np.repeat(np.concatenate(rad, axis=1), counts, axis=1), numbers[0].rounds)
    total.difference = any(x.difference for x in numbers)
    return total


# -- what can be watched --------------------------------------------------------------------------


def check_watchable(d: Dialect) -> None:
    """Raise ValueError for a rule of which a few coordinates and sums of the rest do not tell.

    >>> from wdref.conventions import dialect
    >>> check_watchable(dialect("adafactor"))
    Traceback (most recent call last):
    ValueError: a shadow reads sums of whole tensors: adafactor sums along rows and columns
    """
    if scope_of(d) == "element":
        return
    over = _asked_by(d)
    if over & set(AXES):
        why = f"sums along {' and '.join(sorted(over & set(AXES), reverse=True))}"
    elif "slices" in over:
        why = "asks for the largest number of each row and column"
    else:
        return
    raise ValueError(f"a shadow reads sums of whole tensors: {d.family} {why}")


def _asked_by(d: Dialect) -> set[str]:
    """Return what a rule sums over, of a small matrix."""
    seen: set[str] = set()

    def noting(asked: Any) -> Any:
        seen.update(each.over for own in asked for each in own)
        return answered(asked)

    hyper = dict.fromkeys(d.hyper, 0.5)
    one, s = np.ones((2, 2)), d.scalars({**hyper, **d.memory(hyper, 2)}, 2, 1.0)
    slots = [0.5 if kind == "scalar" else np.ones(slot_shape(kind, one.shape)) for kind in d.shapes]
    with np.errstate(all="ignore"):
        together([d.rounds(one, one, tuple(slots), s)], noting)
    return seen
