"""Candidates: every dialect of a family, and their trajectories, many at a time.

Dialects that differ in the host's scalars alone (the form of a decoupled decay, ε before the
correction, a miscounted t, a late schedule, dampening) are one structure: the rule runs once for
all of them on arrays with one more axis. That makes an answer among more than a thousand quick.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from itertools import pairwise, product
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from ...conventions import CONVENTIONS
from ...dialects import AdamDialect, Dialect, Form, MomentumDialect, Nesterov
from ...rules.adam_dialect import adam_dialect
from ...rules.sgd_dialect import sgd_dialect
from ..bugs.mutants import Twisted, multipliers
from ..cases.case import Case

Array = NDArray[np.float64]
DECOUPLED = ("paper", "lr", "fixed", "initial_lr")


@cache
def candidates(family: str, *, clip: bool = False) -> tuple[Dialect, ...]:
    """Every dialect of the family, each function once; with `clip` those that clip g, instead.

    What is left out is another one in other words: ε before or after a correction that v does not
    have, AMSGrad's maximum of what is not corrected or is stored corrected, damping of no momentum,
    and a clip after an L2 term, or one that is read again, that is not there. A family that is not
    listed in `FAMILIES` has what the conventions make of it.
    """
    if family in FAMILIES:
        return tuple(FAMILIES[family](clip))
    claimed = (d for rules in CONVENTIONS.values() for d in rules.values())
    return tuple(dict.fromkeys(d for d in claimed if d.family == family))


def _decays(clip: bool) -> Iterator[dict[str, Any]]:
    for form in get_args(Form):
        if not clip:
            yield {"form": form}
        elif form in ("l2", "scaled_l2"):
            yield from ({"form": form, "clip": where} for where in ("sum", "gradient"))
        else:
            yield {"form": form, "clip": "gradient"}
        if form in DECOUPLED:  # the others have no decay after the step
            yield {"form": form, "order": "after", "clip": "gradient" if clip else "none"}


def _adams(clip: bool) -> Iterator[AdamDialect]:
    eps_at = ("outside", "hat", "inside", "both", "clamp")
    bias = ("both", "none", "first", "ahead", "behind", "in_place")
    axes = (_decays(clip), eps_at, bias, ("none", "raw", "hat"), ("now", "late"))
    for decay, eps, b, a, schedule in product(*axes):
        uncorrected = b in ("none", "first")
        if (uncorrected and eps == "hat") or (a == "hat" and (uncorrected or b == "in_place")):
            continue
        yield AdamDialect(**decay, eps=eps, bias=b, amsgrad=a, schedule=schedule)


def _momenta(clip: bool) -> Iterator[MomentumDialect]:
    damping = (("none", "damped"), ("dampening", "damped"), ("dampening", "gradient"),
               ("ema", "damped"), ("ema", "gradient"))  # fmt: skip
    decays, schedules = tuple(_decays(clip)), ("now", "late")
    axes = (decays, ("inside", "outside"), damping, get_args(Nesterov), schedules)
    for decay, lr, (d, first), nesterov, schedule in product(*axes):
        if nesterov == "reread" and decay["form"] not in ("l2", "scaled_l2"):
            continue
        yield MomentumDialect(
            **decay, lr=lr, damping=d, first=first, nesterov=nesterov, schedule=schedule
        )
    for decay, schedule in product(decays, schedules):
        yield MomentumDialect(**decay, buffer=False, schedule=schedule)


FAMILIES: dict[str, Callable[[bool], Iterator[Dialect]]] = {"adam": _adams, "sgd": _momenta}


def trajectories(dialects: Sequence[Any], case: Case) -> Array:
    """Trajectories of `dialects` on a case of one tensor, in float64: (dialects, T, n)."""
    result = np.empty((len(dialects), *case.grads.shape))
    groups: dict[Any, list[int]] = defaultdict(list)
    for i, d in enumerate(dialects):
        groups[_structure(d)].append(i)
    table = _scalar_table(dialects, case)
    with np.errstate(all="ignore"):
        for structure, members in groups.items():
            rows = [table[i] for i in members]
            result[members] = _together(structure, rows, case)
    return result


def stacked(dialect: Any, rows: Sequence[Sequence[Any]], case: Case) -> Array:
    """Trajectories of one dialect under several rows of scalars, a row a trajectory."""
    with np.errstate(all="ignore"):
        return _together(_structure(dialect), rows, case)


def _structure(d: Any) -> Any:
    """The dialect with the answers that only scalars know put to their plainest."""
    if isinstance(d, Twisted) and d.step is None:
        return _structure(d.base)
    if not isinstance(d, AdamDialect | MomentumDialect):
        return d
    plain = replace(d, form="paper" if d.form in DECOUPLED else d.form, schedule="now")
    if isinstance(plain, MomentumDialect):
        return replace(plain, damping="none", first="damped")
    eps = "outside" if plain.eps == "hat" else plain.eps
    bias = "both" if plain.bias in ("ahead", "behind") else plain.bias
    return replace(plain, eps=eps, bias=bias)


def _scalar_table(dialects: Sequence[Any], case: Case) -> list[list[Any]]:
    """For each dialect the scalars of every step; those with the same ones share them."""
    known: dict[Any, list[Any]] = {}
    table = []
    for d in dialects:
        key = _scalar_key(d)
        if key not in known:
            known[key] = _scalars(d, case)
        table.append(known[key])
    return table


def _scalar_key(d: Any) -> Any:
    """The dialect with the answers that scalars do not know put to their plainest."""
    if not isinstance(d, AdamDialect):
        return d
    plain = replace(d, order="together", amsgrad="none")
    return plain if d.eps == "hat" else replace(plain, eps="outside")


def _scalars(d: Any, case: Case) -> list[Any]:
    read = multipliers(d, case.eta).tolist()
    eta = [*read[:1], *read]  # the step before the first reads as it
    return [
        d.scalars(case.hyper, t, now, before=before)
        for t, (before, now) in enumerate(pairwise(eta), start=1)
    ]


def _together(structure: Any, rows: Sequence[Sequence[Any]], case: Case) -> Array:
    shape = (len(rows), case.grads.shape[1])
    theta = np.broadcast_to(case.theta0.astype(float), shape)
    slots: Sequence[Any] = [np.zeros(shape) for _ in structure.slots]
    rule = _rule(structure)
    path = []
    for t, row in enumerate(case.grads.astype(float)):
        g = np.broadcast_to(row, shape)
        each = [steps[t] for steps in rows]
        stacked = type(each[0])(*(_column(values) for values in zip(*each, strict=True)))
        theta, slots = rule(theta, g, slots, stacked)
        path.append(theta)
    return np.stack(path, axis=1)


def _rule(structure: Any) -> Any:
    # not `apply`: the paper's own file knows no scalar of a dialect's (dampening's gain)
    if isinstance(structure, AdamDialect):
        return partial(adam_dialect, structure)
    if isinstance(structure, MomentumDialect):
        return partial(sgd_dialect, structure)
    return structure.apply


def _column(values: Sequence[Any]) -> Any:
    return None if values[0] is None else np.array(values, dtype=float)[:, None]
