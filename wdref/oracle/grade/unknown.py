"""A program of which it is not known what it computes: points for what its cases show."""

from collections.abc import Sequence
from typing import Any

from . import notes
from .questions import EDGES, LIFE, STEP, TENSORS, Question, asked_of
from .shown import HOLDS, Pair, shown

Share = tuple[float, str]  # of a question's points, and the note


class Unknown:
    """The cases of a program under its claim, of which some came out right."""

    def __init__(self, claim: Any, pairs: Sequence[Pair]) -> None:
        self.claim, self.pairs = claim, pairs
        one = [pair for pair in pairs if asked_of(pair[0]) is None]
        self.wrong = [pair for pair in one if pair[1].verdict == "deviates"]
        # of one step alone a later one could still be other
        bare = [p for p in one if p[0].hyper.get("weight_decay") == 0 and len(p[0].eta) > 1]
        self.bare_wrong = [pair for pair in bare if pair[1].verdict not in (*HOLDS, "unsupported")]
        self.bare_right = [pair for pair in bare if pair[1].verdict in HOLDS]

    def share(self, asked: Question, others: Question) -> Share:
        """Return the share of the question's points, and why."""
        if asked.id == STEP:
            return self._step()
        if asked.id in (TENSORS, LIFE):
            return self._not_shown(lambda case: asked_of(case) == asked.id)
        if asked.id == EDGES:
            return 0.0, "Not shown: this is asked of a formula that is known."
        found = shown(self.claim, others, self.pairs)
        if found.yes:
            return 1.0, notes.RIGHT
        if asked.id == "form" and self.wrong and self._steps_rightly():
            where = notes.place(self.wrong[0][1])
            return 0.0, f"Wrong in {where}; without a decay every step is the claim's."
        return 0.0, notes.not_shown(found.instead)

    def _steps_rightly(self) -> bool:
        return bool(self.bare_right) and not self.bare_wrong

    def _step(self) -> Share:
        if self._steps_rightly():
            return 1.0, "Right: without a decay every step is the claim's."
        if self.bare_wrong and self.bare_wrong[0][1].verdict == "deviates":
            where = notes.place(self.bare_wrong[0][1])
            return 0.0, f"Wrong without a decay too, in {where}; it matches nothing known."
        return self._not_shown(lambda case: case.hyper.get("weight_decay") == 0)

    def _not_shown(self, tells: Any) -> Share:
        return 0.0, notes.not_shown(next((p for p in self.pairs if tells(p[0])), None))
