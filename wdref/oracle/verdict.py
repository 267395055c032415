"""Verdicts: what the ratios of a target say about its claim."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..dialects import Dialect
from .cases import Case
from .enclosure import Enclosure, enclose
from .targets import Result

Array = NDArray[np.float64]

# Right implementations stay below 2, whatever the order of their operations; the classic mistakes
# reach thousands: see the figures in the documentation. The limit lies between.
LIMIT = 4.0

GRADES = ("conforms", "unsupported", "undecided", "imprecise", "deviates", "error")


@dataclass(frozen=True)
class CaseVerdict:
    """The verdict on one case and where it is worst: step from 1, coordinate from 0."""

    id: str
    verdict: str
    ratio: float | None = None
    ulp: float | None = None
    step: int | None = None
    coordinate: int | None = None
    message: str = ""


def judge(dialect: Dialect, case: Case, result: Result) -> CaseVerdict:
    """Judge the result of one case against the enclosure of `dialect`."""
    if result.values is None:
        return CaseVerdict(case.id, result.status, message=result.message)
    found = enclose(dialect, case)
    ratio, step, coordinate = worst(found.ratio(result.values))
    if ratio is None:
        return CaseVerdict(case.id, "undecided", message="no finite radius: nothing is certified")
    verdict = "conforms" if ratio <= LIMIT else _grade(dialect, case, result.values)
    ulp = _ulp(found, result.values, case.dtype)[step, coordinate]
    return CaseVerdict(case.id, verdict, ratio, float(ulp), step + 1, coordinate)


def overall(verdicts: Sequence[CaseVerdict]) -> str:
    """Verdict on the target: the worst of its cases, unsupported ones aside.

    What deviates in float32 alone has the right formula: imprecise.
    """
    found = {v.verdict for v in verdicts}
    if found <= {"unsupported"}:
        return "unsupported"
    grade = max(found - {"unsupported"}, key=GRADES.index)
    if grade == "deviates":
        wide = {v.verdict for v in verdicts if v.id.endswith("/float64")} - {"unsupported"}
        if wide and wide <= {"conforms", "imprecise"}:
            return "imprecise"
    return grade


def worst_ratio(verdicts: Sequence[CaseVerdict]) -> float | None:
    """Largest ratio over all cases that have one."""
    return max((v.ratio for v in verdicts if v.ratio is not None), default=None)


def worst(ratio: Array) -> tuple[float | None, int, int]:
    """Largest ratio with its step and coordinate (from 0), None where none is certified."""
    if ratio.size == 0:
        return 0.0, 0, 0
    if np.all(np.isnan(ratio)):
        return None, 0, 0
    step, coordinate = np.unravel_index(int(np.nanargmax(ratio)), ratio.shape)
    return float(ratio[step, coordinate]), int(step), int(coordinate)


def _grade(dialect: Dialect, case: Case, values: Array) -> str:
    """Imprecise where scalars computed in float32 explain the distance."""
    # float64 arrays with float32 scalars are the common slip: both dtypes have the same host
    ratio, *_ = worst(enclose(dialect, case, host="float32").ratio(values))
    # None: float32 cannot tell the eps of this case from 0, so that anything may come of it
    return "imprecise" if ratio is None or ratio <= LIMIT else "deviates"


def _ulp(found: Enclosure, values: Array, dtype: str) -> Array:
    """Distance in units in the last place of the exact value: familiar, and useless near 0."""
    with np.errstate(all="ignore"):
        spacing: Array = np.spacing(np.abs(found.high).astype(dtype)).astype(np.float64)
        far: Array = np.abs(values - found.high) / spacing
        return far
