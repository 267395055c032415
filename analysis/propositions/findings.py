"""Findings: one statement each, whether it holds, and the certified bound that says so."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Literal

from flint import arb

from . import solutions
from .runs import TINY, Path, exact, farthest, meet
from .setting import Setting

BITS = (320, 2560)  # 96 digits; the second serves numbers near the ends of float64


@dataclass(frozen=True)
class Finding:
    """One statement, whether it holds, and the certified bound that says so.

    ``relation`` and ``measure`` say what `bound` bounds: a measure that is ``<=`` or ``>=`` it.
    `bound` is None where there is nothing to measure.
    """

    id: str
    statement: str
    holds: bool
    bound: float | None
    relation: Literal["<=", ">="]
    measure: str
    detail: Mapping[str, Any] = field(default_factory=dict)


def certified(show: Callable[[Setting], Finding]) -> Callable[[Setting], Finding]:
    """Raise the precision where a statement does not hold, in case it is only digits that lack."""

    @wraps(show)
    def at_rising_precision(s: Setting) -> Finding:
        for bits in BITS:
            with exact.precision(bits):
                finding = show(s)
            if finding.holds:
                break
        return finding

    return at_rising_precision


def same(
    id: str, statement: str, a: Path, b: Path, detail: Mapping[str, Any] | None = None
) -> Finding:
    """Hold if the trajectories agree: closer than TINY, and nowhere certainly different."""
    bound = farthest(a, b)
    holds = bound < TINY and meet(a, b)
    return Finding(id, statement, holds, bound, "<=", "relative distance", detail or {})


def none(
    id: str, statement: str, sets: list[list[solutions.Set]], detail: Mapping[str, Any],
    *, also: bool = True,
) -> Finding:  # fmt: skip
    """Hold if at each step the sets have nothing in common; bound the smallest of the gaps."""
    gaps = [gap for row in sets if (gap := solutions.gap(row)) is not None]
    holds = also and not any(solutions.common(row) for row in sets)
    empty = sum(not found for row in sets for found in row)
    return Finding(id, statement, holds, min(gaps) if gaps else None, ">=",
                   "gap between two sets of λ'", {**detail, "empty_sets": empty})  # fmt: skip


def largest(bounds: Sequence[float]) -> float:
    """Return the largest; nan, which bounds nothing, where one is nan."""
    return math.nan if any(math.isnan(x) for x in bounds) else max(bounds)


def inside(x: arb, found: solutions.Set) -> bool:
    """Whether x may be in the set."""
    return any(each.overlaps(x) for each in found)


def shown(s: Setting, sets: Sequence[Sequence[solutions.Set]], t: int) -> dict[str, Any]:
    """Return the sets of step t as plain numbers, for tables and JSON."""
    rows = zip(s.coordinates, sets[t - 1], strict=True)
    found = [{"coordinate": i, "solutions": solutions.shown(each)} for i, each in rows]
    return {"step": t, "lambda_prime": found}
