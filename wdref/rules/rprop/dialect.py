"""Rprop under other answers than iRprop-'s: where the gradient turns, and where Δ is bounded.

The phases and their order are those of the paper's file; with the paper's answers the function here
gives the same bits. The form of a decoupled decay, which no program has, differs in the host's
scalars alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple

from array_api_compat import array_namespace

from ..contract import Apply, Dialect, Hyper, Sqrt, form_question, order_question, question
from ..decay import (
    Clip,
    Form,
    Order,
    clipped,
    clipping,
    coefficients,
    gradient_line,
    moved,
    step_lines,
)
from .rule import rprop

Array = Any
Turn = Literal["stay", "revert", "through", "late"]
Bounded = Literal["each", "both", "always"]


class RpropScalars(NamedTuple):
    """The scalars of one step of the Rprop family; None where the line is absent."""

    shrink: Any = None
    grow: Any = None
    smallest: Any = None
    largest: Any = None
    clip: Any = None
    l2: Any = None
    decay: Any = None


@dataclass(frozen=True)
class RpropDialect(Dialect):
    """Rprop: what is done where the gradient has changed its sign, and how Δ is bounded.

    ``turn``: there is no step and the gradient is forgotten, "stay" (iRprop-); the last step is
    taken back, "revert" (Rprop+, with the same forgetting); the new gradient is followed,
    "through" (Rprop-); or "late": every step is that of the gradient before, none where the sign
    has changed (optax). ``bounded``: a growing Δ by Δmax and a shrinking one by Δmin, "each" (the
    paper); by "both" where it changes; or "always", also where it does not, so that the first Δ is
    within the bounds (PyTorch).
    """

    form: Form = form_question("none")
    order: Order = order_question()
    turn: Turn = question("stay", scalars=dict.fromkeys(("revert", "through", "late"), "stay"))
    bounded: Bounded = question("each", scalars=dict.fromkeys(("both", "always"), "each"))
    clip: Clip = "none"

    family = "rprop"

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the state arrays."""
        return ("last", "size")

    @property
    def hyper(self) -> tuple[str, ...]:
        """Names of the hyperparameters that the dialect reads."""
        own = ("learning_rate", "shrink", "grow", "smallest", "largest", "weight_decay")
        return (*own, *clipping(self.clip))

    @property
    def apply(self) -> Apply:
        """The rule as a pure function of arrays."""
        return rprop if self == RpropDialect() else self.rule()

    def rule(self) -> Apply:
        """The rule with all its questions."""
        return partial(rprop_dialect, self)

    def starts(self, h: Hyper) -> tuple[Any, ...]:
        """Return the number that each slot begins with: Δ with the learning rate."""
        return 0.0, h["learning_rate"]

    def scalars(
        self, h: Hyper, t: int, eta: Any, *, before: Any = None, sqrt: Sqrt = math.sqrt
    ) -> RpropScalars:
        """Scalars of step `t`, of which the decay alone reads the multiplier `eta`."""
        return RpropScalars(
            shrink=h["shrink"],
            grow=h["grow"],
            smallest=h["smallest"],
            largest=h["largest"],
            clip=h["clip"] if self.clip != "none" else None,
            **coefficients(self.form, h, eta),
        )

    def recurrence(self) -> tuple[str, ...]:
        """The update rule in the paper's letters, one line a phase."""
        larger, smaller = {
            "each": ("min(η⁺ Δ, Δmax)", "max(η⁻ Δ, Δmin)"),
            "both": ("η⁺ Δ, within [Δmin, Δmax],", "η⁻ Δ, likewise,"),
            "always": ("η⁺ Δ", "η⁻ Δ"),
        }[self.bounded]
        sizes = f"Δ ← {larger} where g g₋ > 0, {smaller} where g g₋ < 0"
        sizes += ", and within [Δmin, Δmax]" if self.bounded == "always" else ""
        kept = "g₋ ← g" if self.turn == "through" else "g₋ ← g, 0 where g g₋ < 0"
        step = {
            "stay": "Δ sgn(g) (where g g₋ ≥ 0)",
            "revert": "Δ sgn(g) (where g g₋ < 0: + Δ₋ sgn(g₋))",
            "through": "Δ sgn(g)",
            "late": "Δ₋ sgn(g₋) (where g g₋ ≥ 0)",
        }[self.turn]
        lines = step_lines(self.form, self.order, step)
        return (gradient_line(self.form, "·", self.clip), sizes, *lines, kept)


def rprop_dialect(
    d: RpropDialect, theta: Array, g: Array, slots: Sequence[Array], s: Any, /
) -> tuple[Array, tuple[Array, ...]]:
    """One step of the Rprop dialect `d`.

    ::

        g = ∇f(θ) [+ λ θ],  p = g₋ g, where steps are late times Δ
        Δ = η⁺ Δ where p > 0, η⁻ Δ where p < 0, each, both or always within its bounds
        g = 0 where p < 0, but for "through"
        θ = θ - Δ sgn g, or with the last step where p < 0, or with the last step everywhere else
    """
    xp = array_namespace(theta, g)
    last, size = slots

    # GRADIENT
    if d.clip == "gradient":
        g = clipped(xp, g, s.clip)
    if s.l2 is not None:
        g = g + s.l2 * theta
    if d.clip == "sum":
        g = clipped(xp, g, s.clip)
    before, zero = size * xp.sign(last), xp.full_like(g, 0.0)
    p = (before if d.turn == "late" else last) * g

    # MOMENTS
    size = _sized(d, xp, p, size, s)
    if d.turn != "through":
        g = xp.where(p < 0.0, zero, g)

    # STEP
    step = size * xp.sign(g)
    if d.turn == "revert":
        step = xp.where(p < 0.0, -before, step)
    elif d.turn == "late":
        step = xp.where(p < 0.0, zero, before)
    return moved(d, theta, step, s), (g, size)


def _sized(d: RpropDialect, xp: Any, p: Array, size: Array, s: Any) -> Array:
    smallest, largest = xp.full_like(size, s.smallest), xp.full_like(size, s.largest)
    larger, smaller = s.grow * size, s.shrink * size
    if d.bounded != "always":
        larger, smaller = xp.minimum(larger, largest), xp.maximum(smaller, smallest)
    if d.bounded == "both":
        larger, smaller = xp.maximum(larger, smallest), xp.minimum(smaller, largest)
    size = xp.where(p > 0.0, larger, xp.where(p < 0.0, smaller, size))
    if d.bounded == "always":
        size = xp.minimum(xp.maximum(size, smallest), largest)
    return size
