"""A program that goes through every life, and the faults by which programs are known to fail there.

It is NumPy around a rule: right as it is, and wrong in one event of a training with a fault.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...rules.remembering import Remembering
from ...rules.shapes import inputs_of
from ..cases.case import Case
from ..cases.trajectory import begun, multipliers


@dataclass(eq=False)
class Tensor:
    """One tensor in training: its parameters, its state, its hyperparameters, its own t."""

    dialect: Any
    theta: Any
    hyper: dict[str, float]
    slots: tuple[Any, ...]
    t: int = 0
    eta: list[float] = field(default_factory=list)  # of the steps taken
    host: Any = None

    def step(self, g: Any, eta: float, given: Sequence[Any] = ()) -> None:
        """Take one step of the rule, with what it is given beside the gradient."""
        self.eta.append(eta)
        self.t += 1
        now = multipliers(self.dialect, np.array(self.eta)).tolist()
        before = now[max(len(now) - 2, 0)]
        s = self.host.scalars(self.hyper, self.t, now[-1], before=before)
        self.theta, self.slots = self.dialect.apply(self.theta, g, (*self.slots, *given), s)


@dataclass(frozen=True)
class Fault:
    """One way to fail in a life: `event` is where it is seen, `spoil` the methods it replaces.

    `grade` is the verdict on a program that has it: what rounds alone is imprecise.
    """

    id: str
    title: str
    event: str
    spoil: Mapping[str, Callable[..., Any]]
    reference: str = "no public report known"
    grade: str = "deviates"


class Training:
    """A training of all tensors of a case, event by event; a fault replaces methods of it."""

    def __init__(self, dialect: Any, case: Case, fault: Fault | None = None) -> None:
        self.dialect, self.case, self.life = dialect, case, case.life
        self.many = "tensors" in case.flags
        thetas = case.theta0 if self.many else [case.theta0]
        self.grads = case.grads if self.many else [case.grads]
        self.tensors = [self.tensor(i, theta) for i, theta in enumerate(thetas)]
        self.sums: dict[int, Any] = {}
        for name, method in fault.spoil.items() if fault else ():
            setattr(self, name, method.__get__(self))

    def tensor(self, i: int, theta: Any) -> Tensor:
        """Return tensor `i` before its first step."""
        hyper = {**self.case.hyper, **(self.case.groups[i] if self.case.groups else {})}
        slots = begun(self.dialect, theta, hyper)
        return Tensor(self.dialect, theta, hyper, slots, host=Remembering(self.dialect))

    def run(self) -> list[Any]:
        """Return the parameters after each step, an array a tensor."""
        path: list[list[Any]] = [[] for _ in self.tensors]
        with np.errstate(all="ignore"):
            for t, eta in enumerate(self.case.eta.tolist(), start=1):
                self.before(t)
                self.advance(t, eta, [g[t - 1] for g in self.grads])
                self.after(t)
                for rows, tensor in zip(path, self.tensors, strict=True):
                    rows.append(tensor.theta.copy())
        return [np.array(rows).astype(float).reshape(len(rows), -1) for rows in path]

    def before(self, t: int) -> None:
        """Change what is changed before step `t`."""
        for k, new in self.life.get("change", ()):
            if k == t:
                self.change(new)

    def after(self, t: int) -> None:
        """Do what is done after step `t`."""
        if self.life.get("resume") == t:
            for tensor in self.tensors:
                self.restore(tensor)
        if self.life.get("jump", (0,))[0] == t:
            for tensor in self.tensors:
                tensor.t = self.count(self.life["jump"][1] - 1)

    def advance(self, t: int, eta: float, grads: list[Any]) -> None:
        """Take step `t` of every tensor that takes it."""
        if "skip" in self.life and not all(map(self.finite, grads)):
            self.cancelled(eta, grads)
            return
        for i, g in enumerate(self.clipped(grads)):
            if self.present(i, t) and (g := self.averaged(i, t, g)) is not None:
                self.tensors[i].step(self.signed(g), eta, self.given(i, t))

    def given(self, i: int, t: int) -> list[Any]:
        """Return what tensor `i` is given beside its gradient at step `t`."""
        rows = (self.case.inputs[name] for name in inputs_of(self.dialect))
        return [(x[i] if self.many else x)[t - 1] for x in rows]

    def present(self, i: int, t: int) -> bool:
        """Whether tensor `i` has a gradient at step `t` and is there."""
        joined, first = self.life.get("add", (None, 0))
        left, last = self.life.get("remove", (None, 0))
        late = self.case.starts is not None and t < self.case.starts[i]
        gap = self.case.gaps is not None and t in self.case.gaps[i]
        return not (late or gap or (i == joined and t < first) or (i == left and t > last))

    def finite(self, g: Any) -> bool:
        """Whether a scaler lets a gradient pass."""
        return bool(np.all(np.isfinite(g)))

    def cancelled(self, eta: float, grads: list[Any]) -> None:
        """Do what a step does that is cancelled: nothing."""

    def change(self, new: Mapping[str, float]) -> None:
        """Change hyperparameters of every tensor."""
        for tensor in self.tensors:
            tensor.hyper |= new

    def restore(self, tensor: Tensor) -> None:
        """Put a tensor's state into a new object: all that it has."""

    def count(self, t: int) -> int:
        """Hold a count of steps."""
        return t

    def averaged(self, i: int, t: int, g: Any) -> Any:
        """Return the gradient of a step, or None while gradients are collected."""
        k = self.life.get("accumulate", 1)
        if k == 1:
            return g
        self.sums[i] = self.sums.get(i, 0) + g / g.dtype.type(k)
        return self.sums.pop(i) if t % k == 0 else None

    def signed(self, g: Any) -> Any:
        """Return the gradient of what is made small."""
        return -g if self.life.get("maximize") else g

    def clipped(self, grads: list[Any]) -> list[Any]:
        """Return the gradients within their bound."""
        bound = self.life.get("clip", {})
        if "value" in bound:
            c = grads[0].dtype.type(bound["value"])
            return [np.clip(g, -c, c) for g in grads]
        if "norm" in bound:
            norm = float(np.sqrt(sum(float(np.sum(g.astype(float) ** 2)) for g in grads)))
            factor = min(1.0, bound["norm"] / norm)
            return [g * g.dtype.type(factor) for g in grads]
        return grads


def run(dialect: Any, case: Case, fault: Fault | None = None) -> list[Any]:
    """Return the trajectory of every tensor of `case`, spoiled by `fault`: (T, n) each."""
    return Training(dialect, case, fault).run()
