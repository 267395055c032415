"""Identification: which dialect a target is, found among all of them and then certified.

Every dialect of the family runs on the probing cases in float64; the one with the smallest residual
is judged by its enclosures on every case. What no enclosure holds is said to match nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from ...conventions import CONVENTIONS
from ...engine.arithmetic import HALF
from ...rules.shapes import scope_of
from ..bugs import tensor_bugs
from ..bugs.gallery import gallery
from ..bugs.mutants import Twisted, changes
from ..cases.case import Case
from ..judge.verdict import CaseVerdict, judge_all
from ..targets.targets import Result
from . import ranking
from .changed import changed
from .departure import Departure, place, remarks
from .fits import altered

Measured = Mapping[str, Mapping[str, Any]]

NEAR = 0.1  # what is further from a target than this is no help
# A rule with another number in it must hold everywhere but where programs branch.
BRANCHING = {"shape", "shaped", "bound", "nonfinite", "small", "burst", "long"}
BASES = 6  # of the nearest rules: one of them may have a number other
FAR = 0.01  # of the parameters: scalars in float32 explain a thousandth of that


@dataclass(frozen=True)
class Identity:
    """The answer: the nearest rule, whether its enclosures hold, and what else is known of it.

    `named`: the probes are certified to be the rule's. `certified`: so is every other case that
    ran; `but` is the first that deviates from it, `remarks` what its numbers show where none does.
    """

    nearest: ranking.Candidate
    certified: bool
    runner_up: ranking.Candidate | None
    also: tuple[Any, ...]
    bugs: tuple[Any, ...]
    departure: str = ""
    hints: tuple[str, ...] = ()
    named: bool = False
    lost_decay: bool = False
    but: Departure | None = None
    remarks: tuple[str, ...] = ()

    @property
    def helps(self) -> bool:
        """Whether the nearest rule says something: it is far nearer than the next."""
        other = self.runner_up.residual if self.runner_up else np.inf
        return self.named or (self.nearest.residual < NEAR and 2 * self.nearest.residual < other)

    def as_json(self) -> dict[str, Any]:
        """Return the keys of ``wdref identify --json`` but the target's name."""
        runner_up = self.runner_up
        return {
            "match": describe(self.nearest.rule) if self.certified else None,
            "nearest": describe(self.nearest.rule),
            "residual": self.nearest.residual,
            "runner_up": runner_up and {**describe(runner_up.rule), "residual": runner_up.residual},
            "known_bug": self.known_bug(),
            "also": [describe(rule) for rule in self.also],
            "departure": self.departure,
            "hints": list(self.hints),
            "but": self.but and asdict(self.but),
            "remarks": list(self.remarks),
        }

    def known_bug(self) -> dict[str, str] | None:
        """The bugs that the rule is, as one record; several are joined by +."""
        if not self.bugs:
            return None
        return {
            "id": " + ".join(bug.id for bug in self.bugs),
            "title": "; ".join(bug.title for bug in self.bugs),
            "reference": "; ".join(bug.reference for bug in self.bugs),
        }


