"""Phases: a rule that asks for sums, as one program a round and one for the step.

The rule is traced once, as one graph. The program of a round is what its terms need of the graph,
the last one what the new arrays need; what two of them need is computed in both, which costs less
than to keep it. The sums of the rounds before are scalars of the host, and so is what follows from
them alone.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from wdref.engine.half_precision import Kernel
from wdref.sums import Count, Over, Part, Sum, together

from .trace import HOST, Node, Program, Recorder, Symbol, TraceError

HOSTED = {"divide": "quotient"}  # by IEEE 754: Python's own division by 0 raises


@dataclass(frozen=True)
class Round:
    """The program whose outputs are the terms, and what each is summed over.

    Of what is only counted the program knows nothing: `counts` says which of `over` that is.
    """

    program: Program
    over: tuple[Over, ...]
    counts: tuple[bool, ...]

    def asked(self, made: Callable[[int, Over], Any], n: int) -> tuple[Any, ...]:
        """Return what is asked in its order: of each sum `made` of its output, and counts of n."""
        outputs = itertools.count()
        return tuple(
            Part.of_count(n, over) if counted else made(next(outputs), over)
            for over, counted in zip(self.over, self.counts, strict=True)
        )


@dataclass(frozen=True)
class Phases:
    """The rounds in their order, the step, and the new values of the slots of one number.

    The fields of a program are those of the scalars, the slots of one number, and the sums of the
    rounds before. `numbers` is a program of the host alone, whose outputs are no arrays.
    """

    rounds: tuple[Round, ...]
    last: Program
    numbers: Program


@cache
def phases(
    kernel: Kernel, dtypes: tuple[str, ...], scalars: type, present: tuple[bool, ...]
) -> Phases:
    """Trace `kernel`, for arrays of `dtypes` (theta, g, and the slots that are like theta)."""
    recorder = Recorder()
    kinds, typed = kernel.shapes, iter(dtypes)
    if set(kinds) - {"like", "scalar"}:
        raise TraceError("sums along rows and columns are no part of a program: not traced")
    theta, g = (recorder.add("array", (), next(typed), name) for name in ("theta", "g"))
    slots = [recorder.add("scalar", (), "number", name) if kind == "scalar"
             else recorder.add("array", (), next(typed), name)
             for name, kind in zip(kernel.slots, kinds, strict=True)]  # fmt: skip
    names: tuple[str, ...] = scalars._fields  # type: ignore[attr-defined]  # a NamedTuple
    values = (recorder.add("scalar", (), "number", name) if there else None
              for name, there in zip(names, present, strict=True))  # fmt: skip
    asked: list[tuple[Any, ...]] = []

    def answer(sums: Sequence[Sequence[Any]]) -> list[list[Any]]:
        (own,) = sums
        found = [_sum(recorder, len(asked), k, each) for k, each in enumerate(own)]
        asked.append(tuple(own))
        return [found]

    new, kept = together([kernel.rounds(theta, g, slots, scalars(*values))], answer)[0]
    fields = (*names, *(name for name, kind in zip(kernel.slots, kinds, strict=True)
                        if kind == "scalar"))  # fmt: skip
    return split(recorder.nodes, fields, asked, (new, *kept), ("like", *kinds))


def _sum(recorder: Recorder, number: int, k: int, asked: Sum) -> Symbol:
    if asked.over not in ("tensor", "tree"):
        raise TraceError(f"sums over {asked.over} are no part of a program: not traced")
    return recorder.add("sum", (asked.terms.index,), "number", sum_name(number, k))


def sum_name(number: int, k: int) -> str:
    """Name of the sum `k` of a round, which is a scalar of the phases after it."""
    return f"sum{number}_{k}"


def sum_names(plan: Phases) -> list[str]:
    """Names of all sums, in their order."""
    return [sum_name(i, k) for i, each in enumerate(plan.rounds) for k in range(len(each.over))]


def split(
    nodes: Sequence[Node], fields: tuple[str, ...], asked: Sequence[Sequence[Sum]],
    results: Sequence[Symbol], kinds: Sequence[str],
) -> Phases:  # fmt: skip
    """Return the phases of a graph: `results` are of `kinds`, "like", "scalar" or no part of it."""
    rounds = []
    for number, own in enumerate(asked):
        counts = tuple(isinstance(each, Count) for each in own)
        terms = [x.terms.index for x, counted in zip(own, counts, strict=True) if not counted]
        if not terms:
            raise TraceError("a round that only counts: count where something is summed")
        program = needed(nodes, terms, fields, terms=True)
        rounds.append(Round(program, tuple(each.over for each in own), counts))
        fields = (*fields, *(sum_name(number, k) for k in range(len(own))))
    arrays = [x.index for x, kind in zip(results, kinds, strict=True) if kind == "like"]
    numbers = [x.index for x, kind in zip(results, kinds, strict=True) if kind == "scalar"]
    return Phases(tuple(rounds), needed(nodes, arrays, fields),
                  needed(nodes, numbers, fields, terms=True))  # fmt: skip


def needed(
    nodes: Sequence[Node], outputs: Sequence[int], fields: tuple[str, ...], *, terms: bool = False
) -> Program:
    """Return the program of `outputs`: every array in its place, and what these need."""
    need = {i for i, node in enumerate(nodes) if node.op == "array"}
    waiting = list(outputs)
    while waiting:
        i = waiting.pop()
        if i not in need:
            need.add(i)
            waiting += () if nodes[i].op == "sum" else nodes[i].args
    places: dict[int, int] = {}
    kept: list[Node] = []
    for i in sorted(need):
        places[i] = len(kept)
        kept.append(placed(nodes[i], places))
    return Program(tuple(kept), tuple(places[i] for i in outputs), fields, terms)


def placed(node: Node, places: dict[int, int]) -> Node:
    """Return the node of a program whose operands are at `places`; a sum is a scalar of it."""
    if node.op == "sum":
        return Node("scalar", (), "weak", node.name)
    op = HOSTED.get(node.op, node.op) if node.dtype == "number" else node.op
    dtype = "weak" if node.dtype in HOST else node.dtype
    return Node(op, tuple(places[a] for a in node.args), dtype, node.name)
