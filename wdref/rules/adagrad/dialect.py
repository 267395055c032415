"""Adagrad under other answers than the paper's: the Adagrad family of dialects.

The phases and their order are those of the paper's file; with the paper's answers the function here
gives the same bits. What v starts at, a rate that is annealed and the form of the decay differ in
numbers of the host alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, NamedTuple, Self

from array_api_compat import array_namespace

from ..contract import (
    Apply,
    Dialect,
    Hyper,
    Sqrt,
    form_question,
    order_question,
    question,
    schedule_question,
)
from ..decay import (
    UNWRITTEN_DIVIDED,
    Clip,
    Form,
    Order,
    Reading,
    clipped,
    clipping,
    coefficients,
    gradient_line,
    moved,
    read,
    read_lines,
    step_lines,
)
from .rule import adagrad

Array = Any


class AdagradScalars(NamedTuple):
    """The scalars of one step of the Adagrad family; None where the line is absent."""

    step: Any = None
    eps: Any = None
    clip: Any = None
    l2: Any = None
    decay: Any = None


@dataclass(frozen=True)
class AdagradDialect(Dialect):
    """Adagrad: where ε and the decay stand, what v starts at, whether the rate is annealed.

    ``eps``: outside √v (the paper), inside the root, inside it and "guarded" (no step where v is
    0, optax), or none at all (TensorFlow's ApplyAdagrad). ``start``: v begins at "zero" or at the
    "value" v0. ``rate``: α is "steady" or "annealed", α/(1 + κ(t-1)); a decoupled decay follows α
    itself. ``schedule``: η is read "now" or is the last step's, "late". ``clip``: g is clipped by
    value, with the L2 term ("sum") or before it.
    """

    form: Form = form_question("paper")
    order: Order = order_question()
    eps: Literal["outside", "inside", "guarded", "none"] = question(
        "outside", scalars={"inside": "outside", "guarded": "outside"}
    )
    start: Literal["zero", "value"] = question("zero", scalars={"value": "zero"})
    rate: Literal["steady", "annealed"] = question("steady", lines={"annealed": "steady"})
    schedule: Reading = schedule_question()
    clip: Clip = "none"

    family = "adagrad"

    @property
    def hyper(self) -> tuple[str, ...]:
        """Names of the hyperparameters that the dialect reads."""
        eps = () if self.eps == "none" else ("eps",)
        start = ("initial",) if self.start == "value" else ()
        annealing = ("annealing",) if self.rate == "annealed" else ()
        own = (*annealing, *eps, *start)
        return ("learning_rate", *own, "weight_decay", *clipping(self.clip))

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the state arrays."""
        return ("v",)

    def starts(self, h: Hyper) -> tuple[Any, ...]:
        """Return the number that v begins with."""
        return (h["initial"] if self.start == "value" else 0.0,)

    @property
    def apply(self) -> Apply:
        """The rule as a pure function of arrays."""
        same = (self.order, self.eps, self.clip) == ("together", "outside", "none")
        return adagrad if same and self.form not in UNWRITTEN_DIVIDED else self.rule()

    def rule(self) -> Apply:
        """The rule with all its questions."""
        return partial(adagrad_dialect, self)

    def scalars(
        self, h: Hyper, t: int, eta: Any, *, before: Any = None, sqrt: Sqrt = math.sqrt
    ) -> AdagradScalars:
        """Scalars of step `t` (from 1) under the multiplier `eta`; `before` is the last step's."""
        eta = read(self.schedule, eta, before)
        step = eta * h["learning_rate"]
        return AdagradScalars(
            step=step / (1 + (t - 1) * h["annealing"]) if self.rate == "annealed" else step,
            eps=h["eps"] if self.eps != "none" else None,
            clip=h["clip"] if self.clip != "none" else None,
            **coefficients(self.form, h, eta),
        )

    def recurrence(self) -> tuple[str, ...]:
        """The update rule in the paper's letters, one line a phase."""
        sum_line = "v ← v + g²" + ("   (v starts at v0)" if self.start == "value" else "")
        rate = "η α/(1 + κ (t-1))" if self.rate == "annealed" else "η α"
        under = {"outside": "(√v + ε)", "none": "√v"}.get(self.eps, "√(v + ε)")
        step = f"{rate} g/{under}"
        if self.eps == "guarded":
            step = f"(v > 0 ? {step} : 0)"
        lines = step_lines(self.form, self.order, step)
        gradient = gradient_line(self.form, "s", self.clip)
        return read_lines(self.schedule, gradient, sum_line, *lines)

    def plain(self) -> Self:
        """Return the same function in the plainest words.

        Where v is 0 so is g, and the guarded step is 0 with or without its guard, for any ε > 0.
        """
        found = super().plain()
        return replace(found, eps="inside") if self.eps == "guarded" else found


def adagrad_dialect(
    d: AdagradDialect, theta: Array, g: Array, slots: Sequence[Array], s: Any, /
) -> tuple[Array, tuple[Array, ...]]:
    """One step of the Adagrad dialect `d`.

    ::

        g = ∇f(θ) [+ λ θ, or + λ s θ with s the denominator of the step before]
        v = v + g²
        θ = θ - η α g / s, s by where ε stands, with the decay together or after
    """
    xp = array_namespace(theta, g)
    (v,) = slots

    # GRADIENT
    if d.clip == "gradient":
        g = clipped(xp, g, s.clip)
    if s.l2 is not None:
        scaled = _denominator(d, xp, v, s) * theta if d.form == "scaled_l2" else theta
        g = g + s.l2 * scaled
    if d.clip == "sum":
        g = clipped(xp, g, s.clip)

    # MOMENTS
    v = v + g * g

    # STEP
    direction = g / _denominator(d, xp, v, s)
    if d.eps == "guarded":
        zero = xp.full_like(v, 0.0)
        direction = xp.where(v > zero, direction, zero * g)
    return moved(d, theta, s.step * direction, s), (v,)


def _denominator(d: AdagradDialect, xp: Any, v: Array, s: Any) -> Array:
    if d.eps == "none":
        return xp.sqrt(v)
    return xp.sqrt(v) + s.eps if d.eps == "outside" else xp.sqrt(v + s.eps)
