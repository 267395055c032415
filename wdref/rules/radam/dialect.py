"""RAdam under other answers than Liu et al.'s: the RAdam family of dialects.

The phases and their order are those of the paper's file; with the paper's answers the function here
gives the same bits. The threshold, where ε stands and a miscounted t differ in the host's scalars
alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, NamedTuple, Self

from array_api_compat import array_namespace

from ..choice import chosen
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
from .rule import radam

Array = Any
SIGNS = {"over_4": "> 4", "over_5": "> 5", "from_5": "≥ 5"}


class RadamScalars(NamedTuple):
    """The scalars of one step of the RAdam family; None where the line is absent."""

    step: Any = None
    beta1: Any = None
    one_minus_beta1: Any = None
    beta2: Any = None
    one_minus_beta2: Any = None
    bias1: Any = None
    bias2: Any = None
    bias2_before: Any = None
    plain: Any = None
    rectified: Any = None
    eps: Any = None
    eps_before: Any = None
    clip: Any = None
    l2: Any = None
    decay: Any = None


@dataclass(frozen=True)
class RadamDialect(Dialect):
    """RAdam: from which ρ_t on the step is rectified, where ε stands, and the decay.

    ``threshold``: ρ_t > 4 (the paper), > 5, or ≥ 5 (the authors' program). ``eps``: none (the
    paper), outside √v̂, or "hat" (√v + ε before the correction: ε/√(1-β2^t) after it). ``bias``:
    both moments corrected, or all with t one "ahead". ``schedule``: η is read "now" or is the last
    step's, "late". ``clip``: g is clipped by value, with the L2 term ("sum") or before it.
    """

    form: Form = form_question("paper")
    order: Order = order_question()
    threshold: Literal["over_4", "over_5", "from_5"] = question(
        "over_4", lines={"over_5": "over_4", "from_5": "over_4"}
    )
    eps: Literal["none", "outside", "hat"] = question(
        "none", lines={"none": "outside", "hat": "outside"}
    )
    bias: Literal["both", "ahead"] = question("both", lines={"ahead": "both"})
    schedule: Reading = schedule_question()
    clip: Clip = "none"

    family = "radam"
    slots = ("m", "v")

    @property
    def hyper(self) -> tuple[str, ...]:
        """Names of the hyperparameters that the dialect reads."""
        eps = () if self.eps == "none" else ("eps",)
        return ("learning_rate", "beta1", "beta2", *eps, "weight_decay", *clipping(self.clip))

    @property
    def apply(self) -> Apply:
        """The rule as a pure function of arrays."""
        # which differ in scalars alone
        same = replace(self, threshold="over_4", eps="none", bias="both")
        paper = self.form not in UNWRITTEN_DIVIDED and same == RadamDialect(form=self.form)
        return radam if paper else self.rule()

    def rule(self) -> Apply:
        """The rule with all its questions."""
        return partial(radam_dialect, self)

    def scalars(
        self, h: Hyper, t: int, eta: Any, *, before: Any = None, sqrt: Sqrt = math.sqrt
    ) -> RadamScalars:
        """Scalars of step `t` (from 1) under the multiplier `eta`; `before` is the last step's."""
        eta = read(self.schedule, eta, before)
        count = t + (1 if self.bias == "ahead" else 0)
        bias2 = correction(h["beta2"], count)
        before_2 = correction(h["beta2"], count - 1) if self.form == "scaled_l2" else None
        rho, limit = lengths(h["beta2"], count, bias2)
        tractable = self._tractable(rho)
        return RadamScalars(
            step=eta * h["learning_rate"],
            beta1=h["beta1"],
            one_minus_beta1=1 - h["beta1"],
            beta2=h["beta2"],
            one_minus_beta2=1 - h["beta2"],
            bias1=correction(h["beta1"], count),
            bias2=bias2,
            bias2_before=before_2,
            plain=chosen(tractable, lambda: 0.0, lambda: 1.0),
            rectified=chosen(tractable, lambda: rectification(rho, limit, sqrt), lambda: 0.0),
            eps=chosen(tractable, lambda: self._eps(h, bias2, sqrt), lambda: 1.0),
            eps_before=self._eps(h, before_2, sqrt) if before_2 is not None else None,
            clip=h["clip"] if self.clip != "none" else None,
            **coefficients(self.form, h, eta),
        )

    def _tractable(self, rho: Any) -> Any:
        if self.threshold == "from_5":
            return rho >= 5
        return rho > (4 if self.threshold == "over_4" else 5)

    def _eps(self, h: Hyper, bias2: Any, sqrt: Sqrt) -> Any:
        if self.eps == "none":
            return 0.0
        return h["eps"] / sqrt(bias2) if self.eps == "hat" and bias2 != 1.0 else h["eps"]

    def recurrence(self) -> tuple[str, ...]:
        """The update rule in the paper's letters, one line a phase."""
        t = "(t+1)" if self.bias == "ahead" else "t"
        eps = {"none": "", "outside": " + ε", "hat": f" + ε/√(1-β2^{t})"}[self.eps]
        gradient = gradient_line(self.form, "s", self.clip)
        lines = step_lines(self.form, self.order, "η α u")
        moments = [
            "m ← β1 m + (1-β1) g",
            "v ← β2 v + (1-β2) g²",
            f"m̂ ← m/(1-β1^{t})",
            f"v̂ ← v/(1-β2^{t})",
            f"ρ ← ρ∞ - 2 {t} β2^{t}/(1-β2^{t})   (ρ∞: 2/(1-β2) - 1)",
            "r ← √((ρ-4) (ρ-2) ρ∞/((ρ∞-4) (ρ∞-2) ρ))",
            f"u ← r m̂/{f'(√v̂{eps})' if eps else '√v̂'} if ρ {SIGNS[self.threshold]}, else m̂",
        ]
        return read_lines(self.schedule, gradient, *moments, *lines)

    def plain(self) -> Self:
        """Return the same function in the plainest words.

        ρ_t = 5 is a polynomial equation in β2 with whole coefficients, the lowest of which is -4:
        a binary fraction that solves it is 2^-k, of which ρ_t < ρ∞ ≤ 3. So ≥ 5 is > 5.
        """
        found = super().plain()
        return replace(found, threshold="over_5") if self.threshold == "from_5" else found


