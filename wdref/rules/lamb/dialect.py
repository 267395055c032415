"""LAMB under other answers than its Algorithm 2's: the LAMB family of dialects.

The phases and their order are those of the paper's file; with the paper's answers the function here
gives the same bits. The form of a decay outside the ratio, ε added before the bias correction
("hat") and a miscounted t differ in the host's scalars alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, NamedTuple, Self

from array_api_compat import array_namespace

from ...sums import Rounds, Sum
from ..choice import chosen, smaller
from ..contract import Asking, Dialect, Hyper, Scope, Sqrt, question, schedule_question
from ..decay import (
    DECOUPLED,
    ByNorm,
    Reading,
    coefficients,
    gradient_line,
    read,
    read_lines,
    step_lines,
)
from ..trust import trust
from .rule import lamb

Array = Any
LambForm = Literal["ratio", "none", "l2", "paper", "lr", "fixed", "initial_lr", "proximal",
                   "corrected"]  # fmt: skip


class LambScalars(NamedTuple):
    """The scalars of one step of the LAMB family; None where the line is absent."""

    step: Any = None
    beta1: Any = None
    one_minus_beta1: Any = None
    beta2: Any = None
    one_minus_beta2: Any = None
    bias1: Any = None
    bias2: Any = None
    eps: Any = None
    l2: Any = None
    decay: Any = None


@dataclass(frozen=True)
class LambDialect(Dialect):
    """LAMB: where the decay, ε and the bias correction stand, and what bounds the ratio.

    ``form``: "ratio" is the paper's, λ θ inside the trust ratio; the others are those of Adam,
    whose decay is no part of u. ``order``: of these, "before" decays θ first, so that the ratio
    reads what is left; "together" reads θ_{t-1} in both. ``eps``: outside √v̂ (the paper), "hat" or
    inside the root. ``bias``: both moments corrected or none. ``trust``: the ratio is "free", or
    "bounded" by 1. ``undecayed``: what a λ of 0 means: the "ratio" all the same, or "adam".
    """

    form: LambForm = question("ratio", lines=dict.fromkeys(DECOUPLED, "paper"))
    order: ByNorm = question("together", scalars={"after": "together", "before": "together"})
    eps: Literal["outside", "hat", "inside"] = question(
        "outside", lines={"hat": "outside"}, scalars={"inside": "outside"}
    )
    bias: Literal["both", "none"] = question("both")
    trust: Literal["free", "bounded"] = question("free", scalars={"bounded": "free"})
    undecayed: Literal["ratio", "adam"] = question("ratio", scalars={"adam": "ratio"})
    schedule: Reading = schedule_question()

    family = "lamb"
    hyper = ("learning_rate", "beta1", "beta2", "eps", "weight_decay")
    slots = ("m", "v")

    @property
    def scope(self) -> Scope:
        """A step reads the norms of its tensor."""
        return "tensor"

    @property
    def rounds(self) -> Asking:
        """The rule as a generator that asks for sums."""
        plain = self.form in ("ratio", "none") and self == LambDialect(
            form=self.form, eps=self.eps, schedule=self.schedule
        )
        return lamb if plain and self.eps in ("outside", "hat") else self.rule()

    def rule(self) -> Asking:  # type: ignore[override]  # one that asks
        """The rule with all its questions."""
        return partial(lamb_dialect, self)

    def scalars(
        self, h: Hyper, t: int, eta: Any, *, before: Any = None, sqrt: Sqrt = math.sqrt
    ) -> LambScalars:
        """Scalars of step `t` (from 1) under the multiplier `eta`; `before` is the last step's."""
        eta = read(self.schedule, eta, before)
        corrected = self.bias == "both"
        bias2 = 1 - h["beta2"] ** t if corrected else None
        hat = self.eps == "hat" and bias2 is not None
        return LambScalars(
            step=eta * h["learning_rate"],
            beta1=h["beta1"],
            one_minus_beta1=1 - h["beta1"],
            beta2=h["beta2"],
            one_minus_beta2=1 - h["beta2"],
            bias1=1 - h["beta1"] ** t if corrected else None,
            bias2=bias2,
            eps=h["eps"] / sqrt(bias2) if hat else h["eps"],
            **coefficients(self.form, h, eta),
        )

    def recurrence(self) -> tuple[str, ...]:
        """The update rule in the paper's letters, one line a phase."""
        corrected = self.bias == "both"
        m_hat, v_hat = ("m/(1-β1^t)", "v/(1-β2^t)") if corrected else ("m", "v")
        hat = "√v̂ + ε/√(1-β2^t)" if corrected else "√v̂ + ε"
        below = {"outside": "√v̂ + ε", "hat": hat, "inside": "√(v̂ + ε)"}[self.eps]
        inside = " + λ θ" if self.form == "ratio" else ""
        ratio = "min(‖θ‖/‖u‖, 1)" if self.trust == "bounded" else "‖θ‖/‖u‖"
        rest = "   (1 where a norm is 0)"
        if self.undecayed == "adam":
            rest = "   (1 where a norm or λ is 0)"
        lines = [gradient_line(self.form, "", "none"), "m ← β1 m + (1-β1) g",
                 "v ← β2 v + (1-β2) g²", f"m̂ ← {m_hat}", f"v̂ ← {v_hat}",
                 f"u ← m̂/({below}){inside}"]  # fmt: skip
        step = "η α r u"
        ends = step_lines(self.form, self.order, step)
        before, after = ends[: self.order == "before"], ends[self.order == "before" :]
        return read_lines(self.schedule, *before, *lines, f"r ← {ratio}{rest}", *after)

    def plain(self) -> Self:
        """Return the same function in the plainest words."""
        found, change = super().plain(), dict[str, Any]()
        if found.bias == "none" and found.eps == "hat":
            change["eps"] = "outside"
        if found.form == "none" and found.undecayed == "adam":  # there is no ratio to bound
            change["trust"] = "free"
        return replace(found, **change)


