"""Adam under other answers than Algorithm 2's: the Adam family of dialects.

The phases and their order are those of the paper's file; with the paper's answers the function here
gives the same bits. The form of the decay, ε added before the bias
correction ("hat") and a miscounted t differ in the host's scalars alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, NamedTuple, Self

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
    decaying,
    gradient_line,
    read,
    read_lines,
    step_lines,
)
from .rule import adam

Array = Any


class AdamScalars(NamedTuple):
    """The scalars of one step of the Adam family; None where the line is absent."""

    step: Any = None
    beta1: Any = None
    one_minus_beta1: Any = None
    beta2: Any = None
    one_minus_beta2: Any = None
    bias1: Any = None
    bias2: Any = None
    bias2_before: Any = None
    eps: Any = None
    eps_before: Any = None
    clip: Any = None
    l2: Any = None
    decay: Any = None


@dataclass(frozen=True)
class AdamDialect(Dialect):
    """Adam: where ε, the bias correction, AMSGrad's maximum and the decay stand.

    ``eps``: outside √v̂ (the paper), "hat" (√v + ε before the correction: ε/√(1-β2^t) after it),
    inside the root, "both" inside and outside, or "clamp", max(√v̂, ε).
    ``bias``: both moments corrected, none, the first only, with t one "ahead" or one "behind"
    (no correction at the first step), or the corrected moments stored back "in_place".
    ``amsgrad``: the maximum over v ("raw") or over v̂ ("hat"). ``schedule``: η is read "now" or is
    the last step's, "late". ``clip``: g is clipped by value, with the L2 term ("sum") or before it.
    """

    form: Form = form_question("paper")
    order: Order = order_question()
    eps: Literal["outside", "hat", "inside", "both", "clamp"] = question(
        "outside",
        lines={"hat": "outside"},
        scalars={"inside": "outside", "both": "outside", "clamp": "outside"},
    )
    bias: Literal["both", "none", "first", "ahead", "behind", "in_place"] = question(
        "both", lines={"ahead": "both", "behind": "both"}
    )
    amsgrad: Literal["none", "raw", "hat"] = question(
        "none", scalars={"raw": "none", "hat": "none"}
    )
    schedule: Reading = schedule_question()
    clip: Clip = "none"

    family = "adam"

    @property
    def hyper(self) -> tuple[str, ...]:
        """Names of the hyperparameters that the dialect reads."""
        names = ("learning_rate", "beta1", "beta2", "eps", "weight_decay")
        return (*names, *clipping(self.clip))

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the state arrays."""
        return ("m", "v") if self.amsgrad == "none" else ("m", "v", "v_max")

    @property
    def apply(self) -> Apply:
        """The rule as a pure function of arrays."""
        plain = self.form not in UNWRITTEN_DIVIDED and self == AdamDialect(
            form=self.form, eps=self.eps
        )
        return adam if plain and self.eps in ("outside", "hat") else self.rule()

    def rule(self) -> Apply:
        """The rule with all its questions."""
        return partial(adam_dialect, self)

    def scalars(
        self, h: Hyper, t: int, eta: Any, *, before: Any = None, sqrt: Sqrt = math.sqrt
    ) -> AdamScalars:
        """Scalars of step `t` (from 1) under the multiplier `eta`; `before` is the last step's."""
        eta = read(self.schedule, eta, before)
        count = t + {"ahead": 1, "behind": -1}.get(self.bias, 0)
        bias1 = None if self.bias == "none" else correction(h["beta1"], count)
        bias2 = None if self.bias in ("none", "first") else correction(h["beta2"], count)
        scaled = self.form == "scaled_l2" and bias2 is not None
        bias2_before = correction(h["beta2"], count - 1) if scaled else None
        return AdamScalars(
            step=eta * h["learning_rate"],
            beta1=h["beta1"],
            one_minus_beta1=1 - h["beta1"],
            beta2=h["beta2"],
            one_minus_beta2=1 - h["beta2"],
            bias1=bias1,
            bias2=bias2,
            bias2_before=bias2_before if self.bias != "in_place" else None,
            eps=self._eps(h, bias2, sqrt),
            eps_before=self._eps(h, bias2_before, sqrt) if self.form == "scaled_l2" else None,
            clip=h["clip"] if self.clip != "none" else None,
            **coefficients(self.form, h, eta),
        )

    def _eps(self, h: Hyper, bias2: Any, sqrt: Sqrt) -> Any:
        exact = self.eps != "hat" or bias2 in (None, 1.0)
        return h["eps"] if exact else h["eps"] / sqrt(bias2)

    def recurrence(self) -> tuple[str, ...]:
        """The update rule in the paper's letters, one line a phase."""
        t = {"ahead": "(t+1)", "behind": "(t-1)"}.get(self.bias, "t")
        m_hat = "m" if self.bias == "none" else f"m/(1-β1^{t})"
        v_hat = "v" if self.bias in ("none", "first") else f"v/(1-β2^{t})"
        moments = ["m ← β1 m + (1-β1) g", "v ← β2 v + (1-β2) g²"]
        if self.bias == "in_place":
            moments += [f"m ← {m_hat}, v ← {v_hat}"]
            m_hat, v_hat = "m", "v"
        moments += [f"m̂ ← {m_hat}"]
        if self.amsgrad == "raw":
            moments += ["v_max ← max(v_max, v)", f"v̂ ← {v_hat.replace('v', 'v_max', 1)}"]
        elif self.amsgrad == "hat":
            moments += [f"v_max ← max(v_max, {v_hat})", "v̂ ← v_max"]
        else:
            moments += [f"v̂ ← {v_hat}"]
        step = f"η α m̂/({self._denominator(t)})"
        lines = step_lines(self.form, self.order, step)
        if self.bias == "behind":
            moments[2] += "   (first step: not corrected)"
        gradient = gradient_line(self.form, "s", self.clip)
        return read_lines(self.schedule, gradient, *moments, *lines)

    def _denominator(self, t: str) -> str:
        return {
            "outside": "√v̂ + ε",
            "hat": "√v̂ + ε" if self.bias in ("none", "first") else f"√v̂ + ε/√(1-β2^{t})",
            "inside": "√(v̂ + ε)",
            "both": "√(v̂ + ε) + ε",
            "clamp": "max(√v̂, ε)",
        }[self.eps]

    def plain(self) -> Self:
        """Return the same function in the plainest words."""
        found, change = super().plain(), dict[str, Any]()
        uncorrected = self.bias in ("none", "first")
        if uncorrected and self.eps == "hat":
            change["eps"] = "outside"
        if self.amsgrad == "hat" and (uncorrected or self.bias == "in_place"):
            change["amsgrad"] = "raw"
        return replace(found, **change)


