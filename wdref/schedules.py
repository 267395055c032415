"""Schedules: the multiplier η_t of Algorithms 1 and 2, as pure functions of the step t = 1, 2, …

A schedule is any callable ``t -> η_t``. Those made here are frozen records that also know
``period(t)``, the length in epochs of the cycle that step t belongs to, which the normalised decay
of Appendix B.1 reads. Lengths are in epochs of `steps_per_epoch` steps; with the default of 1 they
are in steps. The epoch advances by a fraction each step ("T_cur is updated at each batch").
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from .common.checks import check_count, check_number

Schedule = Callable[[int], float]


@dataclass(frozen=True)
class Constant:
    """η_t = value."""

    value: float = 1.0

    def __call__(self, t: int, /) -> float:
        return self.value


@dataclass(frozen=True)
class StepDrop:
    """η_t = factor^(number of epochs in `at` that have passed)."""

    at: tuple[float, ...]
    factor: float = 0.1
    steps_per_epoch: int = 1

    def __call__(self, t: int, /) -> float:
        epoch = (t - 1) / self.steps_per_epoch
        return self.factor ** sum(epoch >= drop for drop in self.at)


@dataclass(frozen=True)
class WarmRestarts:
    """Cosine annealing in cycles of T_0, T_0 T_mult, T_0 T_mult², … epochs."""

    T_0: float
    T_mult: float = 1.0
    eta_min: float = 0.0
    eta_max: float = 1.0
    steps_per_epoch: int = 1
    last: bool = False  # True: a single cycle, η stays at eta_min after its end

    def __call__(self, t: int, /) -> float:
        steps, T_i = self._cycle(t)
        # Eq. 14: η_t = η_min + ½ (η_max - η_min)(1 + cos(π T_cur / T_i))
        cosine = math.cos(math.pi * min(steps / self._steps(T_i), 1.0))
        return self.eta_min + 0.5 * (self.eta_max - self.eta_min) * (1.0 + cosine)

    def period(self, t: int, /) -> float:
        """T_i, the length in epochs of the cycle that step `t` belongs to."""
        return self._cycle(t)[1]

    def _cycle(self, t: int) -> tuple[float, float]:
        """T_cur, counted in steps, and T_i in epochs."""
        steps, T_i = float(t - 1), self.T_0
        if self.last:
            return steps, T_i
        if self.T_mult == 1.0:
            return math.fmod(steps, self._steps(T_i)), T_i
        while steps >= self._steps(T_i):  # a restart: T_cur ← 0, T_i ← T_mult T_i
            steps, T_i = steps - self._steps(T_i), T_i * self.T_mult
        return steps, T_i

    def _steps(self, T_i: float) -> float:
        # 0.07 epochs of 100 steps are 7 steps and not the 7.000000000000001 of floating point,
        # which would restart one step late
        steps = T_i * self.steps_per_epoch
        return float(round(steps)) if math.isclose(steps, round(steps), rel_tol=1e-12) else steps


@dataclass(frozen=True)
class AuthorsRestarts:
    """The restarts of the authors' program (train.lua), which differ from Eq. 15 in three ways.

    T_cur grows before it is used, so that the first cycle runs over 1/N … 1 (its last step has
    η = 0 and no decay) and later ones over 0 … (N-1)/N; T_cur is a running float64 sum of
    1/(T_i · steps_per_epoch), whose rounding delays some restarts by a step or two; and a restart
    happens in the epoch meant for it or never: delayed past it, η stays 0 for good.
    """

    T_0: float
    T_mult: float = 1.0
    steps_per_epoch: int = 1
    _trace: list[tuple[float, float, float]] = field(
        default_factory=list, repr=False, compare=False
    )

    def __call__(self, t: int, /) -> float:
        return (1.0 + math.cos(math.pi * self._at(t)[0])) / 2.0

    def period(self, t: int, /) -> float:
        """Te, the length in epochs of the cycle that step `t` belongs to."""
        return self._at(t)[1]

    def _at(self, t: int) -> tuple[float, float, float]:
        # the program's running sum has no closed form: it is followed once and remembered
        while len(self._trace) < t:
            self._trace.append(self._next(len(self._trace) + 1))
        return self._trace[t - 1]

    def _next(self, t: int) -> tuple[float, float, float]:
        T_cur, Te, epoch_next = self._trace[-1] if self._trace else (0.0, self.T_0, 1 + self.T_0)
        T_cur = min(T_cur + 1.0 / (Te * self.steps_per_epoch), 1.0)
        epoch = 1 + (t - 1) // self.steps_per_epoch
        if T_cur >= 1.0 and epoch == epoch_next:
            return 0.0, Te * self.T_mult, epoch_next + Te * self.T_mult
        return T_cur, Te, epoch_next


@dataclass(frozen=True)
class WarmUp:
    """A linear rise over `steps`, η_t = (t / steps) · then(1), then `then` from its start."""

    steps: int
    then: Schedule = field(default_factory=Constant)

    def __call__(self, t: int, /) -> float:
        if t <= self.steps:
            return (t / self.steps) * self.then(1)
        return self.then(t - self.steps)

    def period(self, t: int, /) -> float:
        """Period of `then`; its first one during the rise."""
        period: Callable[[int], float] = self.then.period  # type: ignore[attr-defined]  # checked by decay.normalised
        return period(max(t - self.steps, 1))


def constant(value: float = 1.0) -> Constant:
    """No schedule: η_t = `value`.

    >>> constant()(1)
    1.0
    """
    return Constant(check_number("value", value, low=0.0))


def step_drop(at: Iterable[float], factor: float = 0.1, *, steps_per_epoch: int = 1) -> StepDrop:
    """Multiply η by `factor` when each epoch of `at` has passed (Figure 1: epochs 30, 60, 80).

    >>> [step_drop((2, 4), 0.5)(t) for t in (1, 2, 3, 4, 5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """
    if not isinstance(at, Iterable):
        raise TypeError(f"at={at!r}: expected epochs, as in (30, 60, 80)")
    drops = tuple(check_number(f"at[{i}]", epoch, low=0.0) for i, epoch in enumerate(at))
    factor = check_number("factor", factor, low=0.0)
    return StepDrop(drops, factor, check_count("steps_per_epoch", steps_per_epoch))


def cosine(
    total: float, *, eta_min: float = 0.0, eta_max: float = 1.0, steps_per_epoch: int = 1
) -> WarmRestarts:
    """Cosine annealing over `total` epochs (Eq. 14 without a restart); η_min after its end.

    >>> [round(cosine(4)(t), 4) for t in (1, 2, 3, 4, 5, 6)]
    [1.0, 0.8536, 0.5, 0.1464, 0.0, 0.0]
    """
    cycle = warm_restarts(total, eta_min=eta_min, eta_max=eta_max, steps_per_epoch=steps_per_epoch)
    assert isinstance(cycle, WarmRestarts)
    return WarmRestarts(cycle.T_0, 1.0, cycle.eta_min, cycle.eta_max, steps_per_epoch, last=True)


def warm_restarts(
    T_0: float,
    T_mult: float = 1.0,
    *,
    eta_min: float = 0.0,
    eta_max: float = 1.0,
    steps_per_epoch: int = 1,
    variant: Literal["paper", "authors_code"] = "paper",
) -> WarmRestarts | AuthorsRestarts:
    """Cosine annealing with warm restarts (Eq. 14 and 15): AdamWR and SGDWR.

    η_t = η_min + ½ (η_max - η_min)(1 + cos(π T_cur / T_i)); T_cur counts epochs since the last
    restart, in fractions of a step; when it reaches T_i it returns to 0 and T_i grows by `T_mult`.
    The optimizer's moments are kept over a restart. ``variant="authors_code"`` follows the
    authors' program instead (see `AuthorsRestarts`); its η runs from 1 to 0.

    >>> [round(warm_restarts(2, 2)(t), 4) for t in (1, 2, 3, 4, 5, 6, 7)]
    [1.0, 0.5, 1.0, 0.8536, 0.5, 0.1464, 1.0]
    """
    T_0 = check_number("T_0", T_0, above=0.0)
    T_mult = check_number("T_mult", T_mult, low=1.0)
    steps = check_count("steps_per_epoch", steps_per_epoch)
    eta_min, eta_max = check_number("eta_min", eta_min, low=0.0), check_number("eta_max", eta_max)
    if eta_max < eta_min:
        raise ValueError(f"eta_max={eta_max} is below eta_min={eta_min}")
    if variant == "paper":
        return WarmRestarts(T_0, T_mult, eta_min, eta_max, steps)
    if variant != "authors_code":
        raise ValueError(f"variant={variant!r}: expected 'paper' or 'authors_code'")
    if (eta_min, eta_max) != (0.0, 1.0):
        raise ValueError("the authors' program has no eta_min or eta_max: leave them at 0 and 1")
    return AuthorsRestarts(T_0, T_mult, steps)


def warm_up(steps: int, then: Schedule | None = None) -> WarmUp:
    """Rise linearly over `steps` steps, then follow `then` (constant if not given) from its start.

    >>> [warm_up(2, constant(0.5))(t) for t in (1, 2, 3)]
    [0.25, 0.5, 0.5]
    """
    if then is not None and not callable(then):
        raise TypeError(f"then={then!r}: expected a schedule, a callable of the step t = 1, 2, …")
    return WarmUp(check_count("steps", steps), Constant() if then is None else then)
