"""A trajectory: a rule's parameters and slots, step after step, in the dtype of a case."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ...rules.contract import Rule
from ...rules.remembering import Remembering
from ...rules.shapes import shapes_of, slot_shape
from .case import Case


def begun(rule: Rule, theta: Any, hyper: Mapping[str, float]) -> tuple[Any, ...]:
    """Return the slots before the first step; one of a single number is the host's."""
    pairs = zip(rule.starts(hyper), shapes_of(rule), strict=True)
    return tuple(_slot(theta, start, kind) for start, kind in pairs)


def _slot(theta: Any, start: float, kind: Any) -> Any:
    if kind == "scalar":
        return float(start)
    return np.full(slot_shape(kind, theta.shape), start, dtype=theta.dtype)


def trajectory(rule: Rule, case: Case) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """Yield parameters and slots after each step of `rule`, on a case of one tensor."""
    shape = case.theta0.shape
    own = case.shape if case.shape is not None and math.prod(case.shape) == shape[0] else shape
    theta = case.theta0.reshape(own)
    slots = begun(rule, theta, case.hyper)
    eta, host = multipliers(rule, case.eta).tolist(), Remembering(rule)
    for t, g in enumerate(case.grads, start=1):
        with np.errstate(all="ignore"):
            now, count = case.hyper_at(t), case.count_at(t)
            s = host.scalars(now, count, eta[t - 1], before=eta[max(t - 2, 0)])
            theta, slots = rule.apply(theta, g.reshape(own), slots, s)
        yield theta.reshape(shape), slots


def multipliers(rule: Any, eta: Any) -> Any:
    """Return the schedule as `rule` reads it."""
    reads = getattr(rule, "reads", None)
    return reads(eta) if reads else eta
