"""A trajectory: a rule's parameters and slots, step after step, in the dtype of a case."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ...rules.contract import Rule
from ...rules.remembering import Remembering
from ...rules.shapes import PARAMETERS, inputs_of, scope_of, shapes_of, shared, slot_shape
from ...sums import answered, together
from .case import Case, each


def begun(rule: Rule, theta: Any, hyper: Mapping[str, float]) -> tuple[Any, ...]:
    """Return the slots before the first step; one of a single number is the host's."""
    pairs = zip(rule.starts(hyper), shapes_of(rule), strict=True)
    return tuple(_slot(theta, start, kind) for start, kind in pairs)


def _slot(theta: Any, start: Any, kind: Any) -> Any:
    if start == PARAMETERS:
        return theta
    if kind == "scalar":
        return float(start)
    return np.full(slot_shape(kind, theta.shape), start, dtype=theta.dtype)


def trajectory(rule: Rule, case: Case) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """Yield parameters and slots after each step of `rule`, on a case of one tensor."""
    shape = case.theta0.shape
    shaped = case.shape is not None and math.prod(case.shape) == shape[0]
    # an element has no need to know the shape of its tensor
    own = case.shape if shaped and scope_of(rule) != "element" and case.shape else shape
    theta = case.theta0.reshape(own)
    slots = begun(rule, theta, case.hyper)
    eta, host = multipliers(rule, case.eta).tolist(), Remembering(rule)
    for t, g in enumerate(case.grads, start=1):
        with np.errstate(all="ignore"):
            now, count = case.hyper_at(t), case.count_at(t)
            s = host.scalars(now, count, eta[t - 1], before=eta[max(t - 2, 0)])
            given = given_at(rule, case, t - 1, own)
            theta, slots = rule.apply(theta, g.reshape(own), (*slots, *given), s)
        yield theta.reshape(shape), slots


def given_at(rule: Rule, case: Case, k: int, shape: Any) -> tuple[Any, ...]:
    """Return what the rule is given beside the gradient of step `k`, from 0, of one tensor."""
    return tuple(case.inputs[name][k].reshape(shape) for name in inputs_of(rule))


def of_tree(rule: Rule, case: Case) -> list[list[Any]]:
    """Return the parameters of every tensor after each of its steps, which they take together."""
    parts, taken = case.parts(), [case.steps_taken(i) for i in range(len(case.theta0))]
    thetas: list[Any] = [part.theta0.reshape(part.shape) for part in parts]
    slots = [begun(rule, x, part.hyper) for x, part in zip(thetas, parts, strict=True)]
    hosts, path = [Remembering(rule) for _ in parts], [list[Any]() for _ in parts]
    for t in sorted(set().union(*taken)):
        now = [i for i, steps in enumerate(taken) if t in steps]
        with np.errstate(all="ignore"):
            steps = [rule.rounds(thetas[i], *_inputs(parts[i], slots[i], hosts[i], rule,
                                                     len(path[i]))) for i in now]  # fmt: skip
            results = together(steps, answered)
        for i, (theta, new) in zip(now, results, strict=True):
            thetas[i], slots[i] = theta, new
            path[i].append(theta.reshape(-1))
        slots = [own if i in now else tuple(shared(own, slots[now[0]], shapes_of(rule)))
                 for i, own in enumerate(slots)]  # fmt: skip
    return path


def widened(case: Case) -> Case:
    """Return the case with its numbers in float64, which they all are."""
    wide = partial(np.asarray, dtype=np.float64)
    return replace(case, theta0=each(wide, case.theta0), grads=each(wide, case.grads),
                   inputs=each(wide, case.inputs))  # fmt: skip


def _inputs(part: Case, slots: Any, host: Remembering, rule: Rule, k: int) -> tuple[Any, ...]:
    """The gradient, the slots and the scalars of a tensor's step `k`, from 0."""
    eta = multipliers(rule, part.eta).tolist()
    s = host.scalars(part.hyper_at(k + 1), part.count_at(k + 1), eta[k], before=eta[max(k - 1, 0)])
    given = given_at(rule, part, k, part.shape)
    return part.grads[k].reshape(part.shape), (*slots, *given), s


def multipliers(rule: Any, eta: Any) -> Any:
    """Return the schedule as `rule` reads it."""
    reads = getattr(rule, "reads", None)
    return reads(eta) if reads else eta
