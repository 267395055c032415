"""Fits: the number with which a dialect would give what a target gives, one knob at a time.

A knob is a factor on the decay, the gradient or the step, or the value of a hyperparameter. Each is
fitted to the first steps of one case, read as a number that somebody may have written, and handed
on as a rule, which is for the enclosures to certify.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...engine.arithmetic import HALF
from ...rules.shapes import scope_of
from ..bugs.mutants import Twisted
from ..cases.case import Case, each
from ..cases.together import stacked, trajectories
from .altered import Factor, Scaled, ScaledGradient, narrowed, unread, unscheduled

Array = NDArray[np.float64]
STEPS = 3
SAME = 1e-8  # numbers that a fit does not tell apart
POSITIVE: Array = 2.0 ** (np.arange(-56, 57) / 4)
SIGNED: Array = np.concatenate([-POSITIVE[::-1], POSITIVE])
TINY: Array = 2.0 ** (-np.arange(-16, 130) / 4)
SHARES: Array = np.concatenate([[0.0], 1 - 2.0 ** (-np.arange(1, 120) / 6)])


@dataclass(frozen=True)
class Knob:
    """What is turned: its scalars, and the values that are tried first."""

    name: str
    names: tuple[str, ...]
    grid: Array
    hyper: bool = False  # a value of a hyperparameter, and no factor


def altered(bases: Sequence[Any], case: Case, values: Array, noise: float) -> Iterator[Twisted]:
    """Yield rules that give `values` on the first steps of `case`, a base with one thing other."""
    finite = np.all(np.isfinite(values), axis=0)
    one = replace(case, theta0=case.theta0[finite], grads=case.grads[:STEPS, finite],
                  inputs=each(lambda x: x[:STEPS, finite], case.inputs), eta=case.eta[:STEPS],
                  template=None)  # fmt: skip
    got = values[:STEPS, finite]
    if not got.size or not (finite.all() or all(scope_of(b) == "element" for b in bases)):
        return
    scale = float(np.max(np.abs(got))) or 1.0
    for base in bases:
        for rule in (unscheduled(base), *(narrowed(base, dtype) for dtype in HALF)):
            if np.max(np.abs(trajectories([rule], one)[0] - got)) <= noise * scale:
                yield rule
    for base in bases:
        for knob in _knobs(base, case.hyper):
            x, far = _fit(base, knob, one, got)
            if far <= noise * scale:
                yield from _readings(base, knob, x, case.hyper)


def _knobs(base: Any, hyper: Mapping[str, float]) -> Iterator[Knob]:
    decays = getattr(base, "form", "none") != "none"
    if decays:
        yield Knob("decay", ("decay", "l2"), SIGNED)
    yield Knob("gradient", (), POSITIVE)
    inside = getattr(base, "lr", "") == "inside"
    yield Knob("step", ("step", "gain", "look") if inside else ("step",), POSITIVE)
    for name in hyper:
        if name in ("learning_rate", "eps") or (name == "weight_decay" and decays):
            yield Knob(name, (), TINY * abs(hyper[name] or 1.0), hyper=True)
        elif name in ("beta1", "beta2", "momentum", "dampening"):
            yield Knob(name, (), SHARES, hyper=True)


def _fit(base: Any, knob: Knob, case: Case, got: Array) -> tuple[float, float]:
    """The value of the knob that comes nearest, and how near: a grid, and ever finer ones."""
    grid = knob.grid
    for _ in range(13):
        with np.errstate(all="ignore"):
            far = np.max(np.abs(_tried(base, knob, case, grid) - got), axis=(1, 2))
        i = int(np.argmin(np.where(np.isfinite(far), far, np.inf)))
        best = float(grid[i]), float(far[i])
        low, high = grid[max(i - 1, 0)], grid[min(i + 1, len(grid) - 1)]
        grid = np.unique([grid[i], *np.linspace(low, high, 33)])
    return best


def _tried(base: Any, knob: Knob, case: Case, values: Array) -> Array:
    """Trajectories for every value of the knob: (values, T, n)."""
    if knob.name == "gradient":
        n = len(case.theta0)
        grads = np.concatenate([case.grads.astype(float) * x for x in values], axis=1)
        wide = replace(case, theta0=np.tile(case.theta0, len(values)), grads=grads,
                       inputs=each(lambda x: np.tile(x, len(values)), case.inputs))  # fmt: skip
        if scope_of(base) != "element":  # one after the other: a sum is of one of them
            return np.stack([trajectories([base], _scaled(case, x))[0] for x in values])
        paths = trajectories([base], wide)[0]
        return np.moveaxis(paths.reshape(len(paths), len(values), n), 1, 0)
    turned = (_scalars(base, knob, case, x) for x in values.tolist())
    return stacked(base, list(turned), case)


def _scaled(case: Case, x: float) -> Case:
    return replace(case, grads=case.grads.astype(float) * x)


def _scalars(base: Any, knob: Knob, case: Case, x: float) -> list[Any]:
    hyper = {**case.hyper, knob.name: x} if knob.hyper else case.hyper
    eta = [*case.eta[:1].tolist(), *case.eta.tolist()]
    given = [base.scalars(hyper, t, now, before=before)
             for t, (before, now) in enumerate(pairwise(eta), start=1)]  # fmt: skip
    twist = Scaled(knob.names, Factor(x))
    return given if knob.hyper else [twist(s, hyper, 0) for s in given]


def _readings(base: Any, knob: Knob, x: float, hyper: Mapping[str, float]) -> Iterator[Twisted]:
    """What `x` may be as somebody wrote it: a constant, a fraction, a hyperparameter."""
    if knob.hyper:
        yield unread(base, knob.name, float(f"{x:.6g}"))
        return
    number = Fraction(x).limit_denominator(1024)
    if number and abs(float(number) / x - 1) < SAME:
        yield _with(base, knob, Factor(float(number)), _times(number, knob.name))
    elif 1 / x == x or abs(round(1 / x) * x - 1) < SAME:
        number = Fraction(1, round(1 / x))
        yield _with(base, knob, Factor(float(number)), _times(number, knob.name))
    for name, value in hyper.items() if knob.name != "gradient" else ():
        if abs(value / x - 1) < SAME:
            yield _with(base, knob, Factor(name=name), f"the {knob.name} is multiplied by {name}")
        if abs(value * x - 1) < SAME:
            factor = Factor(name=name, inverse=True)
            yield _with(base, knob, factor, f"the {knob.name} is divided by {name}")
    yield _with(base, knob, Factor(float(f"{x:.6g}")), f"{x:.6g} times the {knob.name}")


def _with(base: Any, knob: Knob, factor: Factor, words: str) -> Twisted:
    if knob.name == "gradient":
        return Twisted(base, words, step=ScaledGradient(factor.number))
    return Twisted(base, words, Scaled(knob.names, factor))


def _times(number: Fraction, name: str) -> str:
    words = {Fraction(2): "twice", Fraction(1, 2): "half", Fraction(3): "three times"}
    if number == -1:
        return f"the {name} has the wrong sign"
    if number in words:
        return f"{words[number]} the {name}"
    return f"{number} times the {name}" if number.denominator == 1 else f"{number} of the {name}"
