"""Adadelta under other answers than Algorithm 1's: the Adadelta family of dialects.

The phases and their order are those of the paper's file; with the paper's answers the function here
gives the same bits.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple

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
    UNWRITTEN,
    Clip,
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
from .rule import adadelta

Array = Any
# L2 scaled by the denominator of the step before has none here: it would hold the u before that
Forms = Literal["none", "l2", "paper", "lr", "fixed", "initial_lr", "proximal", "corrected",
                "masked"]  # fmt: skip


class AdadeltaScalars(NamedTuple):
    """The scalars of one step of the Adadelta family; None where the line is absent."""

    step: Any = None
    rho: Any = None
    one_minus_rho: Any = None
    eps: Any = None
    clip: Any = None
    l2: Any = None
    decay: Any = None


@dataclass(frozen=True)
class AdadeltaDialect(Dialect):
    """Adadelta: where ε, the rate and the decay stand.

    ``eps``: "inside" both roots (the paper and every program) or "outside", √u + ε over √v + ε.
    ``kept``: u is the average of the squared "direction", without the rate, or of the whole "step",
    (η α d)² (climin). ``numerator``: the step reads the u "before" it (the paper), or the one
    "after", made of the direction (TensorFlow once).
    ``schedule``: η is read "now" or is the last step's, "late". ``clip``: g is clipped by value,
    with the L2 term ("sum") or before it.
    """

    form: Forms = form_question("paper")
    order: Order = order_question()
    eps: Literal["inside", "outside"] = question("inside", scalars={"outside": "inside"})
    kept: Literal["direction", "step"] = question("direction", scalars={"step": "direction"})
    numerator: Literal["before", "after"] = question("before", scalars={"after": "before"})
    schedule: Reading = schedule_question()
    clip: Clip = "none"

    family = "adadelta"

    @property
    def hyper(self) -> tuple[str, ...]:
        """Names of the hyperparameters that the dialect reads."""
        return ("learning_rate", "rho", "eps", "weight_decay", *clipping(self.clip))

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the state arrays."""
        return ("v", "u")

    @property
    def apply(self) -> Apply:
        """The rule as a pure function of arrays."""
        alike = self.structure()
        plain = alike.form not in UNWRITTEN and alike == AdadeltaDialect(form=alike.form)
        return adadelta if plain else self.rule()

    def rule(self) -> Apply:
        """The rule with all its questions."""
        return partial(adadelta_dialect, self)

    def scalars(
        self, h: Hyper, t: int, eta: Any, *, before: Any = None, sqrt: Sqrt = math.sqrt
    ) -> AdadeltaScalars:
        """Scalars of step `t` (from 1) under the multiplier `eta`; `before` is the last step's."""
        eta = read(self.schedule, eta, before)
        return AdadeltaScalars(
            step=eta * h["learning_rate"],
            rho=h["rho"],
            one_minus_rho=1 - h["rho"],
            eps=h["eps"],
            clip=h["clip"] if self.clip != "none" else None,
            **coefficients(self.form, h, eta),
        )

    def recurrence(self) -> tuple[str, ...]:
        """The update rule in the paper's letters, one line a phase."""
        inside = self.eps == "inside"
        direction = "d ← √(u + ε)/√(v + ε) g" if inside else "d ← (√u + ε)/(√v + ε) g"
        square = "d²" if self.kept == "direction" else "(η α d)²"
        moments = ["v ← ρ v + (1-ρ) g²", direction, f"u ← ρ u + (1-ρ) {square}"]
        if self.numerator == "after":
            moments += [direction]
        lines = step_lines(self.form, self.order, "η α d")
        gradient = gradient_line(self.form, "s", self.clip)
        return read_lines(self.schedule, gradient, *moments, *lines)


def adadelta_dialect(
    d: AdadeltaDialect, theta: Array, g: Array, slots: Sequence[Array], s: Any, /
) -> tuple[Array, tuple[Array, ...]]:
    """One step of the Adadelta dialect `d`.

    ::

        g = ∇f(θ) [+ λ θ]
        v = ρ v + (1 - ρ) g²
        d = √(u + ε)/√(v + ε) g, or with ε outside the roots
        u = ρ u + (1 - ρ) d², or of (η α d)²; then d once more with this u, or not
        θ = θ - η α d, with the decay together or after
    """
    xp = array_namespace(theta, g)
    v, u = slots

    # GRADIENT
    if d.clip == "gradient":
        g = clipped(xp, g, s.clip)
    if s.l2 is not None:
        g = g + s.l2 * theta
    if d.clip == "sum":
        g = clipped(xp, g, s.clip)

    # MOMENTS
    v = s.rho * v + s.one_minus_rho * (g * g)
    below = _rms(d, xp, v, s.eps)
    direction = _rms(d, xp, u, s.eps) / below * g
    kept = s.step * direction if d.kept == "step" else direction
    u = s.rho * u + s.one_minus_rho * (kept * kept)
    if d.numerator == "after":
        direction = _rms(d, xp, u, s.eps) / below * g

    # STEP
    return moved(d, theta, s.step * direction, s), (v, u)


def _rms(d: AdadeltaDialect, xp: Any, x: Array, eps: Any) -> Array:
    return xp.sqrt(x + eps) if d.eps == "inside" else xp.sqrt(x) + eps
