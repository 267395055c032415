"""DoG and DoWG under other answers than their papers': the family of distance over gradients.

The phases and their order are those of the papers' files; with a paper's answers the function here
gives the same bits.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, NamedTuple, Self

from ...sums import Rounds, Sum
from ..choice import larger, root
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
from ..distance import DistanceForm, over
from ..shapes import PARAMETERS
from .rule import dog
from .weighted import dowg

Array = Any


class DogScalars(NamedTuple):
    """The scalars of one step of the family of DoG; None where the line is absent."""

    step: Any = None
    eps: Any = None
    first: Any = None
    l2: Any = None
    decay: Any = None


@dataclass(frozen=True)
class DogDialect(Dialect):
    """DoG and DoWG: how gradients are weighted, where ε and the decay stand, where r starts.

    ``form``: "l2" is the authors', λ θ in the gradient, whose norm it is a part of; "adapted" is λ
    times the whole rate of the step; the others are those of Adam. ``weights``: each ‖g‖² counts
    once, "once" (DoG), or times r², "distance" (DoWG). ``eps``: "inside" the root, or "outside".
    ``start``: r begins at r_ε times 1 + ‖θ0‖, "relative", or at r_ε itself, "distance".
    """

    form: DistanceForm = question("l2", lines=dict.fromkeys(DECOUPLED, "paper"))
    order: Order = order_question()
    weights: Literal["once", "distance"] = question("once", scalars={"distance": "once"})
    eps: Literal["inside", "outside"] = question("inside", scalars={"outside": "inside"})
    start: Literal["relative", "distance"] = question("relative")
    schedule: Reading = schedule_question()

    family = "dog"
    hyper = ("learning_rate", "eps", "distance", "weight_decay")
    slots = ("theta0", "r", "G")

    @property
    def scope(self) -> Scope:
        """A step reads norms over the tree."""
        return "tree"

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """The numbers r and G are those of the tree."""
        return ("like", "scalar", "scalar")

    def starts(self, h: Hyper) -> tuple[Any, ...]:
        """θ0 begins as θ, r at 0 where ‖θ0‖ is to be known."""
        d = h["distance"]
        own = d * d if self.weights == "distance" else d
        return (PARAMETERS, 0.0 if self.start == "relative" else own, 0.0)

    @property
    def rounds(self) -> Asking:
        """The rule as a generator that asks for sums."""
        alike = replace(self, form="l2" if self.form == "none" else self.form, schedule="now")
        if alike == DogDialect():
            return dog
        plain = DogDialect(weights="distance", eps="outside", start="distance")
        return dowg if alike == plain else self.rule()

    def rule(self) -> Asking:  # type: ignore[override]  # one that asks
        """The rule with all its questions."""
        return partial(dog_dialect, self)

    def scalars(
        self, h: Hyper, t: int, eta: Any, *, before: Any = None, sqrt: Sqrt = math.sqrt
    ) -> DogScalars:
        """Scalars of step `t` (from 1) under the multiplier `eta`; `before` is the last step's."""
        eta = read(self.schedule, eta, before)
        rate = eta * h["learning_rate"]
        adapted = {"decay": rate * h["weight_decay"]} if self.form == "adapted" else {}
        return DogScalars(
            step=rate,
            eps=h["eps"],
            first=h["distance"] if self.start == "relative" else None,
            **(adapted or coefficients(self.form, h, eta)),
        )

    def recurrence(self) -> tuple[str, ...]:
        """The update rule in the paper's letters, one line a phase."""
        square, weight = ("²", "r² ") if self.weights == "distance" else ("", "")
        first = "rε (1 + ‖θ0‖)" if self.start == "relative" else "rε"
        below = "√(G + ε)" if self.eps == "inside" else "(√G + ε)"
        rate = f"η α r{square}/{below}"
        lines = [gradient_line(self.form, "", "none"),
                 f"r ← max(r, ‖θ - θ0‖)   (over the tree; r starts at {first})",
                 f"G ← G + {weight}‖g‖²   (over the tree)"]  # fmt: skip
        steps = step_lines(self.form, self.order, f"{rate} g")
        steps = tuple(line.replace("{rate}", rate) for line in steps)
        return read_lines(self.schedule, *lines, *steps)

    def plain(self) -> Self:
        """Return the same function in the plainest words."""
        found = super().plain()
        # the adapted form has an order as the decoupled ones have
        return replace(found, order=self.order) if self.form == "adapted" else found


def dog_dialect(d: DogDialect, theta: Array, g: Array, slots: Sequence[Array], s: Any, /) -> Rounds:
    """One step of the dialect `d` of DoG or DoWG on one tensor of a tree.

    ::

        g = ∇f(θ) [+ λ θ]
        r = max(r, ‖θ - θ0‖), from r_ε or r_ε (1 + ‖θ0‖) on; of DoWG its square
        G = G + ‖g‖², or + r² ‖g‖²
        θ = θ - η α r / √(G + ε) g, or / (√G + ε), with the decay together or after
    """
    theta0, r, seen = slots
    weighted = d.weights == "distance"

    # GRADIENT
    if s.l2 is not None:
        g = g + s.l2 * theta
    way = theta - theta0
    asked = [Sum(way * way, "tree"), Sum(g * g, "tree")]
    if s.first is not None:
        asked.append(Sum(theta0 * theta0, "tree"))
    way2, g2, *first2 = yield tuple(asked)

    # DISTANCE
    if s.first is not None:
        first = s.first * (1 + root(first2[0]))
        r = larger(r, first * first if weighted else first)
    r = larger(r, way2 if weighted else root(way2))
    seen = seen + r * g2 if weighted else seen + g2

    # STEP
    below = root(seen + s.eps) if d.eps == "inside" else root(seen) + s.eps
    rate, kept = over(r, below), (theta0, r, seen)
    step = (s.step * rate) * g
    if s.decay is None:
        return theta - step, kept
    decay = s.decay * rate if d.form == "adapted" else s.decay
    if d.order == "after":
        stepped = theta - step
        return stepped - decay * stepped, kept
    return theta - (step + decay * theta), kept