def lamb_dialect(
    d: LambDialect, theta: Array, g: Array, slots: Sequence[Array], s: Any, /
) -> Rounds:
    """One step of the LAMB dialect `d` on one tensor.

    ::

        θ = θ - k θ                       a decay outside the ratio, before the step
        g = ∇f(θ) [+ λ θ]
        m = β1 m + (1 - β1) g,  v = β2 v + (1 - β2) g²
        m̂ = m / (1 - β1^t),  v̂ = v / (1 - β2^t), or uncorrected
        u = m̂ / (√v̂ + ε) [+ λ θ inside the ratio]
        θ = θ - η α (‖θ‖/‖u‖) u, with a decay outside the ratio together or after
    """
    xp = array_namespace(theta, g)
    m, v = slots
    outside = s.decay is not None and d.form != "ratio"

    # GRADIENT
    if outside and d.order == "before":
        theta = theta - s.decay * theta
    if s.l2 is not None:
        g = g + s.l2 * theta

    # MOMENTS
    m = s.beta1 * m + s.one_minus_beta1 * g
    v = s.beta2 * v + s.one_minus_beta2 * (g * g)
    m_hat = m if s.bias1 is None else m / s.bias1
    v_hat = v if s.bias2 is None else v / s.bias2

    # RATIO
    root = xp.sqrt(v_hat + s.eps) if d.eps == "inside" else xp.sqrt(v_hat) + s.eps
    u = m_hat / root
    if s.decay is not None and d.form == "ratio":
        u = u + s.decay * theta
    theta2, u2 = yield Sum(theta * theta), Sum(u * u)
    ratio = _bounded(d, trust(theta2, u2), s)

    # STEP
    step = (s.step * ratio) * u
    if not outside or d.order == "before":
        return theta - step, (m, v)
    if d.order == "after":
        new = theta - step
        return new - s.decay * new, (m, v)
    return theta - (step + s.decay * theta), (m, v)


def _bounded(d: LambDialect, ratio: Any, s: Any) -> Any:
    """The ratio of a dialect that bounds it, or has none where λ is 0."""
    if d.trust == "bounded":
        ratio = smaller(ratio, 1.0)
    if d.undecayed == "ratio":
        return ratio
    lam = s.decay if s.decay is not None else s.l2
    return 1.0 if lam is None else chosen(lam > 0.0, lambda: ratio, lambda: 1.0)
