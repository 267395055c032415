"""Verdicts: what the ratios of a target say about its claim."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...engine.arithmetic import CORRECT, Arithmetic, Primitives
from ..cases.case import DTYPES, Case
from ..cases.life import MOVED
from ..cases.lives import NAMES as LIVES
from ..cases.shapes import RANKS
from ..targets.targets import Result
from . import reasons
from .enclosure import Enclosure, enclose
from .half import finding
from .shards import in_one_shard

Array = NDArray[np.float64]

LIMIT = reasons.LIMIT

# What deviates is worse than what raised: an error in one case clears no other.
FAILED = ("timeout", "error")
GRADES = ("conforms", "unsupported", "undecided", "imprecise", *FAILED, "deviates")


@dataclass(frozen=True)
class CaseVerdict:
    """The verdict on one case and where it is worst: step from 1, tensor and coordinate from 0.

    `undecided` counts the values of which nothing is certified.
    """

    id: str
    verdict: str
    ratio: float | None = None
    ulp: float | None = None
    step: int | None = None
    coordinate: int | None = None
    tensor: int | None = None
    undecided: int = 0
    message: str = ""
    finding: str = ""


@dataclass(frozen=True)
class _Worst:
    """Where one tensor of a case is worst; `part` is the case of that tensor alone."""

    part: Case
    values: Array
    taken: Sequence[int]  # the steps of the case that are the part's
    ratio: float
    step: int  # from 0, of the part
    coordinate: int
    tensor: int


def judge(
    dialect: Any, case: Case, result: Result, *, primitives: Primitives = CORRECT,
    excuse: bool = True,
) -> CaseVerdict:  # fmt: skip
    """Judge the result of one case against the enclosures of `dialect`, tensor by tensor.

    Without `excuse` nothing explains a distance, which takes as long as many judgements.
    """
    verdict, told = _told(dialect, case, result, primitives, excuse=excuse)
    return replace(verdict, message=str(told)) if told else verdict


def judge_all(
    dialect: Any,
    cases: Sequence[Case],
    results: Sequence[Result],
    measured: Mapping[str, Mapping[str, Any]],
) -> list[CaseVerdict]:
    """Judge every case, with the primitives that were measured in its dtype.

    The reason of what is imprecise is one that all such cases have, or all of a dtype.
    """
    found: dict[int, CaseVerdict] = {}
    told: dict[int, reasons.Told] = {}
    left: dict[str, tuple[str, ...]] = {}  # the reasons that all cases of a dtype had so far
    lost = set[str]()  # dtypes in which a short case deviates: the long ones are not excused
    for i in sorted(range(len(cases)), key=lambda i: "long" in cases[i].flags):
        case, dtype = cases[i], cases[i].dtype
        excuse = not (dtype in lost and "long" in case.flags)
        primitives = primitives_in(dtype, measured)
        found[i], why = _told(dialect, case, results[i], primitives, left.get(dtype), excuse=excuse)
        formula = found[i].verdict == "deviates" and "nonfinite" not in case.flags
        lost |= {dtype} if formula else set()
        if why:
            told[i] = why
            left |= {} if why.other == reasons.NOTHING else {dtype: why.wide}
    for i, case in enumerate(cases):
        if case.dtype in lost and found[i].finding == reasons.FLUSHED:
            # flushing would explain this one, were it not that others of the dtype deviate too
            primitives = primitives_in(case.dtype, measured)
            found[i] = judge(dialect, case, results[i], primitives=primitives, excuse=False)
    return _reconciled([found[i] for i in range(len(cases))], told)


def primitives_in(dtype: str, measured: Mapping[str, Mapping[str, Any]]) -> Primitives:
    """Return what was measured in `dtype`, and correct rounding where nothing was."""
    p = measured.get(dtype)
    if p is None:
        return CORRECT
    power = max(CORRECT.power, p["power"])  # a few powers are measured, others may be worse
    return Primitives(p["sqrt"], p["divide"], power, p["flush"])


def arithmetic_in(dtype: str, primitives: Primitives = CORRECT) -> Arithmetic:
    """Return the arithmetic by which a case of `dtype` is judged."""
    return replace(Arithmetic.of(dtype), primitives=primitives)


def _reconciled(
    verdicts: Sequence[CaseVerdict], told: Mapping[int, reasons.Told]
) -> list[CaseVerdict]:
    """The verdicts with one reason for all that are imprecise, or for all of a dtype."""
    known = {i: why for i, why in told.items() if why.other != reasons.NOTHING}
    same = reasons.common(known.values()) if known else ()
    words = dict[int, str]()
    for dtype in DTYPES:
        mine = {i: why for i, why in known.items() if verdicts[i].id.endswith(f"/{dtype}")}
        if mine:
            shared = same or reasons.common(mine.values())
            words |= zip(mine, reasons.agreed(list(mine.values()), shared), strict=True)
    named = [replace(v, message=words.get(i, v.message)) for i, v in enumerate(verdicts)]
    return [_alone(v, named) if i in told and i not in known else v for i, v in enumerate(named)]


def _alone(verdict: CaseVerdict, others: Sequence[CaseVerdict]) -> CaseVerdict:
    """A case of which float32 leaves nothing certified deviates where no other says float32."""
    dtype = verdict.id.rpartition("/")[2]
    told = [v.message for v in others if v.verdict == "imprecise" and v.id.endswith(f"/{dtype}")]
    single = any("in float32" in words for words in told)
    return replace(verdict, verdict="imprecise" if single else "deviates")


def _told(
    dialect: Any, case: Case, result: Result, primitives: Primitives,
    only: Sequence[str] | None = None, *, excuse: bool,
) -> tuple[CaseVerdict, reasons.Told | None]:  # fmt: skip
    """The verdict on a case, and what excuses it; of the reasons `only` these are tried."""
    if result.values is None:
        return CaseVerdict(case.id, result.status, message=result.message), None
    judged, beyond = _judged(dialect, case, result, primitives)
    shown = finding(case, result, decays=getattr(dialect, "form", "") != "none")
    judged = replace(judged, finding=shown)
    if not beyond:
        return judged, None
    # where nothing is a number, float32 in the place of float64 may be why, and nothing else
    numbers = case.dtype == "float64" or any(np.any(np.isfinite(x)) for _, x in beyond)
    excuse = excuse and numbers
    arithmetic = arithmetic_in(case.dtype, primitives)
    ratio = reasons.flushed_ratio(dialect, beyond, arithmetic) if excuse else None
    if ratio is not None:
        return replace(judged, ratio=ratio, finding=shown or reasons.FLUSHED), None
    why = _excused(dialect, beyond, primitives, only) if excuse else None
    if why or judged.message:
        return replace(judged, verdict="imprecise" if why else "deviates"), why
    where = in_one_shard(dialect, case, result, partial(arithmetic_in, primitives=primitives))
    return replace(judged, verdict="deviates", message=where), None


def _excused(
    dialect: Any, beyond: Sequence[reasons.Part], primitives: Primitives,
    only: Sequence[str] | None,
) -> reasons.Told | None:  # fmt: skip
    """What excuses all tensors of a case: those of each dtype, and the first of these in words."""
    told = []
    for dtype in dict.fromkeys(part.dtype for part, _ in beyond):
        same = [(part, values) for part, values in beyond if part.dtype == dtype]
        told.append(reasons.excused(dialect, same, arithmetic_in(dtype, primitives), only))
    return told[0] if all(told) else None


def _judged(
    dialect: Any, case: Case, result: Result, primitives: Primitives
) -> tuple[CaseVerdict, list[reasons.Part]]:
    """The worst place of a case, and its tensors that are beyond the limit."""
    found, undecided = [], 0
    for i, (part, values) in enumerate(zip(case.parts(), _tensors(case, result), strict=True)):
        taken = case.steps_taken(i)
        moved = _moves(part, values, taken)
        if len(moved):
            return _moved(case, i, *moved[0]), []
        enclosure = enclose(dialect, part, arithmetic=arithmetic_in(part.dtype, primitives))
        ratio = enclosure.ratio(values[taken])
        undecided += int(np.isnan(ratio).sum())
        found += [_Worst(part, values[taken], taken, *w, tensor=i) for w in worst(ratio)]
    if not found:
        nothing = undecided > 0
        return CaseVerdict(case.id, "undecided" if nothing else "conforms",
                           None if nothing else 0.0, undecided=undecided), []  # fmt: skip
    place = _placed(dialect, case, max(found, key=lambda w: w.ratio), primitives, undecided)
    return place, [(w.part, w.values) for w in found if w.ratio > LIMIT]


def _tensors(case: Case, result: Result) -> Sequence[Array]:
    values: Any = result.values
    return values if "tensors" in case.flags else (values,)


def _moves(part: Case, values: Array, taken: Sequence[int]) -> NDArray[np.intp]:
    """Steps and coordinates at which a tensor moved though it had no gradient."""
    start = part.theta0.astype(np.float64)[None]
    stood = values == np.concatenate([start, values[:-1]])
    stood[taken] = True
    return np.argwhere(~stood)


def _moved(case: Case, tensor: int, step: int, coordinate: int) -> CaseVerdict:
    early = case.starts is not None and step + 1 < case.starts[tensor]
    message = "moved before its first gradient" if early else "moved at a step without a gradient"
    message = next((MOVED[event] for event in case.life if event in MOVED), message)
    return CaseVerdict(case.id, "deviates", np.inf, None, int(step) + 1, int(coordinate), tensor,
                       message=message)  # fmt: skip


def _placed(
    dialect: Any, case: Case, w: _Worst, primitives: Primitives, undecided: int
) -> CaseVerdict:
    dtype = w.part.dtype
    enclosure = enclose(dialect, w.part, arithmetic=arithmetic_in(dtype, primitives))
    ulp = _ulp(enclosure, w.values, dtype)[w.step, w.coordinate]
    tensor = w.tensor if "tensors" in case.flags else None
    return CaseVerdict(case.id, "conforms", w.ratio, float(ulp), w.taken[w.step] + 1, w.coordinate,
                       tensor, undecided)  # fmt: skip


def overall(verdicts: Sequence[CaseVerdict]) -> str:
    """Verdict on the target: the worst of its cases, unsupported ones aside.

    What deviates in a narrower dtype alone has the right formula: imprecise, unless it is the place
    of an element that decides, or that a gradient is no number, or float32 is further off than
    bfloat16 would be. A case that raised hides none that deviates.
    """
    ran = [v for v in verdicts if v.verdict not in ("unsupported", *FAILED)]
    grade = _overall(ran) if ran else "unsupported"
    failed = {v.verdict for v in verdicts} & set(FAILED)
    return max(failed, key=FAILED.index) if failed and grade != "deviates" else grade


def _overall(verdicts: Sequence[CaseVerdict]) -> str:
    found = {v.verdict for v in verdicts}
    grade = max(found, key=GRADES.index)
    if grade == "deviates":
        by_dtype = ({v.verdict for v in verdicts if v.id.endswith(f"/{d}")} for d in DTYPES)
        told = (grades - {"undecided"} for grades in by_dtype)
        widest = next((grades for grades in told if grades), found)
        rounding = not any(map(_coarser, verdicts)) and not _only_of_no_numbers(verdicts)
        rounding = rounding and not any(_by_place(verdicts, d) for d in DTYPES)
        rounding = rounding and not _of_lives(verdicts)
        if widest <= {"conforms", "imprecise"} and rounding:
            return "imprecise"
    return "conforms" if grade == "undecided" and "conforms" in found else grade


def _coarser(verdict: CaseVerdict) -> bool:
    """Whether a float32 result is further off than operations in bfloat16 would put it.

    What is infinitely far may have left the range of a narrower format.
    """
    units = 2.0 ** (24 - 8)  # of rounding
    far = verdict.ratio or 0.0
    return verdict.id.endswith("/float32") and LIMIT * units < far < np.inf


def _only_of_no_numbers(verdicts: Sequence[CaseVerdict]) -> bool:
    """Whether gradients that are no numbers alone go another way, which no rounding makes them."""
    return all(v.id.startswith("no-numbers/") for v in verdicts if v.verdict == "deviates")


def _of_lives(verdicts: Sequence[CaseVerdict]) -> bool:
    """Whether what befalls a training deviates, and no other dtype says that it is right."""
    told = [(*v.id.split("/"), v.verdict) for v in verdicts if v.id.partition("/")[0] in LIVES]
    right = {name for name, _, verdict in told if verdict in ("conforms", "imprecise")}
    return any(verdict == "deviates" and name not in right for name, _, verdict in told)


def _by_place(verdicts: Sequence[CaseVerdict], dtype: str) -> bool:
    """Whether in `dtype` small tensors conform and larger or several do not: no arithmetic does."""
    mine = [v for v in verdicts if v.id.endswith(f"/{dtype}") and v.ratio is not None]
    # how the ids of such cases begin
    placed = ("size", "tensors", "groups", "late", "gaps", *(f"{name}/" for name in RANKS))
    small = {v.verdict for v in mine if not v.id.startswith(placed)}
    return small == {"conforms"} and any(v.verdict == "deviates" for v in mine)


def worst_ratio(verdicts: Sequence[CaseVerdict]) -> float | None:
    """Largest ratio over all cases that have one."""
    return max((v.ratio for v in verdicts if v.ratio is not None), default=None)


def worst(ratio: Array) -> list[tuple[float, int, int]]:
    """Largest ratio with its step and coordinate (from 0); nothing where none is certified."""
    if ratio.size == 0 or np.all(np.isnan(ratio)):
        return []
    step, coordinate = np.unravel_index(int(np.nanargmax(ratio)), ratio.shape)
    return [(float(ratio[step, coordinate]), int(step), int(coordinate))]


def _ulp(found: Enclosure, values: Array, dtype: str) -> Array:
    """Distance in units in the last place of the exact value: familiar, and useless near 0."""
    stored = "float32" if dtype == "bfloat16" else dtype
    with np.errstate(all="ignore"):
        spacing: Array = np.spacing(np.abs(found.high).astype(stored)).astype(np.float64)
        spacing = spacing * (2.0**16 if dtype == "bfloat16" else 1.0)
        far: Array = np.abs(values - found.high) / spacing
        return far
