"""MADGRAD under other answers than its Algorithm 1's: the MADGRAD family of dialects.

The phases and their order are those of the paper's file; with the paper's answers the function here
gives the same bits. The form of a decoupled decay, and ε in the rate, differ in the host's scalars
alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple

from array_api_compat import array_namespace

from ..choice import constant, cube_root
from ..contract import (
    Apply,
    Dialect,
    Hyper,
    Sqrt,
    order_question,
    question,
    schedule_question,
)
from ..decay import (
    DECOUPLED,
    Clip,
    Order,
    Reading,
    clipped,
    clipping,
    coefficients,
    gradient_line,
    read,
    read_lines,
    step_lines,
)
from ..shapes import PARAMETERS
from .rule import madgrad

Array = Any
MadgradForm = Literal["none", "l2", "paper", "lr", "fixed", "initial_lr", "proximal", "corrected"]
RATE = {"plain": "η α √t", "eps": "(η α + ε) √t"}


class MadgradScalars(NamedTuple):
    """The scalars of one step of the MADGRAD family; None where the line is absent."""

    weight: Any = None
    momentum: Any = None
    one_minus_momentum: Any = None
    eps: Any = None
    clip: Any = None
    l2: Any = None
    decay: Any = None


@dataclass(frozen=True)
class MadgradDialect(Dialect):
    """MADGRAD: where the decay stands, and what the rate is.

    ``rate``: of the step α is "plain" (the paper), or ε is added to it, "eps" (the authors'
    program); a decoupled decay reads α alone. ``schedule``: η is read "now" or is the last step's,
    "late". ``clip``: g is clipped by value, with the L2 term ("sum") or before it.
    """

    form: MadgradForm = question("l2", lines=dict.fromkeys(DECOUPLED, "paper"))
    order: Order = order_question()
    rate: Literal["plain", "eps"] = question("plain", lines={"eps": "plain"})
    schedule: Reading = schedule_question()
    clip: Clip = "none"

    family = "madgrad"
    slots = ("theta0", "s", "v")

    @property
    def hyper(self) -> tuple[str, ...]:
        """Names of the hyperparameters that the dialect reads."""
        return ("learning_rate", "momentum", "eps", "weight_decay", *clipping(self.clip))

    def starts(self, h: Hyper) -> tuple[Any, ...]:
        """θ0 begins as θ."""
        return PARAMETERS, 0.0, 0.0

    @property
    def apply(self) -> Apply:
        """The rule as a pure function of arrays."""
        same = (self.order, self.clip) == ("together", "none")
        return madgrad if same and self.form != "proximal" else self.rule()

    def rule(self) -> Apply:
        """The rule with all its questions."""
        return partial(madgrad_dialect, self)

    def scalars(
        self, h: Hyper, t: int, eta: Any, *, before: Any = None, sqrt: Sqrt = math.sqrt
    ) -> MadgradScalars:
        """Scalars of step `t` (from 1) under the multiplier `eta`; `before` is the last step's."""
        eta = read(self.schedule, eta, before)
        rate = eta * h["learning_rate"]
        if self.rate == "eps":
            rate = rate + h["eps"]
        return MadgradScalars(
            weight=rate * sqrt(constant(t, h["learning_rate"])),
            momentum=h["momentum"],
            one_minus_momentum=1 - h["momentum"],
            eps=h["eps"],
            clip=h["clip"] if self.clip != "none" else None,
            **coefficients(self.form, h, eta),
        )

    def recurrence(self) -> tuple[str, ...]:
        """The update rule in the paper's letters, one line a phase."""
        step = "(1-β1) (θ - θ0 + s/(∛v + ε))"
        lines = (gradient_line(self.form, "", self.clip), f"s ← s + {RATE[self.rate]} g",
                 f"v ← v + {RATE[self.rate]} g²")  # fmt: skip
        return read_lines(self.schedule, *lines, *step_lines(self.form, self.order, step))


def madgrad_dialect(
    d: MadgradDialect, theta: Array, g: Array, slots: Sequence[Array], s: Any, /
) -> tuple[Array, tuple[Array, ...]]:
    """One step of the MADGRAD dialect `d`.

    ::

        g = ∇f(θ) [+ λ θ]
        s = s + η α √t g,  v = v + η α √t g², or with η α + ε in place of η α
        z = θ0 - s / (∛v + ε)
        θ = β1 θ + (1 - β1) z, with the decay together or after
    """
    xp = array_namespace(theta, g)
    theta0, sums, v = slots

    # GRADIENT
    if d.clip == "gradient":
        g = clipped(xp, g, s.clip)
    if s.l2 is not None:
        g = g + s.l2 * theta
    if d.clip == "sum":
        g = clipped(xp, g, s.clip)

    # SUMS
    sums = sums + s.weight * g
    v = v + s.weight * (g * g)

    # STEP
    z = theta0 - sums / (cube_root(v) + s.eps)
    new = s.momentum * theta + s.one_minus_momentum * z
    if s.decay is not None:
        new = new - s.decay * (new if d.order == "after" else theta)
    return new, (theta0, sums, v)
