"""Rounds: a rule that asks for sums, and goes on with them.

Such a rule is a generator. Each ``yield`` is a round: it hands over the terms, elementwise, and
gets their sums, numbers of the host in float64 (along an axis: arrays). What stands between two
rounds is elementwise again. So a rule reads as its formula does, a backend may sum as it likes, and
all tensors of a tree are summed before any of them goes on.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from . import arrays, partial
from .cover import Cover, cover
from .partial import Exact, Partial

Array = Any
Over = Literal["tensor", "tree", "rows", "columns"]
AXES = {"rows": -1, "columns": -2}  # that a sum along the rows, or the columns, does away with
Result = tuple[Array, tuple[Array, ...]]
Rounds = Generator[tuple["Asked", ...], Sequence[Any], Result]
Answer = Callable[[Sequence[Sequence["Asked"]]], Sequence[Sequence[Any]]]
Exchange = Callable[[list[Any]], Sequence[list[Any]]]


@dataclass(frozen=True, eq=False)
class Sum:
    """Terms, and what they are summed over: their tensor, the whole tree, each row or column."""

    terms: Array
    over: Over = "tensor"

    def part(self) -> "Part | None":
        """Return the partial sum of the terms; None where they have no numbers yet."""
        found = arrays.partial_of(self.terms)
        return found and Part(self.over, *found)


@dataclass(frozen=True, eq=False)
class Count(Sum):
    """How many terms there are, in all shards of a tree: a mean is a sum by its count."""

    def part(self) -> "Part":
        """Return the count, which is known without the numbers."""
        return Part.of_count(arrays.count(self.terms), self.over)


@dataclass(frozen=True, eq=False)
class Part:
    """A sum of which a backend has made its part: quick, and the exact one when it is asked."""

    over: Over
    partial: Partial
    exact: Callable[[], Exact]

    @staticmethod
    def of_count(count: int, over: Over) -> "Part":
        """Return the part of a `Count`."""
        return Part(over, Partial(float(count)), lambda: partial.exactly(np.float64(count)))

    def part(self) -> "Part":
        """Return itself."""
        return self


Asked = Sum | Part | Cover


def alone(rounds: Callable[..., Rounds], *inputs: Any) -> Result:
    """Return a step of one tensor, which is the whole tree."""
    return together([rounds(*inputs)], answered)[0]


def together(rounds: Sequence[Rounds], sums: Answer) -> list[Result]:
    """Return the steps of several tensors, which go from round to round together."""
    results: list[Result | None] = [None] * len(rounds)
    asked = _advance(rounds, range(len(rounds)), None, results)
    while asked:
        answers = sums(list(asked.values()))
        asked = _advance(rounds, list(asked), answers, results)
    return results  # type: ignore[return-value]  # none is left out: every rule ends


def _advance(
    rounds: Sequence[Rounds], who: Sequence[int], answers: Any, results: list[Result | None]
) -> dict[int, tuple[Asked, ...]]:
    asked: dict[int, tuple[Asked, ...]] = {}
    for k, i in enumerate(who):
        try:
            asked[i] = next(rounds[i]) if answers is None else rounds[i].send(answers[k])
        except StopIteration as end:
            results[i] = end.value
    return asked


def answered(sums: Sequence[Sequence[Asked]]) -> list[list[Any]]:
    """Return the sums that several tensors ask for in a round, tensor by tensor."""
    trees = {k: _of_tree([own[k] for own in sums])
             for k, first in enumerate(sums[0]) if first.over == "tree"}  # fmt: skip
    return [[trees[k] if k in trees else _of_tensor(each) for k, each in enumerate(own)]
            for own in sums]  # fmt: skip


def _of_tensor(asked: Asked) -> Any:
    """Return the sum over one tensor, its rows or its columns, or its cover."""
    if isinstance(asked, Cover):
        return cover(asked.terms)
    if isinstance(asked, Count) and asked.over in AXES:
        return float(asked.terms.shape[AXES[asked.over]])
    if isinstance(asked, Sum) and not isinstance(asked, Count):
        own = getattr(asked.terms, "summed", None)  # symbols and balls know how
        if own is not None:
            return own(asked.over)
        if asked.over in AXES:
            return arrays.along(asked.terms, AXES[asked.over])
    return _of_tree([asked])


def _of_tree(asked: Sequence[Asked]) -> Any:
    terms = [each.terms for each in asked if isinstance(each, Sum)]
    if isinstance(asked[0], Count):
        return float(sum(map(arrays.count, terms)))
    if terms and hasattr(terms[0], "summed"):
        return terms[0].summed("tree", terms[1:])
    few = arrays.at_once(terms) if len(terms) == len(asked) else None
    if few is not None:
        return few
    parts = [each.part() for each in asked]
    if any(part is None for part in parts):
        return sum(map(arrays.own_sum, terms))
    known = [part for part in parts if part is not None]
    return partial.value([part.partial for part in known], lambda: [p.exact() for p in known])


def exchanged(exchange: Exchange, /) -> Answer:
    """Return what answers with the sums over all shards of a tree, each of which has its part.

    ``exchange(own)`` hands over this shard's list and returns those of all, its own among them, in
    the same order on each. It is called once a round, and again where a sum is left open.
    """

    def answer(sums: Sequence[Sequence[Asked]]) -> list[list[Any]]:
        parts = [_shared(each) for own in sums for each in own]
        mine = _joined(parts, sums)
        shards = exchange([p.partial for p in mine])
        totals = [partial.settled(partial.combined(column)) for column in zip(*shards, strict=True)]
        if any(total is None for total in totals):
            exact = exchange([p.exact() for p in mine])
            totals = [partial.rounded(sum(column, Exact())) for column in zip(*exact, strict=True)]
        return _dealt(totals, sums)

    return answer


def _shared(asked: Asked) -> Part:
    part = None if asked.over in AXES else asked.part()
    if part is None:
        what = f"sums along {asked.over}" if asked.over in AXES else "arrays without numbers"
        what = "covers by slices" if isinstance(asked, Cover) else what
        raise ValueError(f"shards exchange sums of whole tensors and trees, not {what}")
    return part


def _joined(parts: Sequence[Part], sums: Sequence[Sequence[Asked]]) -> list[Part]:
    """The parts of tensors one by one, then those of the tree, each of all tensors together."""
    count = len(sums[0]) if sums else 0
    trees = [k for k in range(count) if sums[0][k].over == "tree"]
    single = [p for i, p in enumerate(parts) if i % count not in trees]
    return single + [_whole(parts[k::count]) for k in trees]


def _whole(parts: Sequence[Part]) -> Part:
    both = partial.combined(p.partial for p in parts)
    return Part("tree", both, lambda: sum((p.exact() for p in parts), Exact()))


def _dealt(totals: Sequence[Any], sums: Sequence[Sequence[Asked]]) -> list[list[Any]]:
    trees = [k for k, each in enumerate(sums[0]) if each.over == "tree"] if sums else []
    singles = iter(totals[: len(totals) - len(trees)])
    shared = dict(zip(trees, totals[len(totals) - len(trees) :], strict=True))
    return [[shared[k] if k in shared else next(singles) for k in range(len(own))] for own in sums]
