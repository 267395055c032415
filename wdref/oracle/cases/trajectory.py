"""A trajectory: a rule's parameters and slots, step after step, in the dtype of a case."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ...rules.contract import Rule
from ...rules.remembering import Remembering
from .case import Case


def begun(rule: Rule, theta: Any, hyper: Mapping[str, float]) -> tuple[Any, ...]:
    """Return the slots before the first step."""
    return tuple(np.full_like(theta, start) for start in rule.starts(hyper))


def trajectory(rule: Rule, case: Case) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """Yield parameters and slots after each step of `rule`, on a case of one tensor."""
    theta = case.theta0
    slots = begun(rule, theta, case.hyper)
    eta, host = multipliers(rule, case.eta).tolist(), Remembering(rule)
    for t, g in enumerate(case.grads, start=1):
        with np.errstate(all="ignore"):
            now, count = case.hyper_at(t), case.count_at(t)
            s = host.scalars(now, count, eta[t - 1], before=eta[max(t - 2, 0)])
            theta, slots = rule.apply(theta, g, slots, s)
        yield theta, slots


def multipliers(rule: Any, eta: Any) -> Any:
    """Return the schedule as `rule` reads it."""
    reads = getattr(rule, "reads", None)
    return reads(eta) if reads else eta