def identify(
    cases: Sequence[Case], results: Sequence[Result], family: str, *, claim: Any = None,
    measured: Measured = MappingProxyType({}),
) -> Identity | None:  # fmt: skip
    """Return what `results` on `cases` are, or None where no probe gave a finite result.

    `claim` is the dialect that the target is said to be: bugs are named as changes from it, by
    default from PyTorch's dialect of the family. `measured` is what its primitives do, by dtype.
    """
    pairs = [(c, r) for c, r in zip(cases, results, strict=True) if r.values is not None]
    single = [(c, r) for c, r in pairs if not (c.life or {"tensors", "layout"} & set(c.flags))]
    probes = ranking.probes_of(single, family)
    if not probes:
        return None
    ranks = ranking.ranked(ranking.rules(family, frozenset(probes[0][0].hyper), claim), probes)
    if not np.isfinite(ranks[0].residual):
        return None
    named = _named(ranks, probes, claim, measured) or _altered(ranks, single, measured, claim)
    certified = _certified(named, single, measured)
    certified = _of_several(certified, pairs, measured)
    nearest = (certified or named or ranks)[0]
    judged = judge_all(nearest.rule, [c for c, _ in pairs], [r for _, r in pairs], measured)
    first = next((v for v in judged if v.verdict == "deviates"), None)
    left_at = _placed(nearest.rule, first, pairs, measured) if first else None
    next_best = next((c for c in ranks if c is not nearest and c not in named), None)
    if not named:
        hints = _hints(ranks, nearest)
        return Identity(nearest, False, next_best, (), (), str(left_at or ""), hints)
    several = _bugs_of_several(nearest.rule, pairs) if left_at else ()
    plain = [c for c in named if not isinstance(c.rule, Twisted)]
    return Identity(
        nearest,
        certified=left_at is None,
        runner_up=next_best,
        also=tuple(c.rule for c in (certified or plain or named)[1:]),
        bugs=known_bugs(nearest.rule, claim) + several,
        named=True,
        lost_decay=claim is not None and nearest.rule.form == "none" != claim.form,
        but=replace(left_at, message=several[0].title) if left_at and several else left_at,
        remarks=() if left_at else remarks(judged),
    )


def _named(
    ranks: Sequence[ranking.Candidate], probes: Sequence[tuple[Case, Result]], claim: Any,
    measured: Measured,
) -> list[ranking.Candidate]:  # fmt: skip
    """Candidates that are as near as the nearest and hold the probes, the plainest first."""
    reach = min(max(10 * ranks[0].residual, ranking.noise(probes)), FAR)
    tied = sorted((c for c in ranks if c.residual <= reach),
                  key=lambda c: ranking.oddity(c.rule, claim))  # fmt: skip
    return [c for c in tied if ranking.holds(c.rule, probes, measured)]


def _certified(
    named: Sequence[ranking.Candidate], single: Sequence[tuple[Case, Result]], measured: Measured
) -> list[ranking.Candidate]:
    """Those that hold every case of one tensor.

    A bug that the probes cannot tell from a rule, as one that needs many steps, comes after it.
    """
    for twisted in (False, True):
        kind = (c for c in named if isinstance(c.rule, Twisted) == twisted)
        if holding := [c for c in kind if ranking.certified(c.rule, single, measured)]:
            return holding
    return []


def _of_several(
    certified: Sequence[ranking.Candidate], pairs: Sequence[tuple[Case, Result]],
    measured: Measured,
) -> list[ranking.Candidate]:  # fmt: skip
    """The same, those first that hold the cases of several tensors.

    What looks at its tensor and what looks at the whole tree are one function of one tensor.
    """
    if not any(scope_of(c.rule) == "tree" for c in certified) or len(certified) < 2:
        return list(certified)
    many = [(c, r) for c, r in pairs if "tensors" in c.flags]
    return sorted(certified, key=lambda c: not _holds_all(c.rule, many, measured))


def _holds_all(rule: Any, pairs: Sequence[tuple[Case, Result]], measured: Measured) -> bool:
    judged = judge_all(rule, [c for c, _ in pairs], [r for _, r in pairs], measured)
    return not any(v.verdict == "deviates" for v in judged)


def _altered(
    ranks: Sequence[ranking.Candidate], single: Sequence[tuple[Case, Result]], measured: Measured,
    claim: Any,
) -> list[ranking.Candidate]:  # fmt: skip
    """The first dialect with one thing other, a factor or a constant, that ordinary cases hold."""
    claims = CONVENTIONS["pytorch"].values() if claim is None else [claim]
    near = [c.rule for c in ranks[:BASES] if not isinstance(c.rule, Twisted)]
    known = {c.rule for c in ranks}
    bases = [rule for rule in dict.fromkeys([*claims, *near]) if rule in known]
    probes = ranking.probes_of(single, ranks[0].rule.family)
    usual = [pair for pair in single if not BRANCHING & set(pair[0].flags)]
    case, result = probes[0]
    for rule in altered(bases, case, result.values, 16 * ranking.noise(probes)):
        if ranking.holds(rule, probes, measured) and ranking.holds(rule, usual, measured):
            return ranking.ranked((rule,), probes)
    return []


