"""Prodigy under other answers than its Algorithm 4's: the Prodigy family of dialects.

The phases and their order are those of the paper's file; with the paper's answers the function here
gives the same bits. The bias correction, whether γ_t is a factor of s, and the form of the decay,
but for the one that is multiplied by d, differ in the host's scalars alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, NamedTuple, Self

from array_api_compat import array_namespace

from ...sums import Rounds, Sum
from ..contract import (
    Asking,
    Dialect,
    Hyper,
    Scope,
    Shape,
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
    read,
    read_lines,
    step_lines,
)
from ..distance import DistanceForm, grown
from ..shapes import PARAMETERS
from .rule import prodigy

Array = Any


class ProdigyScalars(NamedTuple):
    """The scalars of one step of the Prodigy family; None where the line is absent."""

    step: Any = None
    beta1: Any = None
    one_minus_beta1: Any = None
    beta2: Any = None
    one_minus_beta2: Any = None
    beta3: Any = None
    pull: Any = None
    gain: Any = None
    eps: Any = None
    coefficient: Any = None
    l2: Any = None
    decay: Any = None


@dataclass(frozen=True)
class ProdigyDialect(Dialect):
    """Prodigy: what the decay is multiplied by, which d is read, what is corrected.

    ``form``: "adapted" is λ times the whole rate of the step, d and the bias correction among it;
    the others are those of Adam, without d. ``eps``: ε times the d before the step, "old" (the
    paper), or the one just made, "new". ``rate``: the d of the step and of its decay, likewise.
    ``bias``: "none", or γ_t is multiplied by Adam's correction wherever it stands, "rate".
    ``weight``: γ_t is a factor of s, "rate", or not, "distance", which a warm-up may need.
    """

    form: DistanceForm = question("adapted", lines=dict.fromkeys(DECOUPLED, "paper"))
    order: Order = order_question()
    eps: Literal["old", "new"] = question("old", scalars={"new": "old"})
    rate: Literal["old", "new"] = question("old", scalars={"new": "old"})
    bias: Literal["none", "rate"] = question("none", lines={"rate": "none"})
    weight: Literal["rate", "distance"] = question("rate", lines={"distance": "rate"})
    schedule: Reading = schedule_question()

    family = "prodigy"
    hyper = ("learning_rate", "beta1", "beta2", "eps", "distance", "coefficient", "weight_decay")
    slots = ("theta0", "s", "m", "v", "r", "d")

    @property
    def scope(self) -> Scope:
        """A step reads sums over the tree."""
        return "tree"

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """The numbers r and d are those of the tree."""
        return ("like", "like", "like", "like", "scalar", "scalar")

    def starts(self, h: Hyper) -> tuple[Any, ...]:
        """θ0 begins as θ, d as the first estimate."""
        return (PARAMETERS, 0.0, 0.0, 0.0, 0.0, h["distance"])

    @property
    def rounds(self) -> Asking:
        """The rule as a generator that asks for sums."""
        alike = replace(self, bias="none", weight="rate", schedule="now")
        plain = alike in (ProdigyDialect(), ProdigyDialect(form="none"))
        return prodigy if plain else self.rule()

    def rule(self) -> Asking:  # type: ignore[override]  # one that asks
        """The rule with all its questions."""
        return partial(prodigy_dialect, self)

    def scalars(
        self, h: Hyper, t: int, eta: Any, *, before: Any = None, sqrt: Sqrt = math.sqrt
    ) -> ProdigyScalars:
        """Scalars of step `t` (from 1) under the multiplier `eta`; `before` is the last step's."""
        eta = read(self.schedule, eta, before)
        beta3, rate = sqrt(h["beta2"]), eta * h["learning_rate"]
        if self.bias == "rate":
            rate = rate * (sqrt(1 - h["beta2"] ** t) / (1 - h["beta1"] ** t))
        adapted = {"decay": rate * h["weight_decay"]} if self.form == "adapted" else {}
        return ProdigyScalars(
            step=rate,
            beta1=h["beta1"],
            one_minus_beta1=1 - h["beta1"],
            beta2=h["beta2"],
            one_minus_beta2=1 - h["beta2"],
            beta3=beta3,
            pull=(1 - beta3) * rate,
            gain=1 - beta3 if self.weight == "distance" else (1 - beta3) * rate,
            eps=h["eps"],
            coefficient=h["coefficient"],
            **(adapted or coefficients(self.form, h, eta)),
        )

    def recurrence(self) -> tuple[str, ...]:
        """The update rule in the paper's letters, one line a phase."""
        rate = "γ" if self.bias == "rate" else "η α"
        gain = "(1-√β2) d²" if self.weight == "distance" else f"(1-√β2) {rate} d²"
        at, under = ("d'" if x == "new" else "d" for x in (self.rate, self.eps))
        lines = [gradient_line(self.form, "", "none"), "m ← β1 m + (1-β1) d g",
                 "v ← β2 v + (1-β2) d² g²",
                 f"r ← √β2 r + (1-√β2) {rate} d² ⟨g, θ0 - θ⟩   (over the tree)",
                 f"s ← √β2 s + {gain} g", "d' ← max(d, c r/‖s‖_1)   (over the tree)"]  # fmt: skip
        if self.bias == "rate":
            lines.insert(0, "γ ← η α √(1-β2^t)/(1-β1^t)")
        steps = step_lines(self.form, self.order, f"{rate} {at} m/(√v + {under} ε)")
        steps = tuple(line.replace("{rate}", f"{rate} {at}") for line in steps)
        return read_lines(self.schedule, *lines, *steps, "d ← d'")

    def plain(self) -> Self:
        """Return the same function in the plainest words."""
        found = super().plain()
        # the adapted form has an order as the decoupled ones have
        return replace(found, order=self.order) if self.form == "adapted" else found


def prodigy_dialect(
    d: ProdigyDialect, theta: Array, g: Array, slots: Sequence[Array], s: Any, /
) -> Rounds:
    """One step of the Prodigy dialect `d` on one tensor of a tree.

    ::

        g = ∇f(θ) [+ λ θ]
        m = β1 m + (1 - β1) d g,  v = β2 v + (1 - β2) d² g²
        r = β3 r + (1 - β3) γ d² ⟨g, θ0 - θ⟩,  s = β3 s + (1 - β3) γ d² g, or without γ
        d' = max(d, r / ‖s‖_1)
        θ = θ - γ d m / (√v + d ε), either d or d', with the decay together or after
    """
    xp = array_namespace(theta, g)
    theta0, total, m, v, r, old = slots

    # GRADIENT
    if s.l2 is not None:
        g = g + s.l2 * theta

    # MOMENTS
    m = s.beta1 * m + (s.one_minus_beta1 * old) * g
    v = s.beta2 * v + (s.one_minus_beta2 * (old * old)) * (g * g)

    # DISTANCE
    total = s.beta3 * total + (s.gain * (old * old)) * g
    along = (s.pull * (old * old)) * (g * (theta0 - theta))
    inner, size = yield Sum(along, "tree"), Sum(xp.abs(total), "tree")
    r = s.beta3 * r + inner
    new = grown(old, r, size, times=s.coefficient)

    # STEP
    at = new if d.rate == "new" else old
    step = (s.step * at) * (m / (xp.sqrt(v) + (new if d.eps == "new" else old) * s.eps))
    kept = (theta0, total, m, v, r, new)
    if s.decay is None:
        return theta - step, kept
    decay = s.decay * at if d.form == "adapted" else s.decay
    if d.order == "after":
        stepped = theta - step
        return stepped - decay * stepped, kept
    return theta - (step + decay * theta), kept
