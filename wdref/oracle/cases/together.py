"""Trajectories of many rules at a time, in float64.

Dialects that differ in the host's scalars alone (the form of a decoupled decay, ε before the
correction, a miscounted t, a late schedule, dampening) are one structure: the rule runs once for
all of them on arrays with one more axis. That makes an answer among more than a thousand quick.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ...rules.remembering import Remembering
from ...rules.shapes import PARAMETERS, scope_of, shapes_of, slot_shape
from ...sums import Count, cover
from ...sums import together as in_rounds
from ...sums.rounds import AXES
from .case import Array, Case
from .trajectory import given_at, multipliers


def trajectories(dialects: Sequence[Any], case: Case) -> Array:
    """Trajectories of `dialects` on a case of one tensor, in float64: (dialects, T, n)."""
    result = np.empty((len(dialects), *case.grads.shape))
    groups: dict[Any, list[int]] = defaultdict(list)
    for i, d in enumerate(dialects):
        groups[d.structure()].append(i)
    table = _scalar_table(dialects, case)
    with np.errstate(all="ignore"):
        for structure, members in groups.items():
            rows = [table[i] for i in members]
            result[members] = _together(structure, rows, case)
    return result


def stacked(dialect: Any, rows: Sequence[Sequence[Any]], case: Case) -> Array:
    """Trajectories of one dialect under several rows of scalars, a row a trajectory."""
    with np.errstate(all="ignore"):
        return _together(dialect.structure(), rows, case)


def _scalar_table(dialects: Sequence[Any], case: Case) -> list[list[Any]]:
    """For each dialect the scalars of every step; those with the same ones share them."""
    known: dict[Any, list[Any]] = {}
    table = []
    for d in dialects:
        key = d.scalar_key()
        if key not in known:
            known[key] = _scalars(d, case)
        table.append(known[key])
    return table


def _scalars(d: Any, case: Case) -> list[Any]:
    read = multipliers(d, case.eta).tolist()
    eta, host = [*read[:1], *read], Remembering(d)  # the step before the first reads as it
    return [
        host.scalars(case.hyper, t, now, before=before)
        for t, (before, now) in enumerate(pairwise(eta), start=1)
    ]


def _together(structure: Any, rows: Sequence[Sequence[Any]], case: Case) -> Array:
    flat = case.grads.shape[1]
    # an element has no need to know the shape of its tensor
    own = case.shape if scope_of(structure) != "element" and case.shape is not None else (flat,)
    shape = (len(rows), *own)
    theta = np.broadcast_to(case.theta0.astype(float).reshape(own), shape)
    pairs = zip(structure.starts(case.hyper), shapes_of(structure), strict=True)
    slots: Sequence[Any] = [theta if x == PARAMETERS else np.full(_place(kind, shape), x)
                            for x, kind in pairs]  # fmt: skip
    rule = structure.rule()  # not `apply`: the paper's own file knows no scalar of a dialect's
    path = []
    for t, row in enumerate(case.grads.astype(float)):
        g = np.broadcast_to(row.reshape(own), shape)
        given = [np.broadcast_to(x.astype(float), shape)
                 for x in given_at(structure, case, t, own)]  # fmt: skip
        each = [steps[t] for steps in rows]
        columns = (_column(values, len(own)) for values in zip(*each, strict=True))
        stacked = type(each[0])(*columns)
        if scope_of(structure) == "element":
            theta, slots = rule(theta, g, (*slots, *given), stacked)
        else:
            theta, slots = in_rounds([rule(theta, g, (*slots, *given), stacked)], _summed)[0]
        path.append(theta.reshape(len(rows), flat))
    return np.stack(path, axis=1)


def _column(values: Sequence[Any], axes: int) -> Any:
    if values[0] is None:
        return None
    return np.array(values, dtype=float).reshape(-1, *(1,) * axes)


def _place(kind: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a slot of as many tensors as `shape` begins with."""
    count, *own = shape
    return (count, *([1] * len(own) if kind == "scalar" else slot_shape(kind, own)))


def _summed(sums: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Sums of each tensor, of no more digits than ranking needs."""
    return [[_sum(x) for x in own] for own in sums]


def _sum(asked: Any) -> Any:
    x = asked.terms
    if asked.over == "slices":
        return cover(x, batch=1)
    axes = (AXES[asked.over],) if asked.over in AXES else tuple(range(1, x.ndim))
    if isinstance(asked, Count):
        return float(math.prod(x.shape[axis] for axis in axes))
    return np.sum(x, axis=axes, keepdims=True)
