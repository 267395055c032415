"""Sophia under other answers than its Algorithm 3's: the Sophia family of dialects.

The phases and their order are those of the paper's file; with the paper's answers the function here
gives the same bits. The form of a decoupled decay differs in the host's scalars alone, and so does
whether a step takes in its estimate: β2 is 1 and 1 - β2 is 0 where it does not.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple

from array_api_compat import array_namespace

from ..choice import chosen, remainder
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
from .rule import sophia

Array = Any
# an L2 term is not scaled by a denominator that is bounded from below
SophiaForm = Literal["lr", "none", "l2", "paper", "fixed", "initial_lr", "proximal", "corrected",
                     "masked"]  # fmt: skip
UNPLAIN = ("l2", *UNWRITTEN)  # forms that the paper's file has no line for


class SophiaScalars(NamedTuple):
    """The scalars of one step of the Sophia family; None where the line is absent."""

    step: Any = None
    beta1: Any = None
    one_minus_beta1: Any = None
    beta2: Any = None
    one_minus_beta2: Any = None
    clip: Any = None
    bias1: Any = None
    gamma: Any = None
    eps: Any = None
    l2: Any = None
    decay: Any = None


@dataclass(frozen=True)
class SophiaDialect(Dialect):
    """Sophia: what is given for the curvature, when it is used, and what the step is divided by.

    ``estimate``: what is "given" is ĥ itself (the paper), or a gradient that is "squared"
    (Sophia-G, of labels drawn from the model). ``refresh``: h takes it in "before" it is used (the
    paper) or "after". ``scale``: h is multiplied by "gamma", γ, or by "one". ``eps``: γ h is
    "clamp"ed, max(γ h, ε) (the paper), or ε stands "outside", γ h + ε. ``bias``: m is read as it is
    ("none", the paper) or corrected as Adam's ("moment").
    """

    form: SophiaForm = form_question("lr")
    order: Order = order_question()
    estimate: Literal["given", "squared"] = question("given", scalars={"squared": "given"})
    refresh: Literal["before", "after"] = question("before", scalars={"after": "before"})
    scale: Literal["gamma", "one"] = question("gamma")
    eps: Literal["clamp", "outside"] = question("clamp", scalars={"outside": "clamp"})
    bias: Literal["none", "moment"] = question("none")
    schedule: Reading = schedule_question()
    clip: Clip = "none"

    family = "sophia"
    slots = ("m", "hessian")
    inputs = ("curvature",)

    @property
    def hyper(self) -> tuple[str, ...]:
        """Names of the hyperparameters that the dialect reads."""
        gamma = ("gamma",) if self.scale == "gamma" else ()
        names = ("learning_rate", "beta1", "beta2", "eps", *gamma, "interval", "weight_decay")
        return (*names, *clipping(self.clip))

    @property
    def apply(self) -> Apply:
        """The rule as a pure function of arrays."""
        plain = SophiaDialect(form=self.form, schedule=self.schedule)
        return sophia if self == plain and self.form not in UNPLAIN else self.rule()

    def rule(self) -> Apply:
        """The rule with all its questions."""
        return partial(sophia_dialect, self)

    def due(self, h: Hyper, t: Any) -> Any:
        """Whether step `t` reads its estimate: the first of every k."""
        return remainder(t - 1, h["interval"]) < 1.0

    def scalars(
        self, h: Hyper, t: int, eta: Any, *, before: Any = None, sqrt: Sqrt = math.sqrt
    ) -> SophiaScalars:
        """Scalars of step `t` (from 1) under the multiplier `eta`; `before` is the last step's."""
        eta = read(self.schedule, eta, before)
        due = self.due(h, t)
        return SophiaScalars(
            step=eta * h["learning_rate"],
            beta1=h["beta1"],
            one_minus_beta1=1 - h["beta1"],
            beta2=chosen(due, lambda: h["beta2"], lambda: 1.0),
            one_minus_beta2=chosen(due, lambda: 1 - h["beta2"], lambda: 0.0),
            clip=h["clip"] if self.clip != "none" else None,
            bias1=1 - h["beta1"] ** t if self.bias == "moment" else None,
            gamma=h["gamma"] if self.scale == "gamma" else None,
            eps=h["eps"],
            **coefficients(self.form, h, eta),
        )

    def recurrence(self) -> tuple[str, ...]:
        """The update rule in the paper's letters, one line a phase."""
        taken = "ĥ²" if self.estimate == "squared" else "ĥ"
        h = "γ h" if self.scale == "gamma" else "h"
        below = f"max({h}, ε)" if self.eps == "clamp" else f"({h} + ε)"
        corrected = self.bias == "moment"
        curvature = f"h ← β2 h + (1-β2) {taken}   (every k steps)"
        lines = [gradient_line(self.form, "·", self.clip), "m ← β1 m + (1-β1) g",
                 *(("m̂ ← m/(1-β1^t)",) if corrected else ()),
                 *((curvature,) if self.refresh == "before" else ())]  # fmt: skip
        step = f"η α clip({'m̂' if corrected else 'm'}/{below}, 1)"
        lines += step_lines(self.form, self.order, step)
        lines += [curvature] if self.refresh == "after" else []
        return read_lines(self.schedule, *lines)


def sophia_dialect(
    d: SophiaDialect, theta: Array, g: Array, slots: Sequence[Array], s: Any, /
) -> tuple[Array, tuple[Array, Array]]:
    """One step of the Sophia dialect `d`.

    ::

        g = ∇f(θ) [+ λ θ]
        m = β1 m + (1 - β1) g
        m̂ = m, or m / (1 - β1^t)
        h' = β2 h + (1 - β2) ĥ, or ĥ² for ĥ, every k steps
        u = m̂ / max(γ h, ε), or m̂ / (γ h + ε), of h' or of the h before
        θ = θ - η α clip(u, 1), with the decay together or after
    """
    xp = array_namespace(theta, g)
    m, h, estimate = slots

    # GRADIENT
    if d.clip == "gradient":
        g = clipped(xp, g, s.clip)
    if s.l2 is not None:
        g = g + s.l2 * theta
    if d.clip == "sum":
        g = clipped(xp, g, s.clip)

    # MOMENT
    m = s.beta1 * m + s.one_minus_beta1 * g
    m_hat = m if s.bias1 is None else m / s.bias1

    # CURVATURE
    if d.estimate == "squared":
        estimate = estimate * estimate
    new_h = s.beta2 * h + s.one_minus_beta2 * estimate
    used = new_h if d.refresh == "before" else h

    # STEP
    scaled = used if s.gamma is None else s.gamma * used
    floor = xp.full_like(scaled, s.eps)
    below = xp.maximum(scaled, floor) if d.eps == "clamp" else scaled + s.eps
    return moved(d, theta, s.step * clipped(xp, m_hat / below, 1.0), s), (m, new_h)
