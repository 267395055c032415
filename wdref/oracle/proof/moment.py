"""A moment: one tensor just before a step, with what a program may look at, and its rule."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np

from ...rules.shapes import inputs_of
from ..cases.case import Case
from ..cases.trajectory import begun


class Outcome(NamedTuple):
    """Parameters and state after a step, and whether it counts in t."""

    theta: Any
    slots: tuple[Any, ...]
    counts: bool = True


@dataclass(frozen=True, eq=False)
class Moment:
    """What is there before step `step` of the run, the tensor's own `t`-th, both from 1.

    `g` is None where the tensor has no gradient. `of_first_group` are the hyperparameters of the
    first tensor where each has its own.
    """

    dialect: Any
    hyper: dict[str, float]
    theta: Any
    g: Any
    slots: tuple[Any, ...]
    t: int
    step: int
    eta: float
    before: float
    tensor: int = 0
    tensors: int = 1
    of_first_group: dict[str, float] | None = None
    given: tuple[Any, ...] = ()  # beside the gradient

    def rule(
        self, *, g: Any = None, slots: Any = None, hyper: Any = None, decays: int = 1
    ) -> Outcome:
        """Take the step with these in place of what is there, the decay `decays` times."""
        s = self._scalars(self.hyper if hyper is None else hyper)
        s = s._replace(**{name: _times(getattr(s, name), decays) for name in ("decay", "l2")})
        return self._applied(s, self.g if g is None else g, self.slots if slots is None else slots)

    @cached_property
    def after(self) -> Outcome:
        """What the rule leads to."""
        return self.rule()

    @cached_property
    def u(self) -> Any:
        """Direction of the step: what the rate multiplies, or the whole step where it is inside."""
        s = self._scalars(self.hyper)._replace(step=1.0, decay=None)
        return self.theta - self._applied(s, self.g, self.slots).theta

    @cached_property
    def stepped(self) -> Any:
        """What the step takes away, without the decay."""
        s = self._scalars(self.hyper)._replace(decay=None)
        return self.theta - self._applied(s, self.g, self.slots).theta

    @cached_property
    def decayed(self) -> Any:
        """The parameters after the decay alone, as a program applies it without a step."""
        s = self._scalars(self.hyper)
        rate = s.decay if s.decay is not None else s.step * self.hyper["weight_decay"]
        return self.theta - rate * self.theta

    def _scalars(self, hyper: dict[str, float]) -> Any:
        return self.dialect.scalars(hyper, self.t, self.eta, before=self.before)

    def _applied(self, s: Any, g: Any, slots: Any) -> Outcome:
        theta, new = self.dialect.apply(self.theta, g, (*slots, *self.given), s)
        return Outcome(theta, tuple(new))


class Detour(Protocol):
    """A wrong way through some moments."""

    def taken(self, moment: Moment) -> Any:
        """Whether it is taken: a truth value, or one an element."""

    def outcome(self, moment: Moment) -> Outcome:
        """What it leads to."""


def run(dialect: Any, case: Case, detour: Detour | None = None) -> list[Any]:
    """Trajectory of every tensor of `case` in NumPy, in its dtype: a list of (T, n)."""
    many = "tensors" in case.flags
    thetas, grads = (case.theta0, case.grads) if many else ([case.theta0], [case.grads])
    with np.errstate(all="ignore"):
        return [_run(dialect, case, i, thetas[i], grads[i], detour) for i in range(len(thetas))]


def _run(dialect: Any, case: Case, i: int, theta: Any, grads: Any, detour: Detour | None) -> Any:
    slots = begun(dialect, theta, _hyper(case, i))
    taken, path, t, before = set(case.steps_taken(i)), [], 0, None
    for step, (g, eta) in enumerate(zip(grads, case.eta.tolist(), strict=True)):
        moment = Moment(
            dialect, _hyper(case, i), theta, g if step in taken else None, slots, t + 1, step + 1,
            eta, eta if before is None else before, i, len(case.theta0) if _many(case) else 1,
            _hyper(case, 0) if case.groups and i else None, _given(case, dialect, i, step),
        )  # fmt: skip
        theta, slots, counts = _next(moment, detour)
        t, before = t + counts, eta if step in taken else before
        path.append(theta)
    return np.array(path).astype(np.float64).reshape(len(path), -1)


def _given(case: Case, dialect: Any, i: int, step: int) -> tuple[Any, ...]:
    rows = (case.inputs[name] for name in inputs_of(dialect))
    return tuple((x[i] if _many(case) else x)[step] for x in rows)


def _many(case: Case) -> bool:
    return "tensors" in case.flags


def _hyper(case: Case, i: int) -> dict[str, float]:
    return {**case.hyper, **(case.groups[i] if case.groups else {})}


def _next(moment: Moment, detour: Detour | None) -> Outcome:
    right = Outcome(moment.theta, moment.slots, counts=False) if moment.g is None else moment.after
    where = False if detour is None else detour.taken(moment)
    if detour is None or not np.any(where):
        return right
    wrong = detour.outcome(moment)
    if np.ndim(where) == 0:
        return wrong
    return Outcome(
        np.where(where, wrong.theta, right.theta),
        _chosen(where, wrong.slots, right.slots),
        right.counts,
    )


def _chosen(where: Any, wrong: Sequence[Any], right: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(np.where(where, a, b) for a, b in zip(wrong, right, strict=True))


def _times(scalar: Any, times: int) -> Any:
    return None if scalar is None or not times else times * scalar
