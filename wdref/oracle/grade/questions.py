"""What a student is asked: the questions of the claim's family, and three that every rule has."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..identify.altered import unscheduled

# asked though the claim's answer may be "none"
ALWAYS = ("form", "order", "eps", "bias", "schedule")
STEP, TENSORS, LIFE, EDGES, SCHEDULE = "step", "tensors", "life", "edges", "schedule"
TITLES = {
    "form": "form of the decay",
    "order": "order of the decay",
    "eps": "place of ε",
    "bias": "bias correction",
    SCHEDULE: "schedule",
    STEP: "averages and step",
    TENSORS: "several tensors",
    LIFE: "whole life",
    EDGES: "unusual values and rounding",
}
# where a student looks
LOOK = {
    "form": "the lines that read weight_decay",
    "order": "whether the decay comes before or after the line that takes the step from θ",
    "eps": "the line that reads eps",
    "bias": "the divisions by 1 - β^t, and where t is counted",
    SCHEDULE: "what the schedule's multiplier (case.eta) is multiplied with, and when it is read",
    STEP: "the lines that update the averages, and the one that takes the step",
    TENSORS: "what each tensor has of its own: its state, its t, its hyperparameters",
    EDGES: "the cases that are named",
}


@dataclass(frozen=True)
class Question:
    """One question: its name, and the other rules that another answer to it would be."""

    id: str
    others: tuple[Any, ...] = ()

    @property
    def title(self) -> str:
        """The question in words."""
        return TITLES.get(self.id, self.id.replace("_", " "))

    @property
    def look(self) -> str:
        """Where in a program the answer stands."""
        return LOOK.get(self.id, "the line that is quoted")


def questions(claim: Any, base: Any = None) -> tuple[Question, ...]:
    """Return what is asked of the claim; the other answers are those to `base`, or to the claim.

    What has one answer, as the order of an L2 term, is no question. Nor is what the claim is
    without, as AMSGrad's maximum: who adds it has another step.
    """
    base = claim if base is None else base
    asked, extra = list[Question](), list[Any]()
    for name in claim.questions():
        own = getattr(claim, name)
        if (name == "clip" and own == "none") or not _others(claim, name):
            continue
        if name in ALWAYS or own not in ("none", False):
            asked.append(Question(name, _others(base, name)))
        else:
            extra += _others(base, name)
    return (
        *asked,
        Question(STEP, tuple(extra)),
        Question(TENSORS),
        Question(LIFE),
        Question(EDGES),
    )


def asked_of(case: Any) -> str | None:
    """Return the question that a case is of as a whole, if it is of one."""
    return LIFE if case.life else TENSORS if "tensors" in case.flags else None


def ids(claim: Any) -> list[str]:
    """Return the names of the questions that are asked of the claim."""
    return [question.id for question in questions(claim)]


def _others(base: Any, name: str) -> tuple[Any, ...]:
    """The rules that other answers give, of those that read no more and are other functions."""
    answers: Iterable[Any] = base.questions().get(name, ())
    found = [base.answered(**{name: answer}) for answer in answers]
    known = set(base.hyper)
    others = [d for d in found if d.plain() != base.plain() and set(d.hyper) <= known]
    return (*others, unscheduled(base)) if name == SCHEDULE else tuple(others)
