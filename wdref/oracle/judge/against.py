"""One target against another: is it one function, within what rounding allows?

Each may be `LIMIT` radii from the exact trajectory, so that two right ones are no further apart
than twice that. The rule says how wide the radius is; the exact values themselves are not used.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ...engine.arithmetic import Primitives
from ..cases.case import Case
from ..targets.exchange import Result
from .enclosure import enclose
from .reasons import LIMIT
from .verdict import CaseVerdict, arithmetic_in, primitives_in, worst


def compared(
    dialect: Any,
    cases: Sequence[Case],
    ours: Sequence[Result],
    theirs: Sequence[Result],
    measured: Mapping[str, Mapping[str, Any]],
) -> list[CaseVerdict]:
    """Return a verdict a case: ``conforms`` where both gave the same but for rounding.

    Its ratio is the distance between the two in twice the radius, so that up to 4 conforms.
    """
    return [
        _compared(dialect, case, a, b, primitives_in(case.dtype, measured))
        for case, a, b in zip(cases, ours, theirs, strict=True)
    ]


def _compared(
    dialect: Any, case: Case, ours: Result, theirs: Result, primitives: Primitives
) -> CaseVerdict:
    for name, result in (("", ours), ("the other: ", theirs)):
        if result.values is None:
            return CaseVerdict(case.id, result.status, message=f"{name}{result.message}")
    places, undecided = [], 0
    for tensor, ratio, taken in _ratios(dialect, case, ours, theirs, primitives):
        undecided += int(np.isnan(ratio).sum())
        places += [(w[0], taken[w[1]], w[2], tensor) for w in worst(ratio)]
    if not places:
        verdict, least = ("undecided", None) if undecided else ("conforms", 0.0)
        return CaseVerdict(case.id, verdict, least, undecided=undecided)
    far, step, coordinate, tensor = max(places)
    verdict = "conforms" if far <= LIMIT else "deviates"
    shown = tensor if "tensors" in case.flags else None
    return CaseVerdict(case.id, verdict, far, None, step + 1, coordinate, shown, undecided)


def _ratios(
    dialect: Any, case: Case, ours: Result, theirs: Result, primitives: Primitives
) -> Iterator[tuple[int, Any, list[int]]]:
    """Each tensor's distances in twice the radius, nan where that is not known; and its steps."""
    many = "tensors" in case.flags
    pairs = zip(*((r.values if many else (r.values,)) for r in (ours, theirs)), strict=True)
    for i, (part, (a, b)) in enumerate(zip(case.parts(), pairs, strict=True)):
        taken = case.steps_taken(i)
        found = enclose(dialect, part, arithmetic=arithmetic_in(part.dtype, primitives))
        mine, other = a[taken], b[taken]
        same = (mine == other) | (np.isnan(mine) & np.isnan(other))
        with np.errstate(all="ignore"):
            ratio = np.abs(mine - other) / (2 * found.radius)
        ratio = np.where(np.isfinite(mine) & np.isfinite(other), ratio, np.inf)
        known = np.isfinite(found.radius) & ~found.doubt
        yield i, np.where(same, 0.0, np.where(known, ratio, np.nan)), taken
