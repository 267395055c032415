"""Fromage under other answers than its Algorithm 1's: the Fromage family of dialects.

The phases and their order are those of the paper's file; with the paper's answers the function here
gives the same bits. The form of a decoupled decay differs in the host's scalars alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple

from array_api_compat import array_namespace

from ...sums import Rounds, Sum
from ..choice import chosen, larger, quotient, root
from ..contract import Asking, Dialect, Hyper, Scope, Sqrt, question, schedule_question
from ..decay import DECOUPLED, ByNorm, Reading, coefficients, gradient_line, read, read_lines
from ..decay import step_lines as decay_lines
from .rule import fromage

Array = Any
FromageForm = Literal["none", "l2", "paper", "lr", "fixed", "initial_lr", "proximal",
                      "corrected"]  # fmt: skip


class FromageScalars(NamedTuple):
    """The scalars of one step of the Fromage family; None where the line is absent."""

    step: Any = None
    shrink: Any = None
    floor: Any = None
    l2: Any = None
    decay: Any = None


@dataclass(frozen=True)
class FromageDialect(Dialect):
    """Fromage: what bounds its norms, whether it shrinks, and a decay that users add.

    ``form``: "none" is the paper's; an L2 term enters both norm and step. ``order``: a decoupled
    decay comes first, "before", so that the norm is of what is left, "together" with the step, or
    "after" it. ``floor``: the ratio is 1 where a norm is 0 ("none", the authors' program), or no
    norm is taken for less than ν ("norms", optax). ``shrink``: "all", θ and its step, or "none".
    """

    form: FromageForm = question("none", lines=dict.fromkeys(DECOUPLED, "paper"))
    order: ByNorm = question("together", scalars={"after": "together", "before": "together"})
    floor: Literal["none", "norms"] = question("none")
    shrink: Literal["all", "none"] = question("all")
    schedule: Reading = schedule_question()

    family = "fromage"
    slots = ()

    @property
    def hyper(self) -> tuple[str, ...]:
        """Names of the hyperparameters that the dialect reads."""
        floor = () if self.floor == "none" else ("min_norm",)
        return ("learning_rate", *floor, "weight_decay")

    @property
    def scope(self) -> Scope:
        """A step reads the norms of its tensor."""
        return "tensor"

    @property
    def rounds(self) -> Asking:
        """The rule as a generator that asks for sums."""
        return fromage if self == FromageDialect(schedule=self.schedule) else self.rule()

    def rule(self) -> Asking:  # type: ignore[override]  # one that asks
        """The rule with all its questions."""
        return partial(fromage_dialect, self)

    def scalars(
        self, h: Hyper, t: int, eta: Any, *, before: Any = None, sqrt: Sqrt = math.sqrt
    ) -> FromageScalars:
        """Scalars of step `t` (from 1) under the multiplier `eta`; `before` is the last step's."""
        eta = read(self.schedule, eta, before)
        step = eta * h["learning_rate"]
        return FromageScalars(
            step=step,
            shrink=1 / sqrt(1 + step * step) if self.shrink == "all" else None,
            floor=None if self.floor == "none" else h["min_norm"],
            **coefficients(self.form, h, eta),
        )

    def recurrence(self) -> tuple[str, ...]:
        """The update rule in the paper's letters, one line a phase."""
        ratio = "r ← ‖θ‖/‖g‖"
        if self.floor == "norms":
            ratio = "r ← max(‖θ‖, ν)/max(‖g‖, ν)"
        ratio += "   (1 where a norm is 0)"
        ends = decay_lines(self.form, self.order, "η α r g")
        if self.shrink == "all":
            whole, short = "θ - η α r g", "(θ - η α r g)/√(1 + (η α)²)"
            ends = tuple(line.replace(f"({whole})", short).replace(f"← {whole}", f"← {short}")
                         for line in ends)  # fmt: skip
        first, last = ends[: self.order == "before"], ends[self.order == "before" :]
        gradient = gradient_line(self.form, "", "none")
        return read_lines(self.schedule, *first, gradient, ratio, *last)


def fromage_dialect(
    d: FromageDialect, theta: Array, g: Array, slots: Sequence[Array], s: Any, /
) -> Rounds:
    """One step of the Fromage dialect `d` on one tensor.

    ::

        θ = θ - k θ                       a decay before the step
        g = ∇f(θ) [+ λ θ]
        r = ‖θ‖ / ‖g‖, or max(‖θ‖, ν) / max(‖g‖, ν)
        θ = (θ - η α r g) / √(1 + (η α)²), with a decay together or after
    """
    array_namespace(theta, g)  # one library, or a clear error

    # GRADIENT
    if s.decay is not None and d.order == "before":
        theta = theta - s.decay * theta
    if s.l2 is not None:
        g = g + s.l2 * theta

    # RATIO
    theta2, g2 = yield Sum(theta * theta), Sum(g * g)
    size, slope = root(theta2), root(g2)
    if s.floor is not None:
        size, slope = larger(size, s.floor), larger(slope, s.floor)

    # STEP
    new = theta - (s.step * _ratio(size, slope)) * g
    if s.shrink is not None:
        new = s.shrink * new
    if s.decay is None or d.order == "before":
        return new, ()
    return new - s.decay * (new if d.order == "after" else theta), ()


def _ratio(size: Any, slope: Any) -> Any:
    def ratio() -> Any:
        return quotient(size, slope)

    return chosen(size > 0.0, lambda: chosen(slope > 0.0, ratio, lambda: 1.0), lambda: 1.0)
