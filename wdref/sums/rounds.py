"""Rounds: a rule that asks for sums, and goes on with them.

Such a rule is a generator. Each ``yield`` is a round: it hands over the terms, elementwise, and
gets their sums, numbers of the host in float64 (along an axis: arrays). What stands between two
rounds is elementwise again. So a rule reads as its formula does, a backend may sum as it likes, and
all tensors of a tree are summed before any of them goes on.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from . import arrays

Array = Any
Over = Literal["tensor", "tree", "rows", "columns"]
AXES = {"rows": -1, "columns": -2}  # that a sum along the rows, or the columns, does away with
Result = tuple[Array, tuple[Array, ...]]
Answer = Callable[[Sequence[Sequence["Sum"]]], Sequence[Sequence[Any]]]
Rounds = Generator[tuple["Sum", ...], Sequence[Any], Result]


@dataclass(frozen=True, eq=False)
class Sum:
    """Terms, and what they are summed over: their tensor, the whole tree, each row or column."""

    terms: Array
    over: Over = "tensor"


def alone(rounds: Callable[..., Rounds], *inputs: Any) -> Result:
    """Return a step of one tensor, which is the whole tree."""
    return together([rounds(*inputs)], answered)[0]


def answered(sums: Sequence[Sequence[Sum]]) -> list[list[Any]]:
    """Return the sums that several tensors ask for in a round, tensor by tensor."""
    trees: dict[int, Any] = {}
    for i, own in enumerate(zip(*sums, strict=True)) if sums else ():
        if own[0].over == "tree":
            trees[i] = _of_tree([each.terms for each in own])
    return [[trees[i] if i in trees else of_tensor(each) for i, each in enumerate(own)]
            for own in sums]  # fmt: skip


def of_tensor(asked: Sum) -> Any:
    """Return the sum over one tensor, its rows or its columns."""
    own = getattr(asked.terms, "summed", None)  # symbols and balls know how
    if own is not None:
        return own(asked.over)
    if asked.over in AXES:
        return arrays.along(asked.terms, AXES[asked.over])
    return arrays.total(asked.terms)


def _of_tree(terms: Sequence[Array]) -> Any:
    own = getattr(terms[0], "summed", None)
    if own is not None:
        return own("tree", terms[1:])
    return arrays.total_of_all(terms)


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
) -> dict[int, tuple[Sum, ...]]:
    asked: dict[int, tuple[Sum, ...]] = {}
    for k, i in enumerate(who):
        try:
            asked[i] = next(rounds[i]) if answers is None else rounds[i].send(answers[k])
        except StopIteration as end:
            results[i] = end.value
    return asked
