"""Sums of whole tensors as bounds: what rules ask that look at more than an element.

A rule is run over a tensor in blocks, from its beginning for each of its rounds, so that nothing
is kept of a tensor but its sums. The first radius of a sum contains that of the real terms; the
second, whatever an implementation gives that adds its own terms in any order:

    |fl(Σx) - Σx| ≤ γ Σ|x|,   γ = k u / (1 - k u),   k additions in the longest chain

Higham, Accuracy and Stability of Numerical Algorithms, (4.4), where k = n - 1. Of more than `CHAIN`
terms no right one is taken to be so long; who knows a shorter one says so.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from ...rules.clip import NORMS, clipped_first
from ...rules.contract import Dialect
from ...rules.shapes import scope_of, slot_shape
from ...sums import Count, answered, together
from ...sums.rounds import AXES
from .bounds import FORMATS, UP, Array, Bounds, Rounds

CHAIN = 1 << 22  # in float32 γ is 1/3 there
BLOCK = 1 << 15  # numbers: what the operations on a block read and write fits the cache
SINGLE = 2.0 ** -FORMATS["float32"][0]  # half precision is added in float32

Sums = Sequence[tuple[Bounds, ...]]  # one of each term, round by round


@dataclass(frozen=True, eq=False)
class Whole:
    """A tensor as it is before a step: how many numbers, and the rule on some of them.

    ``begin(start, stop)`` is the rule's generator on that stretch of the tensor. Tensors of one
    `kind` have as many rounds.
    """

    kind: Any
    size: int
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
        mid, n = np.atleast_1d(self.mid), self.count
        safe = 1 + (n + 64) * 2.0**-51  # what the sums of radii lose, in any order
        real, wide = (np.zeros(2) + self.rad) * safe
        lost = n * float(np.finfo(mid.dtype).eps) * self.size * safe  # by the midpoint
        reach = self._any_order((self.size + wide) * safe, rounds, chain)
        both = np.array([[real + lost], [wide + lost + reach]]) * UP
        total = Bounds(mid, both, rounds)
        total = total.rounded(rounds) if rounds.unit > SINGLE else total
        total.difference = self.difference
        return total

    def _any_order(self, size: float, rounds: Rounds, chain: int) -> float:
        """How far a sum of terms of this size in all may be from theirs: γ Σ|x|."""
        ku = min(self.count - 1, chain) * min(rounds.unit, SINGLE)
        if ku >= 1:
            return np.nan
        if ku <= 0 or size == 0:
            return 0.0
        reach = size * ku / (1 - ku) * UP + self.count * rounds.lost
        return reach if size + reach < rounds.overflow else np.nan


@dataclass(frozen=True, eq=False)
class Ended:
    """A rule has ended: its parameters and slots."""

    result: Any


def begun(d: Dialect, beside: float | None, inputs: Sequence[Any]) -> Any:
    """Return the rule's generator; with `beside` the gradient is clipped before the step gets it.

    Such a clip rounds as the gradient's dtype does, and `beside` is added to the norm.
    """
    if beside is None or d.clip not in NORMS:
        return d.rounds(*inputs)
    return _clipped_before(d, beside, *inputs)


@dataclass(frozen=True)
class _Clip:
    """A rule that hands on the gradient that it is given."""

    clip: str
    scope: str = "element"

    def answered(self, clip: str) -> "_Clip":
        """What is left when the gradient is clipped."""
        return self

    def apply(self, theta: Any, g: Any, slots: Any, s: Any) -> Any:
        """Return the gradient."""
        return g, ()


@dataclass(frozen=True)
class _Bound:
    """The scalars of a clip."""

    clip: Any
    l2: None = None


def _clipped_before(d: Dialect, beside: float, theta: Any, g: Any, slots: Any, s: Any) -> Any:
    bound = _Bound(s.clip.under(g.rounds))
    clipped, _ = yield from clipped_first(_Clip(d.clip), theta, g, (), bound, beside=beside)
    inner, g = d.answered(clip="none"), clipped.under(theta.rounds)
    if inner.scope == "element":
        return inner.apply(theta, g, slots, s)
    return (yield from inner.rounds(theta, g, slots, s))


def went_on(rounds: Any, sums: Sums) -> Any:
    """Return what a rule asks after these answers, or the result that it ends with."""
    try:
        asked = next(rounds)
        for answers in sums:
            asked = rounds.send(answers)
    except StopIteration as end:
        return Ended(end.value)
    return asked


def sums_of(tensors: Sequence[Whole], *, chain: int = CHAIN) -> list[Sums]:
    """Return what every tensor of a tree is answered, round by round."""
    known: list[list[tuple[Bounds, ...]]] = [[] for _ in tensors]
    going = list(range(len(tensors)))
    while going:
        with np.errstate(all="ignore"):
            terms = _with_trees([_round(tensors[i], known[i]) for i in going])
            for i, row in zip(going, terms, strict=True):
                known[i].append(tuple(term.answer(chain) for term in row))
            kinds = {tensors[i].kind: i for i in going}
            ends = {kind: _ends(tensors[i], known[i]) for kind, i in kinds.items()}
        going = [i for i in going if not ends[tensors[i].kind]]
    return list(known)


def _ends(tensor: Whole, sums: Sums) -> bool:
    """Whether a rule asks for nothing more, as one number says."""
    return isinstance(went_on(tensor.begin(0, 1), sums), Ended)


@dataclass(frozen=True, eq=False)
class _Term:
    """One of the sums of a round: over what, its total, and whether to count alone."""

    over: str
    total: Total
    counts: bool
    rounds: Rounds

    def __add__(self, other: "_Term") -> "_Term":
        coarser = max(self.rounds, other.rounds, key=lambda r: r.unit)
        return replace(self, total=self.total + other.total, rounds=coarser)

    def answer(self, chain: int) -> Bounds:
        """The number that the rule gets."""
        if self.counts:
            return Bounds(np.array([float(self.total.count)]), None, self.rounds)
        return self.total.bounds(self.rounds, chain)


def _with_trees(rows: Sequence[Sequence[_Term]]) -> list[list[_Term]]:
    """Put the total of all tensors in the place of each one's, where it is asked of the tree."""
    columns = [[reduce(add, column)] * len(rows) if column[0].over == "tree" else column
               for column in zip(*rows, strict=True)]  # fmt: skip
    return [list(row) for row in zip(*columns, strict=True)]


def _round(tensor: Whole, sums: Sums) -> list[_Term]:
    """Return the terms of a tensor's next round."""
    terms: list[_Term] = []
    for start in range(0, tensor.size, BLOCK):
        size = min(BLOCK, tensor.size - start)
        block = [_term(each, size) for each in went_on(tensor.begin(start, start + size), sums)]
        terms = [a + b for a, b in zip(terms, block, strict=True)] if terms else block
    return terms


def _term(asked: Any, size: int) -> _Term:
    counts = isinstance(asked, Count)
    total = Total(count=size) if counts else Total.of(asked.terms, size)
    return _Term(asked.over, total, counts, asked.terms.rounds)


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
        seen.update(each.over for row in asked for each in row)
        return answered(asked)

    hyper = dict.fromkeys(d.hyper, 0.5)
    ones, s = np.ones((2, 2)), d.scalars({**hyper, **d.memory(hyper, 2)}, 2, 1.0)
    slots = [
        0.5 if kind == "scalar" else np.ones(slot_shape(kind, ones.shape)) for kind in d.shapes
    ]
    with np.errstate(all="ignore"):
        together([d.rounds(ones, ones, tuple(slots), s)], noting)
    return seen