def _placed(
    rule: Any, verdict: CaseVerdict, pairs: Sequence[tuple[Case, Result]], measured: Measured
) -> Departure:
    case, result = next(pair for pair in pairs if pair[0].id == verdict.id)
    at = place(rule, verdict, case, result, measured)
    return replace(at, message=at.message or changed(rule, case, result, at))


def known_bugs(rule: Any, claim: Any = None) -> tuple[Any, ...]:
    """Bugs that make `rule` out of `claim`: one that is the whole change, or one for each part."""
    if claim is None and rule in CONVENTIONS["pytorch"].values():
        return ()  # it is what it may well claim to be
    claims = [claim] if claim is not None else _claims_near(rule)
    for base in claims:
        whole = [bug for bug in gallery() if bug.same_change(base, rule)]
        if whole:
            return tuple(whole[:1])
        parts = [
            [
                bug
                for bug in gallery()
                if bug.claim.family == rule.family and changes(bug.claim, bug.rule) == {name: value}
            ]
            for name, value in changes(base, rule).items()
        ]
        if parts and all(parts):
            return tuple(bugs[0] for bugs in parts)
    return ()


def _claims_near(rule: Any) -> list[Any]:
    """PyTorch's dialects, those with the fewest changes first."""
    rules = [claim for claim in CONVENTIONS["pytorch"].values() if claim.family == rule.family]
    return sorted(rules, key=lambda claim: len(changes(claim, rule)))


def _bugs_of_several(rule: Any, pairs: Sequence[tuple[Case, Result]]) -> tuple[Any, ...]:
    """The bug of several tensors that explains every such case, where the rule alone does not."""
    many = [(c, r) for c, r in pairs if "tensors" in c.flags]
    if not many or _explains(rule, None, many):
        return ()
    return tuple(bug for bug in tensor_bugs.GALLERY if _explains(rule, bug, many))[:1]


def _explains(rule: Any, bug: Any, many: Sequence[tuple[Case, Result]]) -> bool:
    for case, result in many:
        limit = float(np.finfo("float32" if case.dtype in HALF else case.dtype).eps) * 256
        for mine, got in zip(tensor_bugs.simulate(rule, case, bug), result.values, strict=True):
            if got.size and not np.max(np.abs(mine - got)) <= limit * np.max(np.abs(mine)):
                return False
    return True


def _hints(found: Sequence[ranking.Candidate], nearest: ranking.Candidate) -> tuple[str, ...]:
    """By elimination: what each answer of the nearest dialect is worth, the most telling first."""
    if isinstance(nearest.rule, Twisted):
        return ()
    best: dict[str, ranking.Candidate] = {}
    for other in found:
        change = changes(nearest.rule, other.rule)
        name = next(iter(change), "rule")
        if len(change) == 1 and name != "rule" and name not in best:
            best[name] = other
    worth = sorted(best.items(), key=lambda item: -item[1].residual)
    return tuple(
        f"{name}={getattr(nearest.rule, name)}: any other answer is {c.residual:.2g} away, "
        f"not {nearest.residual:.2g}"
        for name, c in worth
        if c.residual > 1.5 * nearest.residual
    )


def describe(rule: Any) -> dict[str, Any]:
    """Return the answers, the conventions that give them, and the recurrence."""
    dialect = rule.base if isinstance(rule, Twisted) else rule
    answers = {name: getattr(dialect, name) for name in dialect.questions()}
    if "bias" in answers:
        answers["bias_correction"] = answers.pop("bias")
    names = [
        f"{convention} {claim}"
        for convention, rules in CONVENTIONS.items()
        for claim, d in rules.items()
        if dialect is rule and d.plain() == dialect.plain()
    ]
    recurrence = list(rule.recurrence())
    return {"rule": rule.family, **answers, "names": names, "recurrence": recurrence}
