"""Grades: points by question, each for what the program is shown to do.

What a program computes is identified first. A question costs its points where its answer is another
than the claim's and makes another function, once however much follows from it; the rest is judged
against the rule that the program does compute. Where that is not known, a question has its points
if a case came out right that would not have under any other answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

from ..bugs.mutants import Twisted
from ..cases.case import Case
from ..identify.diagnosis import Diagnosis
from ..judge.verdict import judge_all
from ..targets.targets import Result
from .known import Known
from .questions import Question, questions
from .rubric import Rubric
from .unknown import Unknown

Measured = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Mark:
    """The points of one question, of how many, and why."""

    id: str
    title: str
    points: float
    of: float
    note: str


@dataclass(frozen=True)
class Grade:
    """The marks of all questions."""

    questions: tuple[Mark, ...]

    @property
    def points(self) -> float:
        """The sum of the points."""
        return round(sum(mark.points for mark in self.questions), 6)

    @property
    def of(self) -> float:
        """What they can be at most."""
        return round(sum(mark.of for mark in self.questions), 6)

    def as_json(self) -> dict[str, Any]:
        """Return the value of the key ``grade`` in the document of ``wdref check``."""
        marks = [asdict(mark) for mark in self.questions]
        return {"points": self.points, "of": self.of, "questions": marks}


def grade(
    claim: Any, cases: Sequence[Case], results: Sequence[Result], diagnosis: Diagnosis,
    measured: Measured = MappingProxyType({}), *, rubric: Rubric | None = None,
) -> Grade:  # fmt: skip
    """Grade `results` on `cases` as those of `claim`, of which `diagnosis` says what they are."""
    rubric, rule = rubric or Rubric(), _rule(claim, diagnosis)
    same = rule is None or rule == claim
    verdicts = diagnosis.verdicts if same else judge_all(rule, cases, results, measured)
    pairs = list(zip(cases, verdicts, strict=True))
    marked = (Unknown(claim, pairs) if rule is None
              else Known(claim, rule, pairs, diagnosis, rubric))  # fmt: skip
    base = claim if rule is None else rule.base if isinstance(rule, Twisted) else rule
    both = zip(questions(claim), questions(claim, base), strict=True)
    return Grade(tuple(
        _mark(asked, rubric.of(asked.id), *marked.share(asked, others))
        for asked, others in both if rubric.of(asked.id)
    ))  # fmt: skip


def _mark(asked: Question, of: float, share: float, note: str) -> Mark:
    return Mark(asked.id, asked.title, round(of * share, 2), of, note)


def _rule(claim: Any, diagnosis: Diagnosis) -> Any:
    """What the program computes, as far as that is known: the claim, where nothing deviates."""
    found = {v.verdict for v in diagnosis.verdicts}
    if "deviates" not in found or diagnosis.verdict == "imprecise":
        return claim if found & {"conforms", "imprecise"} else None
    identity = diagnosis.identity
    if identity is None or not identity.named:
        return None
    rule = identity.nearest.rule
    return rule if isinstance(rule, Twisted) or rule.plain() != claim.plain() else claim
