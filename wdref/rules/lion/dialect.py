"""Rules that step by a sign, under all answers to what the sign is taken of: the Lion family.

The phases and their order are those of the paper's file; with the paper's answers the function here
gives the same bits. The form of a decoupled decay differs in the host's scalars alone.
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
    schedule_question,
)
from ..decay import (
    UNWRITTEN,
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
from .rule import lion

Array = Any
Sign = Literal["between", "moment", "gradient"]

BETAS = {"between": ("beta1", "beta2"), "moment": ("beta2",), "gradient": ()}
DIRECTION = {"between": "c", "moment": "m", "gradient": "g"}


class LionScalars(NamedTuple):
    """The scalars of one step of the Lion family; None where the line is absent."""

    step: Any = None
    beta1: Any = None
    one_minus_beta1: Any = None
    beta2: Any = None
    one_minus_beta2: Any = None
    clip: Any = None
    l2: Any = None
    decay: Any = None


@dataclass(frozen=True)
class LionDialect(Dialect):
    """A step by a sign: what the sign is taken of, and where the decay stands.

    ``sign``: of c "between" the moment before the step and the gradient, β1 m + (1-β1) g, while β2
    makes the moment (Lion); of the "moment" just made (Tiger, Signum); or of the "gradient" alone,
    without a slot (SignSGD). A factor of what it is taken of is nothing: bias corrections and
    dampening change no step.
    """

    form: Form = form_question("lr")
    order: Order = order_question()
    sign: Sign = "between"
    schedule: Reading = schedule_question()
    clip: Clip = "none"

    family = "lion"

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the state arrays."""
        return () if self.sign == "gradient" else ("m",)

    @property
    def hyper(self) -> tuple[str, ...]:
        """Names of the hyperparameters that the dialect reads."""
        return ("learning_rate", *BETAS[self.sign], "weight_decay", *clipping(self.clip))

    @property
    def apply(self) -> Apply:
        """The rule as a pure function of arrays."""
        plain = self.form not in UNWRITTEN and self == LionDialect(form=self.form)
        return lion if plain else self.rule()

    def rule(self) -> Apply:
        """The rule with all its questions."""
        return partial(lion_dialect, self)

    def scalars(
        self, h: Hyper, t: int, eta: Any, *, before: Any = None, sqrt: Sqrt = math.sqrt
    ) -> LionScalars:
        """Scalars of step `t` (from 1) under the multiplier `eta`; `before` is the last step's."""
        eta = read(self.schedule, eta, before)
        averages = {name: h[name] for name in BETAS[self.sign]}
        return LionScalars(
            step=eta * h["learning_rate"],
            **averages,
            **{f"one_minus_{name}": 1 - beta for name, beta in averages.items()},
            clip=h["clip"] if self.clip != "none" else None,
            **coefficients(self.form, h, eta),
        )

    def recurrence(self) -> tuple[str, ...]:
        """The update rule in the paper's letters, one line a phase."""
        moments: tuple[str, ...] = ("c ← β1 m + (1-β1) g",) if self.sign == "between" else ()
        moments += ("m ← β2 m + (1-β2) g",) if self.slots else ()
        step = f"η α sgn({DIRECTION[self.sign]})"
        lines = step_lines(self.form, self.order, step)
        gradient = gradient_line(self.form, "·", self.clip)
        return read_lines(self.schedule, gradient, *moments, *lines)


def lion_dialect(
    d: LionDialect, theta: Array, g: Array, slots: Sequence[Array], s: Any, /
) -> tuple[Array, tuple[Array, ...]]:
    """One step of the sign dialect `d`.

    ::

        g = ∇f(θ) [+ λ θ]
        c = β1 m + (1 - β1) g             between; else c is the moment just made, or g
        m = β2 m + (1 - β2) g             but where the sign is of g alone
        θ = θ - η α sgn c, with the decay together or after
    """
    xp = array_namespace(theta, g)

    # GRADIENT
    if d.clip == "gradient":
        g = clipped(xp, g, s.clip)
    if s.l2 is not None:
        g = g + s.l2 * theta
    if d.clip == "sum":
        g = clipped(xp, g, s.clip)

    # MOMENTS
    c: Array = g
    new_slots: tuple[Array, ...] = ()
    if d.sign == "between":
        c = s.beta1 * slots[0] + s.one_minus_beta1 * g
    if d.sign != "gradient":
        new_slots = (s.beta2 * slots[0] + s.one_minus_beta2 * g,)
    if d.sign == "moment":
        (c,) = new_slots

    # STEP
    return moved(d, theta, s.step * xp.sign(c), s), new_slots
