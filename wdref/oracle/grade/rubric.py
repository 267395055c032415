"""A rubric: how many points a question is worth, and which other answers are accepted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...common.checks import literal
from .questions import LIFE, ids

EVERY = "any answer"
DEFAULT = {LIFE: 0.0}  # a training that is saved, changed, scaled: few courses ask it


@dataclass(frozen=True)
class Rubric:
    """Points by question, 1 where nothing is said; `accept` has the answers that count as right."""

    points: Mapping[str, float] = field(default_factory=dict)
    accept: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    def of(self, question: str) -> float:
        """Return what the question is worth."""
        return self.points.get(question, DEFAULT.get(question, 1.0))

    def accepts(self, question: str, answer: Any) -> bool:
        """Whether another answer than the claim's is right too."""
        accepted = self.accept.get(question, ())
        return EVERY in accepted or answer in accepted


def rubric(claim: Any, points: Sequence[str] = (), accept: Sequence[str] = ()) -> Rubric:
    """Read a rubric for `claim`: ``form=3,order=2`` and ``order`` or ``eps=hat``.

    Raises ValueError, of one line, for what is no question of the claim or no answer to it.
    """
    worth = {name: _number(name, text) for name, text in _parts(claim, "--points", points)}
    accepted: dict[str, tuple[Any, ...]] = {}
    for name, text in _parts(claim, "--accept", accept):
        accepted[name] = (*accepted.get(name, ()), _answer(claim, name, text))
    if worth and not sum(worth.get(name, DEFAULT.get(name, 1.0)) for name in ids(claim)):
        raise ValueError("--points: no question is worth anything")
    return Rubric(worth, accepted)


def _parts(claim: Any, option: str, texts: Sequence[str]) -> list[tuple[str, str]]:
    parts = [part.strip().partition("=") for text in texts for part in text.split(",")]
    asked = ids(claim)
    for name, _, _ in parts:
        if name not in asked:
            raise ValueError(f"{option} {name}: no question of the claim: {', '.join(asked)}")
    return [(name, text) for name, _, text in parts]


def _number(name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e6:
        raise ValueError(f"--points {name}={text}: expected a number of points, 0 or more")
    return number


def _answer(claim: Any, name: str, text: str) -> Any:
    answers = claim.questions().get(name)
    if answers is None:
        raise ValueError(f"--accept {name}: it has no other answers: use --points {name}=0")
    if not text:
        return EVERY
    answer = next((a for a in answers if str(a) == text or a == _literal(text)), None)
    if answer is None:
        raise ValueError(f"--accept {name}={text}: expected one of {', '.join(map(str, answers))}")
    return answer


def _literal(text: str) -> Any:
    try:
        return literal(text)
    except ValueError:
        return text
