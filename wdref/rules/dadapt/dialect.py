"""D-Adapted Adam under other answers than its paper's: the D-Adaptation family of dialects.

The phases and their order are those of the paper's file; with the paper's answers the function here
gives the same bits. The bias correction and the form of the decay, but for the one that is
multiplied by d, differ in the host's scalars alone.
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
from .rule import dadapt

Array = Any


class DAdaptScalars(NamedTuple):
    """The scalars of one step of the D-Adaptation family; None where the line is absent."""

    rate: Any = None
    beta1: Any = None
    one_minus_beta1: Any = None
    beta2: Any = None
    one_minus_beta2: Any = None
    beta3: Any = None
    one_minus_beta3: Any = None
    eps: Any = None
    l2: Any = None
    decay: Any = None


@dataclass(frozen=True)
class DAdaptDialect(Dialect):
    """D-Adapted Adam: what the decay is multiplied by, in which metric r is, what is corrected.

    ``form``: "adapted" is λ times the whole rate of the step, d and the bias correction among it;
    the others are those of Adam, without d. ``metric``: ⟨g, s⟩ is divided by √v + ε of the v just
    made, "new" (the paper), or of that before the step, "old" (the programs). ``bias``: "none", or
    γ_t is multiplied by Adam's correction wherever it stands, "rate".
    """

    form: DistanceForm = question("adapted", lines=dict.fromkeys(DECOUPLED, "paper"))
    order: Order = order_question()
    metric: Literal["new", "old"] = question("new", scalars={"old": "new"})
    bias: Literal["none", "rate"] = question("none", lines={"rate": "none"})
    schedule: Reading = schedule_question()

    family = "dadapt"
    hyper = ("learning_rate", "beta1", "beta2", "eps", "distance", "weight_decay")
    slots = ("s", "m", "v", "r", "d")

    @property
    def scope(self) -> Scope:
        """A step reads sums over the tree."""
        return "tree"

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """The numbers r and d are those of the tree."""
        return ("like", "like", "like", "scalar", "scalar")

    def starts(self, h: Hyper) -> tuple[Any, ...]:
        """Of the numbers d begins as the first estimate."""
        return (0.0, 0.0, 0.0, 0.0, h["distance"])

    @property
    def rounds(self) -> Asking:
        """The rule as a generator that asks for sums."""
        alike = replace(self, bias="none", schedule="now")
        plain = alike in (DAdaptDialect(), DAdaptDialect(form="none"))
        return dadapt if plain else self.rule()

    def rule(self) -> Asking:  # type: ignore[override]  # one that asks
        """The rule with all its questions."""
        return partial(dadapt_dialect, self)

    def scalars(
        self, h: Hyper, t: int, eta: Any, *, before: Any = None, sqrt: Sqrt = math.sqrt
    ) -> DAdaptScalars:
        """Scalars of step `t` (from 1) under the multiplier `eta`; `before` is the last step's."""
        eta = read(self.schedule, eta, before)
        beta3, rate = sqrt(h["beta2"]), eta * h["learning_rate"]
        if self.bias == "rate":
            rate = rate * (sqrt(1 - h["beta2"] ** t) / (1 - h["beta1"] ** t))
        adapted = {"decay": rate * h["weight_decay"]} if self.form == "adapted" else {}
        return DAdaptScalars(
            rate=rate,
            beta1=h["beta1"],
            one_minus_beta1=1 - h["beta1"],
            beta2=h["beta2"],
            one_minus_beta2=1 - h["beta2"],
            beta3=beta3,
            one_minus_beta3=1 - beta3,
            eps=h["eps"],
            **(adapted or coefficients(self.form, h, eta)),
        )

    def recurrence(self) -> tuple[str, ...]:
        """The update rule in the paper's letters, one line a phase."""
        rate = "γ" if self.bias == "rate" else "η α"
        lines = [gradient_line(self.form, "", "none"), f"m ← β1 m + (1-β1) {rate} d g",
                 "v ← β2 v + (1-β2) g²",
                 f"r ← √β2 r + (1-√β2) {rate} d ⟨g, s/(√v + ε)⟩   (over the tree)",
                 f"s ← √β2 s + (1-√β2) {rate} d g",
                 "d' ← max(d, r/((1-√β2) ‖s‖_1))   (over the tree)"]  # fmt: skip
        if self.metric == "old":
            lines[2:4] = [lines[3], lines[2]]
        if self.bias == "rate":
            lines.insert(0, "γ ← η α √(1-β2^t)/(1-β1^t)")
        steps = step_lines(self.form, self.order, "m/(√v + ε)")
        steps = tuple(line.replace("{rate}", f"{rate} d") for line in steps)
        return read_lines(self.schedule, *lines, *steps, "d ← d'")

    def plain(self) -> Self:
        """Return the same function in the plainest words."""
        found = super().plain()
        # the adapted form has an order as the decoupled ones have
        return replace(found, order=self.order) if self.form == "adapted" else found


def dadapt_dialect(
    d: DAdaptDialect, theta: Array, g: Array, slots: Sequence[Array], s: Any, /
) -> Rounds:
    """One step of the D-Adaptation dialect `d` on one tensor of a tree.

    ::

        g = ∇f(θ) [+ λ θ]
        m = β1 m + (1 - β1) γ d g,  v = β2 v + (1 - β2) g²
        r = β3 r + (1 - β3) γ d ⟨g, s / (√v + ε)⟩, of the v just made or the one before
        s = β3 s + (1 - β3) γ d g,  d' = max(d, r / ((1 - β3) ‖s‖_1))
        θ = θ - m / (√v + ε), with the decay together or after
    """
    xp = array_namespace(theta, g)
    total, m, v, r, old = slots
    rate = s.rate * old

    # GRADIENT
    if s.l2 is not None:
        g = g + s.l2 * theta

    # MOMENTS
    m = s.beta1 * m + (s.one_minus_beta1 * rate) * g
    before, v = v, s.beta2 * v + s.one_minus_beta2 * (g * g)
    below = xp.sqrt(v) + s.eps

    # DISTANCE
    metric = xp.sqrt(before) + s.eps if d.metric == "old" else below
    along = (s.one_minus_beta3 * rate) * (g * (total / metric))
    total = s.beta3 * total + (s.one_minus_beta3 * rate) * g
    inner, size = yield Sum(along, "tree"), Sum(xp.abs(total), "tree")
    r = s.beta3 * r + inner
    new = grown(old, r, s.one_minus_beta3 * size)

    # STEP
    step, kept = m / below, (total, m, v, r, new)
    if s.decay is None:
        return theta - step, kept
    decay = s.decay * old if d.form == "adapted" else s.decay
    if d.order == "after":
        stepped = theta - step
        return stepped - decay * stepped, kept
    return theta - (step + decay * theta), kept
