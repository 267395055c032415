"""Notes: what a student reads beside the points, a sentence or two each."""

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any

from ...rules.decay import words
from ...rules.registry import families
from ..judge.verdict import CaseVerdict
from ..report.asked import counted
from .questions import SCHEDULE, TENSORS, Question
from .shown import Pair

RIGHT = "Right."
STATES = {"deviates": "Wrong", "imprecise": "Less precise than the dtype allows",
          "error": "It raised", "timeout": "It did not end"}  # fmt: skip


def accepted(claim: Any, other: Any, question: Question) -> str:
    """Say that it is another answer than the claim's, and may be."""
    mine, theirs = _answers(claim, other, question)
    return f"Accepted: {theirs}, where the claim has {mine}."


def another(claim: Any, other: Any, question: Question) -> str:
    """Say what was expected, what was found, and where to look."""
    mine, theirs = _answers(claim, other, question)
    return f"Expected {mine}; found {theirs}. Look at {question.look}."


def twisted(other: str, question: Question, bug: dict[str, str] | None) -> str:
    """Say what is other in a rule that is nearly the claim's."""
    known = f" This is a known bug: {bug['title']} ({bug['reference']})." if bug else ""
    return f"Found: {other}.{known} Look at {question.look}."


def not_shown(instead: Pair | None) -> str:
    """Say that nothing shows it, and which case would have; no reason is made up."""
    if instead is None:
        return "Not shown: no case that would show it was asked."
    return f"Not shown: that takes {place(instead[1])}, which {_came_to(instead[1])}."


def of_cases(question: Question, failed: Sequence[Pair], why: str = "") -> str:
    """Say which cases go wrong though the formula is right, and what the first has to say."""
    if all(v.verdict == "unsupported" for _, v in failed):
        return f"{counted([v.message for _, v in failed])}."
    wrong = [pair for pair in failed if pair[1].verdict != "unsupported"]
    case, verdict = wrong[0]
    more = f" and in {len(wrong) - 1} more" if len(wrong) > 1 else ""
    said = why or verdict.message or verdict.finding
    reason = f": {said}" if said else ""
    purpose = f" ({case.purpose})" if case.purpose else ""
    look = f" Look at {question.look}." if question.id in (TENSORS, SCHEDULE) else ""
    return f"{STATES[verdict.verdict]} in {place(verdict)}{purpose}{more}{reason}.{look}"


def place(verdict: CaseVerdict) -> str:
    """Return the case and the step at which it is worst."""
    at = verdict.step if verdict.verdict in ("deviates", "imprecise") else None
    return verdict.id if at is None else f"{verdict.id}, step {at}"


def _came_to(verdict: CaseVerdict) -> str:
    if verdict.verdict == "deviates":
        return "came out wrong"
    said = f" ({verdict.message})" if verdict.message else ""
    return f"was not judged{said}"


def _answers(claim: Any, other: Any, question: Question) -> tuple[str, str]:
    """Both answers, the claim's first: of a decay in words, else the lines that differ."""
    if question.id in ("form", "order"):
        enters = families()[claim.family].enters
        one, two = (words(d.form, d.order, enters).rstrip(".") for d in (claim, other))
        return f"“{one}”", f"“{two}”"
    mine, theirs = list[str](), list[str]()
    of_claim, of_other = claim.recurrence(), other.recurrence()
    matcher = SequenceMatcher(None, of_claim, of_other, autojunk=False)
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind != "equal":
            mine += of_claim[a:b]
            theirs += of_other[c:d]
    return _quoted(mine), _quoted(theirs)


def _quoted(lines: Sequence[str]) -> str:
    return " and ".join(f"“{' '.join(line.split())}”" for line in lines) or "no such line"
