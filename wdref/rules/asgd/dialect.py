"""ASGD under other answers than Bottou's: the ASGD family of dialects.

The phases and their order are those of the paper's file; with the paper's answers the function here
gives the same bits. How the rate falls, which multiplier it reads and the form of a decoupled decay
differ in the host's scalars alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple

from array_api_compat import array_namespace

from ..choice import chosen, constant
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
from .rule import asgd, averaged

Array = Any
# L2 scaled by a denominator has none here
Forms = Literal["none", "l2", "paper", "lr", "fixed", "initial_lr", "proximal", "corrected",
                "masked"]  # fmt: skip


class AsgdScalars(NamedTuple):
    """The scalars of one step of the ASGD family; None where the line is absent."""

    step: Any = None
    penalty: Any = None
    mu: Any = None
    one_minus_mu: Any = None
    clip: Any = None
    l2: Any = None
    decay: Any = None


@dataclass(frozen=True)
class AsgdDialect(Dialect):
    """ASGD: how its rate γ falls, and where the second decay stands.

    ``count``: γ and μ count the steps that are "done", t-1 (Bottou, PyTorch), or this one too,
    "all". ``raised``: γ is η α over (1 + λ_d η α c)^a, the "sum" raised to a (Bottou), or over 1 +
    λ_d η α c^a, the "count" alone (PyTorch's foreach, once). ``schedule``: η is read "now" or is
    the last step's, "late" (PyTorch). A decoupled decay follows α, not γ. ``clip``: g is clipped by
    value, with the L2 term ("sum") or before it. The average is the same under every answer but
    that to ``count``.
    """

    form: Forms = form_question("paper")
    order: Order = order_question()
    count: Literal["done", "all"] = question("done", lines={"all": "done"})
    raised: Literal["sum", "count"] = question("sum", lines={"count": "sum"})
    schedule: Reading = schedule_question()
    clip: Clip = "none"

    family = "asgd"

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the state arrays."""
        return ("average",)

    @property
    def hyper(self) -> tuple[str, ...]:
        """Names of the hyperparameters that the dialect reads."""
        own = ("learning_rate", "penalty", "exponent", "onset", "weight_decay")
        return (*own, *clipping(self.clip))

    @property
    def apply(self) -> Apply:
        """The rule as a pure function of arrays."""
        alike = self.structure()
        plain = alike.form not in UNWRITTEN and alike == AsgdDialect(form=alike.form)
        return asgd if plain else self.rule()

    def rule(self) -> Apply:
        """The rule with all its questions."""
        return partial(asgd_dialect, self)

    def scalars(
        self, h: Hyper, t: int, eta: Any, *, before: Any = None, sqrt: Sqrt = math.sqrt
    ) -> AsgdScalars:
        """Scalars of step `t` (from 1) under the multiplier `eta`; `before` is the last step's."""
        eta = read(self.schedule, eta, before)
        count = t - 1 if self.count == "done" else t
        mu, one_minus_mu = shares(count, h["onset"])
        return AsgdScalars(
            step=self._rate(h, count, eta * h["learning_rate"]),
            penalty=h["penalty"],
            mu=mu,
            one_minus_mu=one_minus_mu,
            clip=h["clip"] if self.clip != "none" else None,
            **coefficients(self.form, h, eta),
        )

    def _rate(self, h: Hyper, count: Any, rate: Any) -> Any:
        """Return γ, which begins as `rate`."""
        falls = h["penalty"] * rate
        if self.raised == "count":
            return rate / (1 + falls * constant(count, h["exponent"]) ** h["exponent"])
        return rate * (1 + falls * count) ** -h["exponent"]  # Python raises where it overflows

    def recurrence(self) -> tuple[str, ...]:
        """The update rule in the paper's letters, one line a phase."""
        count = "(t-1)" if self.count == "done" else "t"
        below = f"(1 + λ_d η α {count})^a" if self.raised == "sum" else f"(1 + λ_d η α {count}^a)"
        gradient = gradient_line(self.form, "·", self.clip)
        steps = step_lines(self.form, self.order, "γ (g + λ_d θ)")
        average = f"θ̄ ← (1-μ) θ̄ + μ θ   (μ: 1/max(1, {count}-t0))"
        return (*read_lines(self.schedule, gradient, f"γ ← η α/{below}", *steps), average)


def shares(count: Any, onset: Any) -> tuple[Any, Any]:
    """Return μ and 1 - μ: the shares of the iterate in the average, and of the average before."""
    since = count - onset
    mu = chosen(since > 1, lambda: 1 / since, lambda: 1.0)
    return mu, 1 - mu


def asgd_dialect(
    d: AsgdDialect, theta: Array, g: Array, slots: Sequence[Array], s: Any, /
) -> tuple[Array, tuple[Array]]:
    """One step of the ASGD dialect `d`.

    ::

        g = ∇f(θ) [+ λ θ]
        θ = θ - γ (g + λ_d θ), with the decay together or after
        θ̄ = (1 - μ) θ̄ + μ θ
    """
    xp = array_namespace(theta, g)
    (average,) = slots

    # GRADIENT
    if d.clip == "gradient":
        g = clipped(xp, g, s.clip)
    if s.l2 is not None:
        g = g + s.l2 * theta
    if d.clip == "sum":
        g = clipped(xp, g, s.clip)

    # STEP
    theta = moved(d, theta, s.step * (g + s.penalty * theta), s)

    # AVERAGE
    return theta, (averaged(average, theta, s),)
