"""What is shown: a case that conforms shows each answer without which it would not."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..cases.case import Case
from ..cases.together import trajectories
from ..judge.verdict import CaseVerdict
from .questions import Question

APART = 1e-4  # of the largest parameter: hundreds of roundings of float32
NARROW = {"float16": 2.0**-5, "bfloat16": 2.0**-3}
# too long or too many elements to run under every answer, and no more telling
PASSED_OVER = {"long", "shape", "shaped", "tensors", "layout", "nonfinite", "vanishing"}
HOLDS = ("conforms", "imprecise")


def parted(cases: Sequence[Case], verdicts: Sequence[CaseVerdict]) -> tuple[list[Case], list[Case]]:
    """Return the short cases of one tensor: those that hold, and those that do not."""
    held, left = list[Case](), list[Case]()
    for case, v in zip(cases, verdicts, strict=True):
        if not PASSED_OVER & set(case.flags):
            (held if v.verdict in HOLDS else left).append(case)
    return held, left


def shown(rule: Any, question: Question, held: Sequence[Case], left: Sequence[Case]) -> bool:
    """Whether every other answer to the question is refuted by a case in which `rule` held.

    An answer that none of the other cases refutes either is the same function in all of them.
    """
    others = list(question.others)
    for case in held:
        if not others:
            break
        others = _not_refuted(rule, others, case)
    for case in left:
        if len(_not_refuted(rule, others, case)) < len(others):
            return False
    return bool(held)


def _not_refuted(rule: Any, others: Sequence[Any], case: Case) -> list[Any]:
    with np.errstate(all="ignore"):
        own, *paths = trajectories([rule, *others], case)
        size = np.max(np.abs(own), initial=0.0)
        far = [np.nanmax(np.abs(path - own), initial=0.0) for path in paths]
    least = NARROW.get(case.dtype, APART) * size
    return [other for other, x in zip(others, far, strict=True) if not x > least]
