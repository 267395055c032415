"""NAdam under other answers than Dozat's: the NAdam family of dialects.

The phases and their order are those of the paper's file; with the paper's answers the function here
gives the same bits. The schedule of μ, which of it the average m takes, and where ε stands differ
in the host's scalars alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, NamedTuple, Self

from array_api_compat import array_namespace

from ..choice import constant
from ..contract import (
    Apply,
    Dialect,
    Hyper,
    Running,
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
from .rule import nadam

Array = Any


class NadamScalars(NamedTuple):
    """The scalars of one step of the NAdam family; None where the line is absent."""

    step: Any = None
    beta1: Any = None
    one_minus_beta1: Any = None
    beta2: Any = None
    one_minus_beta2: Any = None
    ahead: Any = None
    bias_ahead: Any = None
    fresh: Any = None
    bias_fresh: Any = None
    bias2: Any = None
    bias2_before: Any = None
    eps: Any = None
    eps_before: Any = None
    clip: Any = None
    l2: Any = None
    decay: Any = None


@dataclass(frozen=True)
class NadamDialect(Dialect):
    """NAdam: the schedule of μ, where it enters, and where ε and the decay stand.

    ``ramp``: μ_t is β1 (1 - ½ 0.96^(t ψ)) ("psi", the paper), β1 (1 - ½ 0.96^t) ("whole") or β1
    ("none"). ``average``: m is kept with μ_t ("mu", the paper) or with β1. ``second``: v̂ has the
    paper's factor "beta2", or is v/(1-β2^t), "plain". ``eps``: outside √v̂, or "hat" (√v + ε before
    the correction). ``schedule``: η is read "now" or is the last step's, "late". ``clip``: g is
    clipped by value, with the L2 term ("sum") or before it.
    """

    form: Form = form_question("paper")
    order: Order = order_question()
    ramp: Literal["psi", "whole", "none"] = question("psi", lines={"whole": "psi", "none": "psi"})
    average: Literal["mu", "beta1"] = question("mu", lines={"beta1": "mu"})
    second: Literal["beta2", "plain"] = question("beta2", scalars={"beta2": "plain"})
    eps: Literal["outside", "hat"] = question("outside", lines={"hat": "outside"})
    schedule: Reading = schedule_question()
    clip: Clip = "none"

    family = "nadam"
    slots = ("m", "v")

    @property
    def hyper(self) -> tuple[str, ...]:
        """Names of the hyperparameters that the dialect reads."""
        psi = ("psi",) if self.ramp == "psi" else ()
        return ("learning_rate", "beta1", "beta2", *psi, "eps", "weight_decay",
                *clipping(self.clip))  # fmt: skip

    @property
    def running(self) -> tuple[Running, ...]:
        """The product of all μ so far; that of a constant is a power."""
        if self.ramp == "none":
            return ()
        return (Running("product", "Π", r"\Pi", 1.0, self._product, "Π ← Π μ_t"),)

    def _product(self, value: Any, h: Hyper, t: Any) -> Any:
        return value * self._mu(h, t)

    def _mu(self, h: Hyper, t: Any) -> Any:
        """Return μ_t."""
        if self.ramp == "none":
            return h["beta1"]
        base = constant(0.96, h["beta1"])
        power = base ** (t * h["psi"]) if self.ramp == "psi" else base**t
        return h["beta1"] * (1 - 0.5 * power)

    def _products(self, h: Hyper, t: int, mu: Any, ahead: Any) -> tuple[Any, Any]:
        """Return Π_t and Π_{t+1}."""
        if self.ramp == "none":
            return h["beta1"] ** t, h["beta1"] ** (t + 1)
        now = self.memory(h, t)["product"] * mu
        return now, now * ahead

    @property
    def apply(self) -> Apply:
        """The rule as a pure function of arrays."""
        # which differ in scalars alone
        same = replace(self, ramp="psi", average="mu", eps="outside")
        paper = self.form not in UNWRITTEN_DIVIDED and same == NadamDialect(form=self.form)
        return nadam if paper else self.rule()

    def rule(self) -> Apply:
        """The rule with all its questions."""
        return partial(nadam_dialect, self)

    def scalars(
        self, h: Hyper, t: int, eta: Any, *, before: Any = None, sqrt: Sqrt = math.sqrt
    ) -> NadamScalars:
        """Scalars of step `t` (from 1) under the multiplier `eta`; `before` is the last step's."""
        eta = read(self.schedule, eta, before)
        mu, ahead = self._mu(h, t), self._mu(h, t + 1)
        product, product_ahead = self._products(h, t, mu, ahead)
        average = mu if self.average == "mu" else h["beta1"]
        bias2 = correction(h["beta2"], t)
        scaled = self.form == "scaled_l2"
        bias2_before = correction(h["beta2"], t - 1) if scaled else None
        return NadamScalars(
            step=eta * h["learning_rate"],
            beta1=average,
            one_minus_beta1=1 - average,
            beta2=h["beta2"],
            one_minus_beta2=1 - h["beta2"],
            ahead=ahead,
            bias_ahead=1 - product_ahead,
            fresh=1 - mu,
            bias_fresh=1 - product,
            bias2=bias2,
            bias2_before=bias2_before,
            eps=self._eps(h, bias2, sqrt),
            eps_before=self._eps(h, bias2_before, sqrt) if scaled else None,
            clip=h["clip"] if self.clip != "none" else None,
            **coefficients(self.form, h, eta),
        )

    def _eps(self, h: Hyper, bias2: Any, sqrt: Sqrt) -> Any:
        return h["eps"] / sqrt(bias2) if self.eps == "hat" and bias2 != 1.0 else h["eps"]

    def recurrence(self) -> tuple[str, ...]:
        """The update rule in the paper's letters, one line a phase."""
        power = {"psi": "(1 - ½ 0.96^(t ψ))", "whole": "(1 - ½ 0.96^t)", "none": ""}[self.ramp]
        kept = "μ_t" if self.average == "mu" else "β1"
        factor = "β2 " if self.second == "beta2" else ""
        moments = [
            f"μ_t ← β1 {power}".rstrip() + ",  Π_t ← Π_{t-1} μ_t",
            f"m ← {kept} m + (1-{kept}) g",
            "v ← β2 v + (1-β2) g²",
            "m̂ ← μ_{t+1} m/(1-Π_{t+1}) + (1-μ_t) g/(1-Π_t)",
            f"v̂ ← {factor}v/(1-β2^t)",
        ]
        eps = "ε/√(1-β2^t)" if self.eps == "hat" else "ε"
        gradient = gradient_line(self.form, "s", self.clip)
        lines = step_lines(self.form, self.order, f"η α m̂/(√v̂ + {eps})")
        return read_lines(self.schedule, gradient, *moments, *lines)

    def plain(self) -> Self:
        """Return the same function in the plainest words: a constant μ is β1."""
        found = super().plain()
        return replace(found, average="beta1") if self.ramp == "none" else found


