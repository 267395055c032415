"""SM3 under other answers than its paper's: the SM3 family of dialects.

The phases and their order are those of the paper's file; with the paper's answers the function here
gives the same bits. The form of a decoupled decay differs in the host's scalars alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple

from array_api_compat import array_namespace

from ...sums import Cover, Rounds
from ..contract import (
    Asking,
    Dialect,
    Hyper,
    Scope,
    Sqrt,
    order_question,
    question,
    schedule_question,
)
from ..decay import (
    DECOUPLED,
    Order,
    Reading,
    coefficients,
    gradient_line,
    moved,
    read,
    read_lines,
    step_lines,
)
from .rule import sm3

Array = Any
Sm3Form = Literal["none", "l2", "paper", "lr", "fixed", "initial_lr", "proximal", "corrected"]
FIXED = 1e-8  # the ε of who cannot be given one
SUMS = {"sum": "v + g²", "mean": "β2 v + (1-β2) g²"}
UNDER = {"none": "v", "fixed": "v + 1e-8", "inside": "v + ε"}


class Sm3Scalars(NamedTuple):
    """The scalars of one step of the SM3 family; None where the line is absent."""

    step: Any = None
    beta1: Any = None
    one_minus_beta1: Any = None
    beta2: Any = None
    one_minus_beta2: Any = None
    eps: Any = None
    l2: Any = None
    decay: Any = None


@dataclass(frozen=True)
class Sm3Dialect(Dialect):
    """SM3: what is summed, and where ε and the decay stand.

    ``squares``: their "sum" (the paper), or their "mean", an average with β2. ``eps``: "none" (the
    paper), "inside" the root, or "fixed" there at 1e-8. Where ν is 0 nothing moves, whatever ε is.
    """

    form: Sm3Form = question("l2", lines=dict.fromkeys(DECOUPLED, "paper"))
    order: Order = order_question()
    squares: Literal["sum", "mean"] = "sum"
    eps: Literal["none", "inside", "fixed"] = question("none", lines={"fixed": "inside"})
    schedule: Reading = schedule_question()

    family = "sm3"
    slots = ("m", "v")

    @property
    def hyper(self) -> tuple[str, ...]:
        """Names of the hyperparameters that the dialect reads."""
        beta2 = ("beta2",) if self.squares == "mean" else ()
        eps = ("eps",) if self.eps == "inside" else ()
        return ("learning_rate", "momentum", *beta2, *eps, "weight_decay")

    @property
    def scope(self) -> Scope:
        """A step reads maxima over slices of its tensor."""
        return "tensor"

    @property
    def rounds(self) -> Asking:
        """The rule as a generator that asks for the cover."""
        plain = (self.order, self.squares, self.eps) == ("together", "sum", "none")
        return sm3 if plain and self.form != "proximal" else self.rule()

    def rule(self) -> Asking:  # type: ignore[override]  # one that asks
        """The rule with all its questions."""
        return partial(sm3_dialect, self)

    def scalars(
        self, h: Hyper, t: int, eta: Any, *, before: Any = None, sqrt: Sqrt = math.sqrt
    ) -> Sm3Scalars:
        """Scalars of step `t` (from 1) under the multiplier `eta`; `before` is the last step's."""
        eta = read(self.schedule, eta, before)
        mean = self.squares == "mean"
        return Sm3Scalars(
            step=eta * h["learning_rate"],
            beta1=h["momentum"],
            one_minus_beta1=1 - h["momentum"],
            beta2=h["beta2"] if mean else None,
            one_minus_beta2=1 - h["beta2"] if mean else None,
            eps={"none": None, "fixed": FIXED}.get(self.eps, h.get("eps")),
            **coefficients(self.form, h, eta),
        )

    def recurrence(self) -> tuple[str, ...]:
        """The update rule in the paper's letters, one line a phase."""
        lines = (gradient_line(self.form, "", "none"), f"v ← {SUMS[self.squares]}",
                 f"u ← (v > 0 ? g/√({UNDER[self.eps]}) : 0)".replace("√(v)", "√v"),
                 "v ← least of the maxima of v over the slices through each number",
                 "m ← β1 m + (1-β1) u")  # fmt: skip
        return read_lines(self.schedule, *lines, *step_lines(self.form, self.order, "η α m"))


def sm3_dialect(d: Sm3Dialect, theta: Array, g: Array, slots: Sequence[Array], s: Any, /) -> Rounds:
    """One step of the SM3 dialect `d` on one tensor.

    ::

        g = ∇f(θ) [+ λ θ]
        v = v + g², or β2 v + (1 - β2) g²
        u = g / √v, or g / √(v + ε), and 0 where v is 0
        v = the cover of v
        m = β1 m + (1 - β1) u
        θ = θ - η α m, with the decay together or after
    """
    xp = array_namespace(theta, g)
    m, v = slots

    # GRADIENT
    if s.l2 is not None:
        g = g + s.l2 * theta

    # SUMS
    v = v + g * g if s.beta2 is None else s.beta2 * v + s.one_minus_beta2 * (g * g)
    (cover,) = yield (Cover(v),)

    # MOMENT
    zero = xp.full_like(v, 0.0)
    u = xp.where(v > zero, g / xp.sqrt(v if s.eps is None else v + s.eps), zero * g)
    m = s.beta1 * m + s.one_minus_beta1 * u

    # STEP
    return moved(d, theta, s.step * m, s), (m, cover)
