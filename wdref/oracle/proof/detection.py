"""The kill table: is every mutant caught and named, and how far are right and wrong apart?"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from ...conventions import dialect
from ..bugs import tensor_bugs
from ..bugs.gallery import gallery
from ..bugs.mutants import Mutant, changes
from ..cases.case import Array, Case
from ..cases.suite import probes
from ..cases.trajectory import trajectory
from ..identify.identify import Identity, identify
from ..judge.verdict import CaseVerdict, judge, judge_all, overall
from ..targets.targets import Result
from .rights.claims import claims_of, kind_of
from .rights.drawn import DTYPES, rights

LATE = ("ordinary/float64", "counter/float32")


@dataclass(frozen=True)
class Row:
    """One mutant: the verdict on it and the best ratio it reaches in each dtype.

    `agrees`: identification certifies a rule where every case conforms to it, and nowhere else.
    """

    id: str
    title: str
    reference: str
    caught: bool
    named: bool
    agrees: bool
    ratios: dict[str, float]


def kill_table(convention: str = "pytorch") -> Iterator[Row]:
    """Judge and identify every mutant of the gallery, as the dialect that it claims to be."""
    yield from map(row_of, gallery(convention))
    yield from (row_of(bug, convention) for bug in tensor_bugs.GALLERY)


def row_of(bug: Any, convention: str = "pytorch") -> Row:
    """Judge and identify one mutant."""
    if isinstance(bug, Mutant):
        cases = suite(bug.claim, late=bug.late)
        return _row(bug, bug.claim, cases, [simulated(bug.rule, case) for case in cases])
    claim = dialect("adamw", convention)
    cases = suite(claim)
    return _row(bug, claim, cases, [simulated(claim, case, bug) for case in cases])


def suite(claim: Any, *, late: bool = False) -> list[Case]:
    """Every case but the sizes and the longest, in both dtypes; `late` has one long one in each."""
    found = [case for dtype in DTYPES for case in probes(claim.family, claim, dtype)]
    return [case for case in found if "long" not in case.flags or (late and case.id in LATE)]


def simulated(rule: Any, case: Case, bug: Any = None) -> Result:
    """Run a rule, or a bug of several tensors, in NumPy in the dtype of the case."""
    if "tensors" in case.flags:
        paths = tensor_bugs.simulate(rule, case, bug, dtype=case.dtype)
        return Result("ok", [path.astype(np.float64) for path in paths])
    return Result("ok", plainly(rule, case))


def plainly(rule: Any, case: Case) -> Array:
    """Trajectory of a rule as written, in the dtype of the case: (T, n)."""
    path = [theta for theta, _ in trajectory(rule, case)]
    return np.array(path).astype(np.float64).reshape(len(path), -1)


def _row(bug: Any, claim: Any, cases: Sequence[Case], results: Sequence[Result]) -> Row:
    verdicts = [judge(claim, case, result) for case, result in zip(cases, results, strict=True)]
    identity = identify(cases, results, claim.family, claim=claim)
    named = identity is not None and bug.id in [found.id for found in identity.bugs]
    agrees = identity is None or identity.certified == _conforms(identity, cases, results)
    ratios = {dtype: _largest(verdicts, dtype) for dtype in DTYPES}
    caught = overall(verdicts) == "deviates"
    return Row(bug.id, bug.title, bug.reference, caught, named, agrees, ratios)


def _conforms(identity: Identity, cases: Sequence[Case], results: Sequence[Result]) -> bool:
    return overall(judge_all(identity.nearest.rule, cases, results, {})) == "conforms"


def _largest(verdicts: Sequence[CaseVerdict], dtype: str) -> float:
    found = [v.ratio for v in verdicts if v.id.endswith(dtype) and v.ratio is not None]
    return max(found)


@dataclass(frozen=True)
class Margin:
    """Right and wrong of one family in one dtype: the worst right ratio, the best wrong one.

    Of a family without a known bug what is wrong are dialects with one other answer.
    """

    family: str
    dtype: str
    right: float
    wrong: float
    rights: int
    wrongs: int


def margins(rows: Sequence[Row] | None = None, convention: str = "pytorch") -> list[Margin]:
    """Return the margin of each family and dtype: every right implementation, every mutant.

    `rows` is the kill table, where it is known.
    """
    right, wrong = defaultdict[Any, list[float]](list), defaultdict[Any, list[float]](list)
    for r in rights():
        right[r.family, r.dtype].append(r.ratio)
    known = list(kill_table(convention)) if rows is None else rows
    for kind, row in zip(_kinds(convention), known, strict=True):
        for dtype in DTYPES:
            wrong[kind, dtype].append(row.ratios[dtype])
    families = dict.fromkeys(family for family, _ in right)
    for family, dtype in product(families, DTYPES):
        if not wrong[family, dtype]:
            wrong[family, dtype] = [*_of_others(family, dtype)]
    return [_margin(family, dtype, right[family, dtype], wrong[family, dtype])
            for family, dtype in product(families, DTYPES)]  # fmt: skip


def _margin(family: str, dtype: str, right: Sequence[float], wrong: Sequence[float]) -> Margin:
    return Margin(family, dtype, max(right), min(wrong), len(right), len(wrong))


def _of_others(kind: str, dtype: str) -> Iterator[float]:
    """The largest ratios of dialects that answer one question otherwise than the kind's first."""
    family = kind.partition(",")[0]
    claim, *others = (claim for claim in claims_of(family) if kind_of(claim) == kind)
    asked = [case for case in suite(claim) if case.dtype == dtype]
    for other in others:
        if len(changes(claim, other)) == 1:
            yield _largest([judge(claim, case, simulated(other, case)) for case in asked], dtype)


def _kinds(convention: str) -> list[str]:
    """The family of each row of the kill table."""
    own = [kind_of(mutant.claim) for mutant in gallery(convention)]
    return own + [kind_of(dialect("adamw", convention)) for _ in tensor_bugs.GALLERY]
