"""Ranking: the candidates by their distance from a target on the probes, and whether they hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from ...rules.derived import derived
from ...rules.registry import families
from ...rules.shapes import shapes_of
from ..bugs.gallery import gallery
from ..bugs.mutants import Twisted, changes
from ..cases.case import Case
from ..cases.together import trajectories
from ..judge.enclosure import CaseKey, enclose
from ..judge.verdict import judge, primitives_in
from ..targets.targets import Result
from .candidates import by_norm, candidates

Measured = Mapping[str, Mapping[str, Any]]

PROBES = ("exaggerated", "bursts", "shrinking", "sparse")
SHAPED = ("tall", "cube")  # beside them, of rules that keep numbers of rows and columns


@dataclass(frozen=True)
class Candidate:
    """A rule and how far the target is from it, relative to the size of the parameters."""

    rule: Any
    residual: float


def probes_of(pairs: Sequence[tuple[Case, Result]], family: str = "") -> list[tuple[Case, Result]]:
    """Probing cases in the widest dtype that gave results, of which some are numbers."""
    known = families().get(family)
    names = (*PROBES, *(SHAPED if known and _has_rows(known.dialect()) else ()))
    for dtype in ("float64", "float32"):
        asked = [f"{name}/{dtype}" for name in names]
        found = sorted((p for p in pairs if p[0].id in asked), key=lambda p: "shaped" in p[0].flags)
        if any(np.any(np.isfinite(result.values)) for _, result in found):
            return found
    return []


def _has_rows(rule: Any) -> bool:
    return not {"row", "column"}.isdisjoint(shapes_of(rule))


def noise(probes: Sequence[tuple[Case, Result]]) -> float:
    """Residual that rounding alone explains in the dtype of the probes."""
    return float(np.finfo(probes[0][0].dtype).eps) * 64


def holds(rule: Any, probes: Sequence[tuple[Case, Result]], measured: Measured) -> bool:
    """Whether the enclosures of `rule` hold what is finite of every probe."""
    filled = [(case, _filled(rule, case, result)) for case, result in probes]
    return certified(rule, filled, measured)


def _filled(rule: Any, case: Case, result: Result) -> Result:
    """The result with the rule's own values where it has no numbers."""
    if np.all(np.isfinite(result.values)):
        return result
    own = enclose(rule, _flat(case)).high.reshape(result.values.shape)
    return replace(result, values=np.where(np.isfinite(result.values), result.values, own))


def _flat(case: Case) -> Case:
    return case.parts()[0] if "shaped" in case.flags else case


def certified(rule: Any, pairs: Sequence[tuple[Case, Result]], measured: Measured) -> bool:
    """Whether the enclosures of `rule` hold every result of the widest dtype, or are imprecise."""
    widest = max(case.dtype for case, _ in pairs)  # "float64" sorts last
    # short cases first: the first that no enclosure holds is the last that is computed
    wide = sorted((p for p in pairs if p[0].dtype == widest), key=lambda p: p[0].grads.size)
    primitives = primitives_in(widest, measured)
    verdicts = (judge(rule, case, result, primitives=primitives) for case, result in wide)
    return all(v.verdict != "deviates" for v in verdicts)


def oddity(rule: Any, claim: Any = None) -> int:
    """How many answers are not the claim's, or the paper's, form aside: ties go to the plainest."""
    if isinstance(rule, Twisted):
        return 100
    base = claim if type(claim) is type(rule) else type(rule)(form=rule.form)
    return len(changes(base, rule))


@derived
def rules(family: str, given: frozenset[str], claim: Any) -> tuple[Any, ...]:
    """Return every rule of `family` that reads no more than is `given`, the claim among them."""
    clips = "clip" in given
    known = (*candidates(family, clip=clips), *(by_norm(family) if clips else ()))
    twisted = dict.fromkeys(
        mutant.rule
        for convention in ("pytorch", "paper", "keras")
        for mutant in gallery(convention)
        if isinstance(mutant.rule, Twisted) and mutant.rule.family == family
    )
    found = tuple(rule for rule in (*known, *twisted) if given >= set(rule.hyper))
    if not found:
        raise ValueError(
            f"identify: no rule of the family {family!r} is known that reads no more than "
            f"{', '.join(sorted(given))}"
        )
    return found


def ranked(rules: tuple[Any, ...], probes: Sequence[tuple[Case, Result]]) -> list[Candidate]:
    """Candidates by residual: the largest distance, relative to the largest parameter."""
    residual = np.zeros(len(rules))
    for case, result in probes:
        flat = _flat(case)
        values = result.values.reshape(flat.grads.shape)
        mine, given = _trajectories(rules, CaseKey(flat)), np.isfinite(values)
        with np.errstate(all="ignore"):
            apart = np.where(given, np.abs(mine - values), 0.0)
            far = np.max(apart, axis=(1, 2), initial=0.0)
            # a rule may have no number where a target has none either
            size = np.where(np.isfinite(mine), np.abs(mine), 0.0)
            scale = np.maximum(np.max(size, axis=(1, 2)), 1e-300)
            residual = np.maximum(residual, np.where(np.isfinite(far), far / scale, np.inf))
    rows = [Candidate(*row) for row in zip(rules, residual.tolist(), strict=True)]
    return sorted(rows, key=lambda c: (c.residual, oddity(c.rule)))


@lru_cache(maxsize=256)  # the probes of all families: some 70 MB
def _trajectories(rules: tuple[Any, ...], key: CaseKey) -> Any:
    return trajectories(rules, key.case)
