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
from ..judge.verdict import CaseVerdict, judge_all
from ..targets.targets import Result
from . import notes
from .questions import EDGES, SCHEDULE, STEP, TENSORS, Question, questions
from .rubric import Rubric
from .shown import parted, shown
from .wrong import other_answers, twisted_questions

Pairs = Sequence[tuple[Case, CaseVerdict]]
Measured = Mapping[str, Mapping[str, Any]]
WRONG = ("deviates", "imprecise", "error", "timeout")


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
    rule = _rule(claim, diagnosis)
    known = claim if rule is None else rule
    same = known == claim
    verdicts = diagnosis.verdicts if same else judge_all(known, cases, results, measured)
    marking = _Marking(claim, rule, tuple(zip(cases, verdicts, strict=True)), diagnosis,
                       rubric or Rubric())  # fmt: skip
    base = known.base if isinstance(known, Twisted) else known
    asked = zip(questions(claim), questions(claim, base), strict=True)
    return Grade(tuple(marking.mark(mine, theirs) for mine, theirs in asked
                       if marking.rubric.of(mine.id)))  # fmt: skip


def _rule(claim: Any, diagnosis: Diagnosis) -> Any:
    """What the program computes, as far as that is known: the claim, where nothing deviates."""
    found = {v.verdict for v in diagnosis.verdicts}
    if "deviates" not in found or diagnosis.verdict == "imprecise":
        return claim if found & {"conforms", "imprecise"} else None
    identity = diagnosis.identity
    if identity is None or not identity.named:
        return None
    rule = identity.nearest.rule
    plain = isinstance(rule, Twisted) or rule.plain() != claim.plain()
    return rule if plain else claim


class _Marking:
    """One program that is marked: what it computes, and how its cases come out under that."""

    def __init__(
        self, claim: Any, rule: Any, pairs: Pairs, diagnosis: Diagnosis, rubric: Rubric
    ) -> None:  # fmt: skip
        self.claim, self.rule, self.pairs = claim, rule, pairs
        self.diagnosis, self.rubric = diagnosis, rubric
        twisted = isinstance(rule, Twisted)
        base = rule.base if twisted else rule
        self.answers = {} if rule is None else other_answers(claim, base)
        self.twisted = twisted_questions(claim, rule, [c for c, _ in pairs]) if twisted else set()
        self.held, self.left = parted([c for c, _ in pairs], [v for _, v in pairs])

    def mark(self, asked: Question, others: Question) -> Mark:
        """Mark one question; `others` has the other answers to what the program computes."""
        share, note = self._share(asked, others)
        of = self.rubric.of(asked.id)
        return Mark(asked.id, asked.title, round(of * share, 2), of, note)

    def _share(self, asked: Question, others: Question) -> tuple[float, str]:
        if asked.id == TENSORS:
            return self._tensors(asked)
        if asked.id in self.answers:
            return self._other_answer(asked)
        if asked.id in self.twisted:
            bug = self.diagnosis.identity and self.diagnosis.identity.known_bug()
            words = f"{bug['title']} ({bug['reference']})" if bug else ""
            return 0.0, notes.twisted(self.rule.words, asked, words)
        if asked.id == STEP and (extra := self._extra()):
            return 0.0, notes.another(self.claim, self.claim.answered(**extra), asked)
        if asked.id in (EDGES, SCHEDULE) and (failed := self._failed(asked.id)):
            return 0.0, notes.of_cases(asked, failed, self._reason(failed))
        return self._proven(asked, others)

    def _other_answer(self, asked: Question) -> tuple[float, str]:
        answer = self.answers[asked.id]
        other = self.claim.answered(**{asked.id: answer})
        if self.rubric.accepts(asked.id, answer):
            return 1.0, notes.accepted(self.claim, other, asked)
        return 0.0, notes.another(self.claim, other, asked)

    def _extra(self) -> dict[str, Any]:
        """Other answers to what is no question of the claim's: they are of the step."""
        asked = {question.id for question in questions(self.claim)}
        return {name: x for name, x in self.answers.items() if name not in asked}

    def _proven(self, asked: Question, others: Question) -> tuple[float, str]:
        base = self.claim if self.rule is None else self.rule
        if self.rule is None and asked.id in (STEP, EDGES):
            return self._unknown(asked)
        if asked.id == EDGES or shown(base, others, self.held, self.left):
            return 1.0, notes.RIGHT
        return 0.0, notes.not_shown(self._why())

    def _unknown(self, asked: Question) -> tuple[float, str]:
        """Of a program that is not recognised: without a decay its step is alone."""
        wrong = [(c, v) for c, v in self.pairs if v.verdict in WRONG and not _many(c)]
        bare = [c for c in self.held if c.hyper.get("weight_decay") == 0 and len(c.eta) > 1]
        if asked.id == STEP and bare and all(c.hyper.get("weight_decay") for c, _ in wrong):
            return 1.0, "Right: without a decay every step is the claim's."
        if asked.id == STEP:
            return 0.0, "What it computes matches nothing known: the step is not the claim's."
        return 0.0, "Not shown: this is asked of a formula that is known."

    def _failed(self, question: str) -> list[tuple[Case, CaseVerdict]]:
        """Cases of one tensor that go wrong under the rule that the program computes."""
        if self.rule is None:
            return []
        wrong = [(c, v) for c, v in self.pairs if v.verdict in WRONG and not _many(c)]
        scheduled = [pair for pair in wrong if "schedule" in pair[0].flags]
        alone = wrong if len(scheduled) == len(wrong) else []  # nothing but the schedule is special
        return alone if question == SCHEDULE else [] if alone else wrong

    def _reason(self, failed: Pairs) -> str:
        """What the diagnosis says of the place, where it is one of these."""
        identity, where = self.diagnosis.identity, self.diagnosis.where
        names = {v.id for _, v in failed}
        for at in (identity and identity.but, where):
            if at and at.case in names and at.message:
                return at.message
        return ""

    def _tensors(self, asked: Question) -> tuple[float, str]:
        """A share for each kind of case that is right as a whole."""
        kinds: dict[str, list[tuple[Case, CaseVerdict]]] = {}
        for case, verdict in self.pairs:
            if _many(case):
                kinds.setdefault(_kind(case), []).append((case, verdict))
        right = [kind for kind, pairs in kinds.items()
                 if all(v.verdict in ("conforms", "undecided") for _, v in pairs)]  # fmt: skip
        if len(right) == len(kinds):
            return 1.0, notes.RIGHT
        wrong = [pair for kind, pairs in kinds.items() if kind not in right for pair in pairs
                 if pair[1].verdict not in ("conforms", "undecided")]  # fmt: skip
        if self.rule is None and not right:
            return 0.0, notes.not_shown(self._why())
        return len(right) / len(kinds), notes.of_cases(asked, wrong, self._reason(wrong))

    def _why(self) -> str:
        """What the cases have to say that were not judged."""
        said = (v.message for _, v in self.pairs if v.message and v.verdict != "deviates")
        first = next(said, "")
        return f" ({first})" if first and not self.held else ""


def _many(case: Case) -> bool:
    return "tensors" in case.flags


def _kind(case: Case) -> str:
    return next((flag for flag in ("groups", "late", "none") if flag in case.flags), "tensors")
