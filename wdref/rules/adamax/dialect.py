"""Adamax under other answers than the paper's: the Adamax family of dialects.

The phases and their order are those of the paper's file; with the paper's answers the function here
gives the same bits. The correction of m's bias stands in the host's scalars alone.
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
    question,
    schedule_question,
)
from ..decay import (
    UNWRITTEN_DIVIDED,
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
from .rule import adamax

Array = Any


class AdamaxScalars(NamedTuple):
    """The scalars of one step of the Adamax family; None where the line is absent."""

    step: Any = None
    beta1: Any = None
    one_minus_beta1: Any = None
    beta2: Any = None
    bias2: Any = None
    bias2_before: Any = None
    eps: Any = None
    clip: Any = None
    l2: Any = None
    decay: Any = None


@dataclass(frozen=True)
class AdamaxDialect(Dialect):
    """Adamax: where ε, the bias correction and the decay stand.

    ``eps``: "none" (the paper), "num" beside the gradient, max(β2 u, |g| + ε) (PyTorch, optax),
    "old" beside the norm so far, max(β2 u + ε, |g|), where it adds up (Paddle), or "out", u + ε
    (Keras, MLX, TensorFlow). ``bias``: the "first" moment is corrected (the paper), or with t one
    "ahead" or one "behind", "none" (MLX), or "both", the norm too, u/(1-β2^t).
    ``schedule``: η is read "now" or is the last step's, "late". ``clip``: g is clipped by value,
    with the L2 term ("sum") or before it.
    """

    form: Form = form_question("paper")
    order: Order = order_question()
    eps: Literal["none", "num", "out", "old"] = question(
        "none", scalars={"num": "out", "old": "out"}
    )
    bias: Literal["first", "none", "both", "ahead", "behind"] = question(
        "first", lines={"none": "first", "ahead": "first", "behind": "first"}
    )
    schedule: Reading = schedule_question()
    clip: Clip = "none"

    family = "adamax"

    @property
    def hyper(self) -> tuple[str, ...]:
        """Names of the hyperparameters that the dialect reads."""
        eps = () if self.eps == "none" else ("eps",)
        return ("learning_rate", "beta1", "beta2", *eps, "weight_decay", *clipping(self.clip))

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the state arrays."""
        return ("m", "u")

    @property
    def apply(self) -> Apply:
        """The rule as a pure function of arrays."""
        alike = self.structure()
        plain = alike.form not in UNWRITTEN_DIVIDED and alike == AdamaxDialect(form=alike.form)
        return adamax if plain else self.rule()

    def rule(self) -> Apply:
        """The rule with all its questions."""
        return partial(adamax_dialect, self)

    def scalars(
        self, h: Hyper, t: int, eta: Any, *, before: Any = None, sqrt: Sqrt = math.sqrt
    ) -> AdamaxScalars:
        """Scalars of step `t` (from 1) under the multiplier `eta`; `before` is the last step's."""
        eta = read(self.schedule, eta, before)
        count = t + {"ahead": 1, "behind": -1}.get(self.bias, 0)
        step, both = eta * h["learning_rate"], self.bias == "both"
        scaled = both and self.form == "scaled_l2"
        return AdamaxScalars(
            step=step if self.bias == "none" else step / correction(h["beta1"], count),
            beta1=h["beta1"],
            one_minus_beta1=1 - h["beta1"],
            beta2=h["beta2"],
            bias2=correction(h["beta2"], t) if both else None,
            bias2_before=correction(h["beta2"], t - 1) if scaled else None,
            eps=h["eps"] if self.eps != "none" else None,
            clip=h["clip"] if self.clip != "none" else None,
            **coefficients(self.form, h, eta),
        )

    def recurrence(self) -> tuple[str, ...]:
        """The update rule in the paper's letters, one line a phase."""
        t = {"ahead": "(t+1)", "behind": "(t-1)"}.get(self.bias, "t")
        norm = {"num": "max(β2 u, |g| + ε)", "old": "max(β2 u + ε, |g|)"}
        moments = ["m ← β1 m + (1-β1) g", f"u ← {norm.get(self.eps, 'max(β2 u, |g|)')}"]
        u = "u"
        if self.bias == "both":
            moments, u = [*moments, "û ← u/(1-β2^t)"], "û"
        rate = "η α" if self.bias == "none" else f"η α/(1-β1^{t})"
        below = f"({u} + ε)" if self.eps == "out" else u
        note = "   (first step: not corrected)" if self.bias == "behind" else ""
        lines = step_lines(self.form, self.order, f"{rate} m/{below}")
        gradient = gradient_line(self.form, "s", self.clip)
        return read_lines(self.schedule, gradient, *moments, lines[0] + note, *lines[1:])


def correction(beta: Any, count: int) -> Any:
    """Return 1 - β^t; 1 for a count of 0."""
    return 1 - beta**count if count > 0 else 1.0


def adamax_dialect(
    d: AdamaxDialect, theta: Array, g: Array, slots: Sequence[Array], s: Any, /
) -> tuple[Array, tuple[Array, ...]]:
    """One step of the Adamax dialect `d`.

    ::

        g = ∇f(θ) [+ λ θ, or + λ s θ with s the denominator of the step before]
        m = β1 m + (1 - β1) g
        u = max(β2 u, |g|), with ε beside |g| (num), beside β2 u (old), or in neither
        s = u, or u/(1 - β2^t), or that plus ε (out)
        θ = θ - η α/(1 - β1^t) m / s, corrected or not, with the decay together or after
    """
    xp = array_namespace(theta, g)
    m, u = slots

    # GRADIENT
    if d.clip == "gradient":
        g = clipped(xp, g, s.clip)
    if s.l2 is not None and d.form == "scaled_l2":
        g = g + s.l2 * (_denominator(d, u, s.bias2_before, s.eps) * theta)
    elif s.l2 is not None:
        g = g + s.l2 * theta
    if d.clip == "sum":
        g = clipped(xp, g, s.clip)

    # MOMENTS
    m = s.beta1 * m + s.one_minus_beta1 * g
    old, new = s.beta2 * u, abs(g)
    if d.eps == "num":
        new = new + s.eps
    if d.eps == "old":
        old = old + s.eps
    u = xp.maximum(old, new)

    # STEP
    step = s.step * (m / _denominator(d, u, s.bias2, s.eps))
    return moved(d, theta, step, s), (m, u)


def _denominator(d: AdamaxDialect, u: Array, bias: Any, eps: Any) -> Array:
    u = u if bias is None else u / bias
    return u + eps if d.eps == "out" else u
