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
    places = list(_places(dialect, case, ours, theirs, primitives))
    if not places:
        return CaseVerdict(case.id, "conforms", 0.0)
    ratio, step, coordinate, tensor = max(places)
    verdict = "conforms" if ratio <= LIMIT else "deviates"
    shown = tensor if "tensors" in case.flags else None
    return CaseVerdict(case.id, verdict, ratio, None, step + 1, coordinate, shown)


def _places(
    dialect: Any, case: Case, ours: Result, theirs: Result, primitives: Primitives
) -> Iterator[tuple[float, int, int, int]]:
    """The worst place of each tensor: its ratio, step, coordinate and number."""
    many = "tensors" in case.flags
    pairs = zip(*((r.values if many else (r.values,)) for r in (ours, theirs)), strict=True)
    for i, (part, (a, b)) in enumerate(zip(case.parts(), pairs, strict=True)):
        taken = case.steps_taken(i)
        found = enclose(dialect, part, arithmetic=arithmetic_in(part.dtype, primitives))
        same = (a[taken] == b[taken]) | (np.isnan(a[taken]) & np.isnan(b[taken]))
        with np.errstate(all="ignore"):
            ratio = np.where(same, 0.0, np.abs(a[taken] - b[taken]) / (2 * found.radius))
        ratio = np.where(np.isnan(ratio) & ~found.doubt, np.inf, ratio)
        yield from ((w[0], taken[w[1]], w[2], i) for w in worst(ratio))
