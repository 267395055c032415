"""Altered rules: a dialect that computes with other numbers than it was given.

A factor on the decay, on the gradient or on the step, a hyperparameter that is not read, a schedule
that is not applied: each is a rule of its own, so that the enclosure can certify it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...rules.contract import Dialect, Hyper
from ..bugs.mutants import Twisted
from ..cases.case import rounded


@dataclass(frozen=True)
class Factor:
    """What something is multiplied by: a number, or a hyperparameter or its inverse."""

    number: float = 1.0
    name: str = ""
    inverse: bool = False

    def times(self, x: Any, h: Hyper) -> Any:
        """Return the product with `x`; an array or a host scalar of any kind."""
        if x is None:
            return None
        if not self.name:
            return x * self.number
        return x / h[self.name] if self.inverse else x * h[self.name]


@dataclass(frozen=True)
class Scaled:
    """A twist: the scalars of these names are multiplied."""

    names: tuple[str, ...]
    factor: Factor

    def __call__(self, s: Any, h: Hyper, t: int) -> Any:
        """Return the scalars with the factor on them."""
        had = {name: getattr(s, name, None) for name in self.names}
        return s._replace(**{k: self.factor.times(x, h) for k, x in had.items() if x is not None})


@dataclass(frozen=True)
class ScaledGradient:
    """A step whose gradient is multiplied."""

    number: float

    def __call__(
        self, base: Dialect, theta: Any, g: Any, slots: Sequence[Any], s: Any, /
    ) -> tuple[Any, tuple[Any, ...]]:
        """Return the base's step on the gradient with the factor on it."""
        return base.apply(theta, g * self.number, slots, s)


@dataclass(frozen=True)
class Unread(Twisted):
    """A dialect that takes constants for some hyperparameters, or 1 for the schedule."""

    constants: tuple[tuple[str, float], ...] = ()
    no_schedule: bool = False

    def scalars(self, h: Hyper, t: int, eta: Any, *, before: Any = None, **options: Any) -> Any:
        """Scalars of step `t` from the constants, where there are any."""
        if self.no_schedule:
            eta, before = eta * 0.0 + 1.0, None
        return self.base.scalars(self._own(h), t, eta, before=before, **options)

    def memory(self, h: Hyper, t: int) -> dict[str, Any]:
        """Return what the host remembers before step `t`, of the constants."""
        return self.base.memory(self._own(h), t)

    def remembered(self, memory: Any, h: Hyper, t: int) -> dict[str, Any]:
        """Return what the host remembers after step `t`, of the constants."""
        return self.base.remembered(memory, self._own(h), t)

    def _own(self, h: Hyper) -> dict[str, Any]:
        return {**h, **{name: h[name] * 0.0 + x for name, x in self.constants}}


@dataclass(frozen=True)
class Narrowed(Twisted):
    """A dialect whose hyperparameters are rounded to a narrow format before they are used."""

    dtype: str = "bfloat16"

    def scalars(self, h: Hyper, t: int, eta: Any, **options: Any) -> Any:
        """Scalars of step `t` from the rounded hyperparameters."""
        return self.base.scalars(self._own(h), t, eta, **options)

    def memory(self, h: Hyper, t: int) -> dict[str, Any]:
        """Return what the host remembers before step `t`, of the rounded hyperparameters."""
        return self.base.memory(self._own(h), t)

    def remembered(self, memory: Any, h: Hyper, t: int) -> dict[str, Any]:
        """Return what the host remembers after step `t`, of the rounded hyperparameters."""
        return self.base.remembered(memory, self._own(h), t)

    def _own(self, h: Hyper) -> dict[str, Any]:
        products = {r.name for r in self.running}
        return {k: x if k in products else _like(x, self.dtype) for k, x in h.items()}


def _like(x: Any, dtype: str) -> Any:
    """`x` rounded to `dtype`: a float, or a number of the host's whose ball is one point."""
    ball = getattr(x, "ball", None)
    value = float(x if ball is None else ball.mid())
    number = float(rounded(np.array(value), dtype))
    return number if ball is None else type(x)(number, x.widen, x.power)


def narrowed(base: Dialect, dtype: str) -> Narrowed:
    """The dialect with its hyperparameters in `dtype`."""
    return Narrowed(base, f"the hyperparameters are rounded to {dtype}", dtype=dtype)


def unscheduled(base: Dialect) -> Unread:
    """The dialect without its schedule."""
    return Unread(base, "the schedule (case.eta) is not applied", no_schedule=True)


def unread(base: Dialect, name: str, constant: float) -> Unread:
    """The dialect with a constant for the hyperparameter `name`."""
    return Unread(base, f"{name} is not read: {constant:g} is taken", constants=((name, constant),))
