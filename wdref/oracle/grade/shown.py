"""What is shown: a case that came out right shows each answer without which it would not have."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..cases.case import Case
from ..cases.together import trajectories
from ..judge.verdict import CaseVerdict
from .questions import Question

Pair = tuple[Case, CaseVerdict]
APART = 1e-4  # of the largest parameter: hundreds of roundings of float32
NARROW = {"float16": 2.0**-5, "bfloat16": 2.0**-3}
# too long or too many elements to run under every answer, and no more telling
PASSED_OVER = {"long", "shape", "shaped", "tensors", "layout", "nonfinite", "vanishing"}
HOLDS = ("conforms", "imprecise")


@dataclass(frozen=True)
class Shown:
    """Whether every other answer is refuted, and if not the first case that would have done it."""

    yes: bool
    instead: Pair | None = None


def shown(rule: Any, question: Question, pairs: Sequence[Pair]) -> Shown:
    """Return whether the cases in which `rule` held refute every other answer to the question.

    An answer that no case refutes is the same function in all of them.
    """
    telling = [pair for pair in pairs if _tells(pair[0])]
    others, right = list(question.others), [p for p in telling if p[1].verdict in HOLDS]
    for case, _ in right:
        if not others:
            break
        others = _not_refuted(rule, others, case)
    for case, verdict in telling:
        if verdict.verdict not in HOLDS and len(_not_refuted(rule, others, case)) < len(others):
            return Shown(False, (case, verdict))
    return Shown(bool(right), None if right or not telling else telling[0])


def _tells(case: Case) -> bool:
    # λ/α has no value at α = 0
    return not case.life and not PASSED_OVER & set(case.flags) and case.hyper["learning_rate"] != 0


def _not_refuted(rule: Any, others: Sequence[Any], case: Case) -> list[Any]:
    if not others:
        return []
    with np.errstate(all="ignore"):
        own, *paths = trajectories([rule, *others], case)
        far = [np.abs(path - own)[np.isfinite(own)] for path in paths]
    size = np.max(np.abs(own[np.isfinite(own)]), initial=0.0)
    least = NARROW.get(case.dtype, APART) * size
    return [other for other, x in zip(others, far, strict=True) if np.all(x <= least)]
