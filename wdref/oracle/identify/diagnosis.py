"""Diagnosis: what a target is, where it leaves its claim, and why, as a record and as lines.

`wdref check`, `identify`, the tests of other suites and the outputs of vectors all say this.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from ..bugs.mutants import Twisted
from ..cases.case import Case
from ..judge.verdict import FAILED, CaseVerdict, judge_all, overall
from ..targets.targets import Result
from . import mistakes
from .changed import changed
from .departure import Departure, place
from .hints import from_cases
from .identify import Identity, describe, identify

Measured = Mapping[str, Mapping[str, Any]]
NO_DECAY = "the weight decay is not applied"


@dataclass(frozen=True)
class Diagnosis:
    """The verdicts on a target, what it is, and what is worth saying: the most telling first.

    `where` is the first place at which it leaves its claim, `mistakes` are those of a `run` that is
    being written, `hints` what the cases that deviate have in common.
    """

    verdicts: tuple[CaseVerdict, ...]
    identity: Identity | None = None
    where: Departure | None = None
    mistakes: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """The verdict on the target."""
        return overall(self.verdicts)

    def lines(self, word: str = "is") -> list[str]:
        """Return the diagnosis in words, a line each; `word` begins the one that names the rule."""
        found = list(self.mistakes)
        if self.identity:
            found += said(self.identity, word)
        elif self.verdict == "deviates":
            found += ["what it computes is not known: no probe gave finite numbers"]
        but = self.identity.but if self.identity else None
        if self.where and self.where != but:
            why = f": {self.where.message}" if self.where.message else ""
            found += [f"it departs from its claim in {self.where}{why}"]
        return [*found, *self.hints, *notes(self.verdicts)]


def diagnose(
    claim: Any, cases: Sequence[Case], results: Sequence[Result],
    measured: Measured = MappingProxyType({}), *, verdicts: Sequence[CaseVerdict] | None = None,
) -> Diagnosis:  # fmt: skip
    """Judge `results` as those of `claim`, and say what is behind that which does not conform."""
    judged = tuple(verdicts or judge_all(claim, cases, results, measured))
    verdict = overall(judged)
    if verdict not in ("deviates", "imprecise"):
        return Diagnosis(judged)
    identity = identify(cases, results, claim.family, claim=claim, measured=measured)
    first = next((i for i, v in enumerate(judged) if v.verdict == "deviates"), None)
    where = None
    if first is not None:
        where = place(claim, judged[first], cases[first], results[first], measured)
        if not (where.message or (identity and identity.certified)):  # its formula says it all
            told = changed(claim, cases[first], results[first], where)
            where = replace(where, message=told)
    return Diagnosis(
        judged, identity, where, mistakes.of_run(claim, cases, results), from_cases(cases, judged)
    )


def said(identity: Identity, word: str = "is") -> list[str]:
    """Say what an identity is, in lines."""
    lines = [NO_DECAY] if _loses_decay(identity) else []
    found = describe(identity.nearest.rule)
    names, but = _names(identity.nearest.rule), identity.but
    recurrence = [f"  {line}" for line in found["recurrence"]]
    if isinstance(identity.nearest.rule, Twisted):
        recurrence.pop()  # what is other is said already
    if but:
        why = f": {but.message}" if but.message else ""
        lines += [f"{word}{names or ' the rule below'}, but departs from that in {but}{why}"]
    elif identity.named:
        lines += [f"{', '.join((f'{word}{names}', *identity.remarks))}:"]
    elif identity.helps:
        lines += [f"matches nothing known; the nearest is{names}:"]
    else:
        lines += ["matches nothing known, and nothing known is near"]
    if identity.helps:
        lines += recurrence
    if identity.helps:
        lines += _residuals(identity)
    bug = identity.known_bug()
    if bug and not _loses_decay(identity):
        lines += [f"known bug {bug['id']}: {bug['title']} ({bug['reference']})"]
    lines += [f"also: {'; '.join(rule.recurrence())}" for rule in identity.also]
    if identity.departure:
        lines += [f"it departs from the nearest in {identity.departure}"] * identity.helps
    return lines + [f"  {hint}" for hint in identity.hints[:4] if identity.helps]


def _names(rule: Any) -> str:
    """Whose rule it is, of a rule that is altered whose it was, and what is other in it."""
    twisted = isinstance(rule, Twisted)
    found = describe(rule.base if twisted else rule)
    names = f" ({', '.join(found['names'])})" if found["names"] else ""
    return f"{names}, but: {rule.words}" if twisted else names


def _residuals(identity: Identity) -> list[str]:
    line = f"residual {identity.nearest.residual:.2g}"
    if identity.runner_up:
        line += f"; the next best rule has {identity.runner_up.residual:.2g}"
    return [line]


def _loses_decay(identity: Identity) -> bool:
    changed = [bug for bug in identity.bugs if hasattr(bug, "claim")]
    lost = (bug.claim.form != "none" == getattr(bug.rule, "form", "") for bug in changed)
    return identity.lost_decay or any(lost)


def notes(verdicts: Sequence[CaseVerdict]) -> list[str]:
    """What single cases have to say, each kind once with how many there are of it.

    What would explain a single case says nothing where the formula is another one.
    """
    told = (*FAILED, overall(verdicts))
    words = [v.finding for v in verdicts if v.finding]
    words += [f"{v.verdict}: {v.message}" for v in verdicts if v.message and v.verdict in told]
    kinds: dict[str, list[str]] = {}
    for line in words:
        said = line.partition(": ")[2]  # the same words may have been an error and a refusal
        kinds.setdefault(re.sub(r"\([^()]*\)|\d+", "#", said), []).append(line)
    return [
        same[0] if len(set(same)) == 1 else f"{same[0]} (and {len(same) - 1} more like it)"
        for same in kinds.values()
    ]
