"""Departures: the case, step, tensor and coordinate at which a target leaves a rule."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...engine import arithmetic as rounding
from ..cases.case import Case
from ..cases.life import WORDS
from ..judge.enclosure import enclose
from ..judge.reasons import LIMIT
from ..judge.verdict import CaseVerdict, arithmetic_in, primitives_in
from ..targets.targets import Result


@dataclass(frozen=True)
class Departure:
    """Where a target leaves a rule, and what else is known of it: steps from 1, others from 0."""

    case: str
    step: int | None = None
    tensor: int | None = None
    coordinate: int | None = None
    message: str = ""

    def __str__(self) -> str:
        places = (("step", self.step), ("tensor", self.tensor), ("coordinate", self.coordinate))
        return ", ".join((f"case {self.case}", *(f"{k} {x}" for k, x in places if x is not None)))


def remarks(verdicts: Sequence[CaseVerdict]) -> tuple[str, ...]:
    """What is to be said of a target that deviates nowhere: its roundings, its subnormals."""
    imprecise = [v.message for v in verdicts if v.verdict == "imprecise" and v.message]
    return tuple(dict.fromkeys([*imprecise, *(v.finding for v in verdicts if v.finding)]))


def place(
    rule: Any, verdict: CaseVerdict, case: Case, result: Result,
    measured: Mapping[str, Mapping[str, Any]],
) -> Departure:  # fmt: skip
    """The first step of `case` at which what came is no rounding, or the first beyond the limit."""
    found = _first(rule, case, result, measured)
    if verdict.message.startswith("moved") or found is None:
        found = (verdict.step, verdict.tensor, verdict.coordinate)
    step, tensor, coordinate = found
    message = verdict.message or _no_number(case, result, step, tensor, coordinate)
    message = message or "; ".join(WORDS[event] for event in case.life)
    return Departure(verdict.id, step, tensor, coordinate, message)


def _first(rule: Any, case: Case, result: Result, measured: Any) -> Any:
    primitives = primitives_in(case.dtype, measured)
    for narrow in (rounding.all_narrow(case.hyper), ()):
        at = []
        for i, part in enumerate(case.parts()):
            taken = case.steps_taken(i)
            values = values_of(case, result, i)[taken]
            arithmetic = arithmetic_in(part.dtype, primitives).with_narrow(*narrow)
            over = np.argwhere(enclose(rule, part, arithmetic=arithmetic).ratio(values) > LIMIT)
            at += [(taken[over[0][0]] + 1, i, int(over[0][1]))] if len(over) else []
        if at:
            step, tensor, coordinate = min(at)
            return step, tensor if "tensors" in case.flags else None, coordinate
    return None


def values_of(case: Case, result: Result, tensor: int) -> Any:
    """What came of a tensor at every step of the case: (T, n)."""
    return result.values[tensor] if "tensors" in case.flags else result.values


def _no_number(case: Case, result: Result, step: Any, tensor: Any, coordinate: Any) -> str:
    """That a value is no number, and what was there, where a case shows it."""
    if None in (step, coordinate):
        return ""
    value = values_of(case, result, tensor or 0)[step - 1, coordinate]
    if np.isfinite(value):
        return ""
    grads = case.parts()[tensor or 0].grads[:step, coordinate]
    since = ", where every gradient so far is 0" if not np.any(grads) else ""
    return f"{'NaN' if np.isnan(value) else 'infinity'}{since}"
