"""The kill table: is every mutant caught and named, and how far are right and wrong apart?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..conventions import dialect
from . import multi, rightful
from .case import Array, Case
from .cases import probes, regimes
from .gallery import gallery
from .identify import identify
from .mutants import Mutant
from .targets import Result
from .verdict import CaseVerdict, judge, overall

DTYPES = ("float64", "float32")


@dataclass(frozen=True)
class Row:
    """One mutant: the verdict on it and the best ratio it reaches in each dtype."""

    id: str
    title: str
    reference: str
    caught: bool
    named: bool
    ratios: dict[str, float]


def kill_table(convention: str = "pytorch") -> Iterator[Row]:
    """Judge and identify every mutant of the gallery, as the dialect that it claims to be."""
    yield from map(row_of, gallery(convention))
    yield from (row_of(bug, convention) for bug in multi.GALLERY)


def row_of(bug: Any, convention: str = "pytorch") -> Row:
    """Judge and identify one mutant."""
    if isinstance(bug, Mutant):
        cases = suite(bug.claim)
        return _row(bug, bug.claim, cases, [simulated(bug.rule, case) for case in cases])
    claim = dialect("adamw", convention)
    cases = suite(claim)
    return _row(bug, claim, cases, [simulated(claim, case, bug) for case in cases])


def suite(claim: Any) -> list[Case]:
    """Every case but the sizes and the longest, in both dtypes."""
    found = [case for dtype in DTYPES for case in probes(claim.family, claim, dtype)]
    return [case for case in found if "long" not in case.flags]


def simulated(rule: Any, case: Case, bug: Any = None) -> Result:
    """Run a rule, or a bug of several tensors, in NumPy in the dtype of the case."""
    if "tensors" in case.flags:
        paths = multi.simulate(rule, case, bug, dtype=case.dtype)
        return Result("ok", [path.astype(np.float64) for path in paths])
    return Result("ok", plainly(rule, case))


def plainly(rule: Any, case: Case) -> Array:
    """Trajectory of a rule as written, in the dtype of the case: (T, n)."""
    path = list(steps_of(rule, case))
    return np.array(path).astype(np.float64).reshape(len(path), -1)


def steps_of(rule: Any, case: Case) -> Iterator[Any]:
    """Yield the parameters after each step of a rule as written."""
    theta = case.theta0
    slots: Sequence[Any] = [np.zeros_like(theta) for _ in rule.slots]
    for t, g in enumerate(case.grads, start=1):
        eta, before = float(case.eta[t - 1]), float(case.eta[max(t - 2, 0)])
        with np.errstate(all="ignore"):
            s = rule.scalars(case.hyper, t, eta, before=before)
            theta, slots = rule.apply(theta, g, slots, s)
        yield theta


def _row(bug: Any, claim: Any, cases: Sequence[Case], results: Sequence[Result]) -> Row:
    verdicts = [judge(claim, case, result) for case, result in zip(cases, results, strict=True)]
    identity = identify(cases, results, claim.family, claim=claim)
    named = identity is not None and bug.id in [found.id for found in identity.bugs]
    ratios = {dtype: _largest(verdicts, dtype) for dtype in DTYPES}
    caught = overall(verdicts) == "deviates"
    return Row(bug.id, bug.title, bug.reference, caught, named, ratios)


def _largest(verdicts: Sequence[CaseVerdict], dtype: str) -> float:
    found = [v.ratio for v in verdicts if v.id.endswith(dtype) and v.ratio is not None]
    return max(found)


@dataclass(frozen=True)
class Margin:
    """Right and wrong of one family in one dtype: the worst right ratio, the best wrong one."""

    family: str
    dtype: str
    right: float
    wrong: float
    rights: int
    wrongs: int


def margins(count: int = 200, convention: str = "pytorch") -> list[Margin]:
    """Return the margin of each family and dtype: `count` right implementations, every mutant."""
    rows = [(family, row) for family, row in _families(convention)]
    found = []
    for family in ("adam", "sgd"):
        for dtype in DTYPES:
            right = [worst_right(family, dtype, seed) for seed in range(count)]
            wrong = [row.ratios[dtype] for kind, row in rows if kind == family]
            found.append(Margin(family, dtype, max(right), min(wrong), count, len(wrong)))
    return found


def _families(convention: str) -> Iterator[tuple[str, Row]]:
    kinds = [mutant.claim.family for mutant in gallery(convention)]
    rows = list(kill_table(convention))
    yield from zip([*kinds, *("adam" for _ in multi.GALLERY)], rows, strict=True)


def worst_right(family: str, dtype: str, seed: int) -> float:
    """Worst ratio of the right implementation number `seed` over the suite."""
    form = ("l2", "paper", "lr")[seed % 3]
    claims = {"adam": ("adam", "adamw"), "sgd": ("sgd", "sgdw")}[family]
    claim = dialect(claims[form != "l2"], "paper", form=form)
    order = rightful.Order.draw(seed)
    worst = 0.0
    for case in regimes(family, claim, dtype):
        values = rightful.run(order, case, family, form)
        verdict = judge(claim, case, Result("ok", values))
        worst = max(worst, verdict.ratio if verdict.ratio is not None else 0.0)
    return worst