def correction(beta: Any, count: int) -> Any:
    """Return 1 - β^t; 1 for a count of 0."""
    return 1 - beta**count if count > 0 else 1.0  # a moment of 0 needs no correction


def lengths(beta2: Any, count: int, bias2: Any) -> tuple[Any, Any]:
    """Return ρ_t and ρ∞, the lengths of the moving average of squares after t steps and at last."""
    limit = 2 / (1 - beta2) - 1
    return limit - 2 * count * beta2**count / bias2, limit


def rectification(rho: Any, limit: Any, sqrt: Sqrt) -> Any:
    """Return r_t, where ρ_t > 4."""
    above = (rho - 4) * (rho - 2) * limit
    return sqrt(above / ((limit - 4) * (limit - 2) * rho))


def radam_dialect(
    d: RadamDialect, theta: Array, g: Array, slots: Sequence[Array], s: Any, /
) -> tuple[Array, tuple[Array, Array]]:
    """One step of the RAdam dialect `d`.

    ::

        g = ∇f(θ) [+ λ θ, or + λ s θ with s the denominator of the step before]
        m = β1 m + (1 - β1) g,  v = β2 v + (1 - β2) g²
        m̂ = m / (1 - β1^t),  v̂ = v / (1 - β2^t)
        u = p m̂ + r m̂ / (√v̂ + e): r m̂ / (√v̂ + ε) where the variance is tractable, else m̂
        θ = θ - η α u, with the decay together or after
    """
    xp = array_namespace(theta, g)
    m, v = slots

    # GRADIENT
    if d.clip == "gradient":
        g = clipped(xp, g, s.clip)
    if s.l2 is not None and d.form == "scaled_l2":
        g = g + s.l2 * ((xp.sqrt(v / s.bias2_before) + s.eps_before) * theta)
    elif s.l2 is not None:
        g = g + s.l2 * theta
    if d.clip == "sum":
        g = clipped(xp, g, s.clip)

    # MOMENTS
    v = s.beta2 * v + s.one_minus_beta2 * (g * g)
    m = s.beta1 * m + s.one_minus_beta1 * g
    m_hat = m / s.bias1
    v_hat = v / s.bias2

    # STEP
    step = s.step * (s.plain * m_hat + s.rectified * (m_hat / (xp.sqrt(v_hat) + s.eps)))
    return moved(d, theta, step, s), (m, v)
