"""Scalars held in float32: which of them explain a distance, to the last bit of the target's dtype.

A program that keeps some hyperparameters in float32 runs the right rule on other numbers. Which
ones is found by running every choice in float64, and proven by the enclosure for the numbers that
it stands for, which is a billion times narrower than one that allows any float32 scalar.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from ...engine.arithmetic import Arithmetic
from ...rules.shapes import scope_of
from ..cases.case import Array, Case, changed, each
from ..cases.together import trajectories
from ..cases.trajectory import of_tree, widened
from .enclosure import enclose

STEPS = 64  # enough to choose by; the enclosure is for all of them
CLOSER = 0.5  # of the claim's own distance: what is no closer explains nothing


def held(dialect: Any, case: Case, values: Array, arithmetic: Arithmetic, limit: float) -> str:
    """Name the hyperparameters whose float32 numbers put `values` within `limit`, or nothing.

    ``learning_rate`` is η α, rounded after the schedule has multiplied it. `case` is one tensor.
    """
    worst = _worst_column(dialect, case, values)
    if worst is None:
        return ""
    # of a rule that sums no column goes without the others
    column = slice(worst, worst + 1) if scope_of(dialect) == "element" else slice(None)
    choices = [(names, changed(dialect, case, partial(_changed, own=own)))
               for names, own in _choices(dialect, case)]  # fmt: skip
    far = [_distance(dialect, other, values, column) for _, other in choices]
    best = min(far)
    if not best <= CLOSER * far[0]:  # the first choice changes nothing
        return ""
    near = [(d, *choice) for choice, d in zip(choices, far, strict=True) if d <= 2 * best]
    _, names, best_case = min(near, key=lambda choice: (len(choice[1]), choice[0]))
    ratio = enclose(dialect, best_case, arithmetic=arithmetic).ratio(values)
    inside = np.isnan(ratio) | (ratio <= limit)
    return ", ".join(names) if np.all(inside) and not np.all(np.isnan(ratio)) else ""


def _worst_column(dialect: Any, case: Case, values: Array) -> int | None:
    """The coordinate that is furthest from the claim, for choosing by it alone."""
    with np.errstate(all="ignore"):
        far = np.max(np.abs(_path(dialect, case) - values), axis=0)
    return int(np.argmax(far)) if far.size and np.all(np.isfinite(far)) else None


def _path(dialect: Any, case: Case) -> Array:
    """The trajectory in float64, of a part of a tree with that of the others."""
    if scope_of(dialect) != "tree" or case.whole is None:
        found: Array = trajectories([dialect], case)[0]
        return found
    whole, i = case.whole
    return np.array(of_tree(dialect, widened(whole))[i])


def _choices(dialect: Any, case: Case) -> Iterator[tuple[tuple[str, ...], dict[str, float]]]:
    """Names and their numbers in float32, for every set of names, the empty one first."""
    # of these a program may hold 1 - τ or 1 - λ instead
    rest = {"dampening"} | ({"weight_decay"} if getattr(dialect, "form", "") == "fixed" else set())
    options = []
    for name, value in case.hyper.items():
        numbers = {_single(value), *([1 - _single(1 - value)] if name in rest else [])}
        # a rate is held after the schedule: it may be no float32 number though α is one
        changes = numbers if name == "learning_rate" else numbers - {value}
        options.append([None, *((name, number) for number in sorted(changes))])
    for chosen in product(*options):
        own = dict(pair for pair in chosen if pair is not None)
        yield tuple(own), own


def _changed(case: Case, own: dict[str, float]) -> Case:
    """Return the case with these numbers; the rate's go into η, which is not a hyperparameter."""
    own = dict(own)
    eta = case.eta
    rate = case.hyper.get("learning_rate")
    if own.pop("learning_rate", None) is not None and rate:
        eta = (eta * rate).astype(np.float32).astype(np.float64) / rate
    changes: dict[str, Any] = {"hyper": {**case.hyper, **own}, "eta": eta}
    template = replace(case.template, **changes) if case.template else None
    return replace(case, **changes, template=template)


def _distance(dialect: Any, case: Case, values: Array, column: slice) -> float:
    if scope_of(dialect) == "tree" and case.whole is not None:
        with np.errstate(all="ignore"):
            far = np.abs(_path(dialect, case) - values)
        return float(np.max(far, initial=0.0)) if np.all(np.isfinite(far)) else np.inf
    one = replace(
        case,
        theta0=case.theta0[column],
        grads=case.grads[:STEPS, column],
        inputs=each(lambda x: x[:STEPS, column], case.inputs),
        eta=case.eta[:STEPS],
        template=None,
    )
    with np.errstate(all="ignore"):
        far = np.abs(trajectories([dialect], one)[0] - values[:STEPS, column])
    return float(np.max(far, initial=0.0)) if np.all(np.isfinite(far)) else np.inf


def _single(value: float) -> float:
    return float(np.float32(value))