def correction(beta: Any, count: int) -> Any:
    """Return 1 - β^t; 1 for a count of 0."""
    # a zero moment needs no correction; dividing it by 1 keeps one graph for every t
    return 1 - beta**count if count > 0 else 1.0


def adam_dialect(
    d: AdamDialect, theta: Array, g: Array, slots: Sequence[Array], s: Any, /
) -> tuple[Array, tuple[Array, ...]]:
    """One step of the Adam dialect `d`.

    ::

        g = ∇f(θ) [+ λ θ, or + λ s θ with s the denominator of the step before]
        m = β1 m + (1 - β1) g,  v = β2 v + (1 - β2) g²
        m̂ = m / (1 - β1^t),  v̂ = v / (1 - β2^t), or uncorrected, or stored back into m and v
        AMSGrad: the maximum of v (raw) or of v̂ (hat) over all steps so far
        θ = θ - η α m̂ / s, s by where ε stands, with the decay together or after
    """
    xp = array_namespace(theta, g)
    m, v, *v_max = slots

    # GRADIENT
    if d.clip == "gradient":
        g = clipped(xp, g, s.clip)
    if s.l2 is not None and d.form == "scaled_l2":
        before = v_max[0] if v_max else v
        before = before if d.amsgrad == "hat" else _corrected(before, s.bias2_before)
        g = g + s.l2 * (_denominator(d, xp, before, s.eps_before) * theta)
    elif s.l2 is not None:
        g = g + s.l2 * theta
    if d.clip == "sum":
        g = clipped(xp, g, s.clip)

    # MOMENTS
    m = s.beta1 * m + s.one_minus_beta1 * g
    v = s.beta2 * v + s.one_minus_beta2 * (g * g)
    m_hat = _corrected(m, s.bias1)
    v_hat = _corrected(v, s.bias2)
    if d.bias == "in_place":
        m, v = m_hat, v_hat
    new_slots: tuple[Array, ...] = (m, v)
    if d.amsgrad == "raw":
        biggest = xp.maximum(v_max[0], v)
        v_hat = biggest if d.bias == "in_place" else _corrected(biggest, s.bias2)
        new_slots = (m, v, biggest)
    elif d.amsgrad == "hat":
        v_hat = xp.maximum(v_max[0], v_hat)
        new_slots = (m, v, v_hat)

    # STEP
    step = s.step * (m_hat / _denominator(d, xp, v_hat, s.eps))
    if s.decay is None:
        return theta - step, new_slots
    if d.order == "after":
        new = theta - step
        return new - s.decay * new, new_slots
    return theta - (step + s.decay * decaying(d, theta, step)), new_slots


def _corrected(moment: Array, bias: Any) -> Array:
    return moment if bias is None else moment / bias


def _denominator(d: AdamDialect, xp: Any, v_hat: Array, eps: Any) -> Array:
    if d.eps in ("outside", "hat"):
        return xp.sqrt(v_hat) + eps
    if d.eps == "clamp":
        return xp.maximum(xp.sqrt(v_hat), xp.full_like(v_hat, eps))
    root = xp.sqrt(v_hat + eps)
    return root if d.eps == "inside" else root + eps