def correction(beta: Any, count: int) -> Any:
    """Return 1 - β^t; 1 for a count of 0."""
    return 1 - beta**count if count > 0 else 1.0  # a moment of 0 needs no correction


def nadam_dialect(
    d: NadamDialect, theta: Array, g: Array, slots: Sequence[Array], s: Any, /
) -> tuple[Array, tuple[Array, Array]]:
    """One step of the NAdam dialect `d`.

    ::

        g = ∇f(θ) [+ λ θ, or + λ s θ with s the denominator of the step before]
        m = μ_t m + (1 - μ_t) g, or with β1,  v = β2 v + (1 - β2) g²
        m̂ = μ_{t+1} m / (1 - Π_{t+1}) + (1 - μ_t) g / (1 - Π_t)
        v̂ = v / (1 - β2^t), or β2 times that
        θ = θ - η α m̂ / (√v̂ + ε), with the decay together or after
    """
    xp = array_namespace(theta, g)
    m, v = slots

    # GRADIENT
    if d.clip == "gradient":
        g = clipped(xp, g, s.clip)
    if s.l2 is not None and d.form == "scaled_l2":
        g = g + s.l2 * ((xp.sqrt(_second(d, v, s, s.bias2_before)) + s.eps_before) * theta)
    elif s.l2 is not None:
        g = g + s.l2 * theta
    if d.clip == "sum":
        g = clipped(xp, g, s.clip)

    # MOMENTS
    m = s.beta1 * m + s.one_minus_beta1 * g
    v = s.beta2 * v + s.one_minus_beta2 * (g * g)
    m_hat = s.ahead * m / s.bias_ahead + s.fresh * g / s.bias_fresh
    v_hat = _second(d, v, s, s.bias2)

    # STEP
    step = s.step * (m_hat / (xp.sqrt(v_hat) + s.eps))
    return moved(d, theta, step, s), (m, v)


def _second(d: NadamDialect, v: Array, s: Any, bias2: Any) -> Array:
    return s.beta2 * v / bias2 if d.second == "beta2" else v / bias2
