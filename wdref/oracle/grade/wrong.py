"""Which questions a program answers otherwise than its claim, once it is known what it computes."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from ...rules.remembering import Remembering
from ..bugs.mutants import Twisted
from ..cases.case import Case
from ..cases.together import trajectories
from ..identify.ranking import PROBES
from .questions import SCHEDULE, STEP, asked_of, ids

SAME = 1e-9  # of the largest parameter: two rules in float64 that are one function
TERMS = {"l2": "form", "decay": "form", "eps": "eps", "eps_before": "eps"}


def other_answers(claim: Any, rule: Any) -> dict[str, Any]:
    """Return the answers of `rule` that are not the claim's: no more than make it that function.

    What follows from another answer, as the order of what has none, is not counted.
    """
    plain, mine = claim.plain(), rule.plain()
    change = {name: getattr(mine, name) for name in mine.questions()
              if getattr(mine, name) != getattr(plain, name)}  # fmt: skip
    for name in tuple(change):
        rest = {key: answer for key, answer in change.items() if key != name}
        if claim.answered(**rest).plain() == mine:
            change = rest
    return change


def twisted_questions(claim: Any, rule: Twisted, cases: Sequence[Case]) -> set[str]:
    """Return the questions in which a rule is other that is no dialect: one at least."""
    one = [c for c in cases if c.dtype == cases[0].dtype and asked_of(c) is None]
    short = [c for c in one if c.id.partition("/")[0] in PROBES]
    found = set(_twists(rule, short, [*short, *(c for c in one if "long" in c.flags)])) or {STEP}
    if STEP in found:  # the decay reads the same rate: it follows
        found.discard("form")
    if "bias" in found:  # an ε that is corrected with v
        found.discard("eps")
    asked = ids(claim)
    return {name if name in asked else STEP for name in found}


def _twists(rule: Twisted, probes: Sequence[Case], every: Sequence[Case]) -> Iterator[str]:
    if rule.reads is not None:
        yield SCHEDULE
    if rule.step is not None:
        yield "form" if _same_without_decay(rule, probes) else STEP
    terms = set().union(*(_terms(rule, case, 1.0) for case in every))
    moving = set().union(*(_terms(rule, case, None) for case in every))
    yield from {_question(term) for term in terms}
    if moving and not terms:
        yield SCHEDULE


def _same_without_decay(rule: Twisted, probes: Sequence[Case]) -> bool:
    for case in probes:
        bare = _with(case, weight_decay=0.0)
        mine, own = trajectories([rule, rule.base], bare)
        if not np.max(np.abs(mine - own)) <= SAME * np.max(np.abs(own)):
            return False
    return True


def _with(case: Case, **hyper: float) -> Case:
    return replace(case, hyper={**case.hyper, **hyper}, template=None)


def _terms(rule: Twisted, case: Case, eta: float | None) -> set[str]:
    """Names of the scalars that differ from the base's, under the case's schedule or a constant."""
    read = case.eta.tolist() if eta is None else [eta] * len(case.eta)
    mine, own = Remembering(rule), Remembering(rule.base)
    found = set[str]()
    for t, (before, now) in enumerate(pairwise([*read[:1], *read]), start=1):
        a, b = (host.scalars(case.hyper, t, now, before=before) for host in (mine, own))
        found |= {name for name in b._fields if getattr(a, name) != getattr(b, name)}
    return found


def _question(term: str) -> str:
    return "bias" if term.startswith("bias") else TERMS.get(term, STEP)
