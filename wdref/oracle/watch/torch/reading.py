"""How the tensors of a torch step are read: at the coordinates of a watch, and whole."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ....engine.arithmetic import HALF
from ....rules.shapes import PARAMETERS, shapes_of
from ...cases.case import rounded
from ..name_whole import Kept
from ..step import Array, Before, Rule
from ..sums import joined
from ..tensors import dtype_of, local, number, stretches
from ..watch import Batch, Part
from .groups import Group
from .leaves import Leaf

Read = Callable[[int, int], Array]


def where_in(leaf: Leaf, x: Any) -> Any:
    """Where a tensor is looked at; a number is looked at as it is."""
    return leaf.where if local(x).numel() == local(leaf.parameter).numel() else None


def _start(p: Any, start: float) -> float:
    """The number that a slot begins with, in the parameter's dtype or a half one's float32."""
    dtype = dtype_of(p)
    return float(rounded(np.array([start]), "float32" if dtype in HALF else dtype)[0])


def filled(leaf: Leaf, group: Group, arrays: Any, exist: Sequence[bool]) -> list[Array]:
    """Parameters and slots; one that is not there yet is what it begins with."""
    theta = next(arrays)
    starts = group.dialect.starts(group.hyper)
    new = (theta if start == PARAMETERS
           else np.full_like(theta, start and _start(leaf.parameter, start))
           for start in starts)  # fmt: skip
    slots = (next(arrays) if there else x for x, there in zip(new, exist, strict=True))
    return [theta, *(np.broadcast_to(x, theta.shape) for x in slots)]


def _slot(p: Any, x: Any, start: Any, kind: str) -> Read:
    """What reads a slot; one that is not there yet is what it begins with."""
    if kind == "scalar":
        return number(_start(p, start) if x is None else x)
    if x is not None:
        return stretches(x)
    return stretches(p) if start == PARAMETERS else lambda i, j: np.full(j - i, _start(p, start))


def kept_whole(name: str, rule: Rule, size: int, read: Sequence[Read]) -> Kept:
    """A tensor of few numbers, whole, so that a departure has a name."""
    theta, g, *slots = (np.broadcast_to(x(0, size), (size,)) for x in read)
    return Kept(name, rule, Before(theta, g, tuple(slots)))


def batch_of(rows: Sequence[tuple[Rule, Leaf, Any, Sequence[Array]]]) -> Batch:
    """Put the leaves of one rule behind one another."""
    ends = np.cumsum([len(leaf.index) for _, leaf, *_ in rows]).tolist()
    parts = [
        Part(leaf.name, end - len(leaf.index), end, leaf.index, leaf.shape)
        for (_, leaf, *_), end in zip(rows, ends, strict=True)
    ]
    theta, g = (np.concatenate([given[i] for *_, given, _ in rows]) for i in (0, 1))
    slots = tuple(
        np.concatenate(column) for column in zip(*(given[2] for *_, given, _ in rows), strict=True)
    )
    sums = joined([given[3] for *_, given, _ in rows], [len(leaf.index) for _, leaf, *_ in rows])
    after = [np.concatenate(column) for column in zip(*(row[3] for row in rows), strict=True)]
    return Batch(rows[0][0], Before(theta, g, slots, sums), after, parts)


def reads_of(leaf: Leaf, group: Group, slots: Sequence[Any]) -> list[Read]:
    """Return what reads stretches of θ, g and the slots; one that is not there is None."""
    p, d = leaf.parameter, group.dialect
    rows = zip(slots, d.starts(group.hyper), shapes_of(d), strict=True)
    return [stretches(p), stretches(p.grad, group.sign), *(_slot(p, *row) for row in rows)]
