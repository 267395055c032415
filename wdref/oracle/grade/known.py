"""A program of which it is known what it computes: its answers, and its cases beside them."""

from collections.abc import Sequence
from typing import Any

from ..bugs.mutants import Twisted
from ..identify.diagnosis import Diagnosis
from ..identify.identify import BRANCHING
from . import notes
from .questions import EDGES, LIFE, SCHEDULE, STEP, TENSORS, Question, asked_of, ids
from .rubric import Rubric
from .shown import Pair, shown
from .wrong import other_answers, twisted_questions

Share = tuple[float, str]  # of a question's points, and the note
WRONG = ("deviates", "imprecise", "error", "timeout")
RIGHT = ("conforms", "undecided")
SPECIAL = BRANCHING | {"schedule", "subnormal", "vanishing", "underflow", "layout"}


class Known:
    """What a program computes, and how its cases come out under that rule."""

    def __init__(
        self, claim: Any, rule: Any, pairs: Sequence[Pair], diagnosis: Diagnosis, rubric: Rubric
    ) -> None:  # fmt: skip
        self.claim, self.rule, self.pairs = claim, rule, pairs
        self.diagnosis, self.rubric, self.asked = diagnosis, rubric, ids(claim)
        twisted = isinstance(rule, Twisted)
        self.answers = other_answers(claim, rule.base if twisted else rule)
        cases = [case for case, _ in pairs]
        self.twisted = twisted_questions(claim, rule, cases) if twisted else set()
        self.failed = self._failed()

    def share(self, asked: Question, others: Question) -> Share:
        """Return the share of the question's points, and why."""
        if asked.id in (TENSORS, LIFE):
            return self._kinds(asked)
        if asked.id in self.answers:
            return self._other_answer(asked)
        if asked.id in self.twisted:
            bug = self.diagnosis.identity.known_bug() if self.diagnosis.identity else None
            return 0.0, notes.twisted(self.rule.words, asked, bug)
        extra = {name: x for name, x in self.answers.items() if name not in self.asked}
        if asked.id == STEP and extra:
            return 0.0, notes.another(self.claim, self.claim.answered(**extra), asked)
        if failed := self.failed.get(asked.id):
            return 0.0, notes.of_cases(asked, failed, self._reason(failed))
        if asked.id == EDGES:
            return self._edges()
        found = shown(self.rule, others, self.pairs)
        return (1.0, notes.RIGHT) if found.yes else (0.0, notes.not_shown(found.instead))

    def _failed(self) -> dict[str, list[Pair]]:
        """Cases of one tensor that go wrong under the rule, with the question that they are of.

        Ordinary ones show another step. Those with a schedule alone show how it is read.
        """
        wrong = [(c, v) for c, v in self.pairs if v.verdict in WRONG and asked_of(c) is None]
        if any(v.verdict == "deviates" and not SPECIAL & set(c.flags) for c, v in wrong):
            return {STEP: wrong}
        if SCHEDULE in self.asked and all("schedule" in c.flags for c, _ in wrong):
            return {SCHEDULE: wrong}
        return {EDGES: wrong}

    def _other_answer(self, asked: Question) -> Share:
        answer = self.answers[asked.id]
        other = self.claim.answered(**{asked.id: answer})
        if self.rubric.accepts(asked.id, answer):
            return 1.0, notes.accepted(self.claim, other, asked)
        return 0.0, notes.another(self.claim, other, asked)

    def _edges(self) -> Share:
        if self.failed.get(STEP):
            return 0.0, "Not shown: ordinary cases go wrong too."
        return 1.0, notes.RIGHT

    def _kinds(self, asked: Question) -> Share:
        """A share for each kind of case that is right as a whole."""
        kinds: dict[str, list[Pair]] = {}
        for case, verdict in self.pairs:
            if asked_of(case) == asked.id:
                kinds.setdefault(_kind(case), []).append((case, verdict))
        wrong = {kind: [pair for pair in pairs if pair[1].verdict not in RIGHT]
                 for kind, pairs in kinds.items()}  # fmt: skip
        every = [pair for pairs in wrong.values() for pair in pairs]
        share = sum(not pairs for pairs in wrong.values()) / len(kinds) if kinds else 0.0
        if not every:
            return share, notes.RIGHT if kinds else notes.not_shown(None)
        if self.failed.get(STEP) and not share:
            return 0.0, "Not shown: single tensors go wrong too."
        return share, notes.of_cases(asked, every, self._reason(every))

    def _reason(self, failed: Sequence[Pair]) -> str:
        """What the diagnosis says of the place, where it is one of these."""
        identity, names = self.diagnosis.identity, {v.id for _, v in failed}
        for at in (identity and identity.but, self.diagnosis.where):
            if at and at.case in names and at.message:
                return at.message
        return ""


def _kind(case: Any) -> str:
    if case.life:
        return str(next(iter(case.life)))
    return next((flag for flag in ("groups", "late", "none") if flag in case.flags), "tensors")
