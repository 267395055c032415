"""StableAdamW under other answers than its Algorithm 2's: the StableAdamW family of dialects.

The phases and their order are those of the paper's file; with the paper's answers the function here
gives the same bits. The form of the decay, ε added before the bias correction ("hat") and averages
that are not corrected differ in the host's scalars alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, NamedTuple, Self

from array_api_compat import array_namespace

from ...sums import Count, Rounds, Sum
from ..choice import larger, quotient, root
from ..contract import (
    Asking,
    Dialect,
    Hyper,
    Scope,
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
from ..trust import rms
from .rule import stableadamw

Array = Any
# θ / (1 + η α λ) would be another line where the rate is clipped: no program has it
StableForm = Literal["lr", "none", "l2", "paper", "fixed", "initial_lr", "corrected", "ratio"]

UNPLAIN = ("l2", "ratio")  # forms that the paper's file has no line for


class StableScalars(NamedTuple):
    """The scalars of one step of the StableAdamW family; None where the line is absent."""

    step: Any = None
    beta1: Any = None
    one_minus_beta1: Any = None
    beta2: Any = None
    one_minus_beta2: Any = None
    bias1: Any = None
    bias2: Any = None
    eps: Any = None
    eps2: Any = None
    l2: Any = None
    decay: Any = None


@dataclass(frozen=True)
class StableDialect(Dialect):
    """StableAdamW: what is measured, what it shortens, and where ε and the correction stand.

    ``form``: the paper's is "lr"; "ratio" is λ θ in the step that is measured, as LAMB has it.
    ``measure``: the length is that of the gradient by its second moment, "clamped" from below,
    g/max(√v̂, ε) (the paper), or with ε "added", g/(√v̂ + ε); or of Adam's own "step", m̂/(√v̂ + ε).
    ``length``: its root mean square, "rms", or its "norm", no mean. ``rate``: the decay is taken
    with the "clipped" rate or with the "raw" one. ``eps``: outside √v̂ (the paper), "hat" or
    inside the root. ``bias``: both averages are corrected through the "rates" β̂, so that the slots
    hold m̂ and v̂ (the paper), or as the "moments" are read, as in Adam, or "none" is.
    """

    form: StableForm = question("lr", lines=dict.fromkeys(DECOUPLED, "lr"))
    order: Order = order_question()
    measure: Literal["clamped", "added", "step"] = question(
        "clamped", scalars={"added": "clamped", "step": "clamped"}
    )
    length: Literal["rms", "norm"] = question("rms", scalars={"norm": "rms"})
    rate: Literal["clipped", "raw"] = question("clipped", scalars={"raw": "clipped"})
    eps: Literal["outside", "hat", "inside"] = question(
        "outside", lines={"hat": "outside"}, scalars={"inside": "outside"}
    )
    bias: Literal["rates", "moments", "none"] = question("rates", lines={"none": "rates"})
    schedule: Reading = schedule_question()

    family = "stableadamw"
    hyper = ("learning_rate", "beta1", "beta2", "eps", "weight_decay")
    slots = ("m", "v")

    @property
    def scope(self) -> Scope:
        """A step reads a mean of its tensor."""
        return "tensor"

    @property
    def rounds(self) -> Asking:
        """The rule as a generator that asks for sums."""
        plain = self == StableDialect(
            form=self.form, eps=self.eps, bias=self.bias, schedule=self.schedule
        )
        written = self.eps in ("outside", "hat") and self.bias in ("rates", "none")
        return stableadamw if plain and written and self.form not in UNPLAIN else self.rule()

    def rule(self) -> Asking:  # type: ignore[override]  # one that asks
        """The rule with all its questions."""
        return partial(stable_dialect, self)

    def scalars(
        self, h: Hyper, t: int, eta: Any, *, before: Any = None, sqrt: Sqrt = math.sqrt
    ) -> StableScalars:
        """Scalars of step `t` (from 1) under the multiplier `eta`; `before` is the last step's."""
        eta = read(self.schedule, eta, before)
        beta1, beta2, eps = h["beta1"], h["beta2"], h["eps"]
        bias1, bias2 = 1 - beta1**t, 1 - beta2**t
        if self.bias == "rates":
            beta1, beta2 = _debiased(beta1, t, bias1), _debiased(beta2, t, bias2)
        if self.eps == "hat" and self.bias != "none":
            eps = eps / sqrt(bias2)
        moments = self.bias == "moments"
        return StableScalars(
            step=eta * h["learning_rate"],
            beta1=beta1,
            one_minus_beta1=1 - beta1,
            beta2=beta2,
            one_minus_beta2=1 - beta2,
            bias1=bias1 if moments else None,
            bias2=bias2 if moments else None,
            eps=eps,
            eps2=eps * eps if self.measure == "clamped" else None,
            **coefficients(self.form, h, eta),
        )

    def recurrence(self) -> tuple[str, ...]:
        """The update rule in the paper's letters, one line a phase."""
        hat = "̂" if self.bias == "rates" else ""
        lines = [gradient_line(self.form, "", "none")]
        if hat:
            lines += ["β̂ ← β (1-β^(t-1))/(1-β^t)   (of β1 and β2)"]
        lines += [f"m ← β{hat}1 m + (1-β{hat}1) g", f"v ← β{hat}2 v + (1-β{hat}2) g²"]
        moments = self.bias == "moments"
        lines += ["m̂ ← m/(1-β1^t)" if moments else "m̂ ← m",
                  "v̂ ← v/(1-β2^t)" if moments else "v̂ ← v"]  # fmt: skip
        eps = "ε/√(1-β2^t)" if self.eps == "hat" and self.bias != "none" else "ε"
        below = f"√(v̂ + {eps})" if self.eps == "inside" else f"√v̂ + {eps}"
        inside = " + λ θ" if self.form == "ratio" else ""
        lines += [f"u ← m̂/({below}){inside}"]
        what = {"clamped": f"g/max(√v̂, {eps})", "added": f"g/({below})", "step": "u"}
        length = "RMS" if self.length == "rms" else "norm"
        lines += [f"r ← 1/max(1, {length} of {what[self.measure]})"]
        ends = step_lines(self.form, self.order, "η α r u")
        if self.rate == "clipped":
            ends = tuple(map(_clipped, ends))
        return read_lines(self.schedule, *lines, *ends)

    def plain(self) -> Self:
        """Return the same function in the plainest words."""
        found, change = super().plain(), dict[str, Any]()
        if found.bias == "moments":  # β̂ makes the very averages that it corrects
            change["bias"] = "rates"
        if found.bias == "none" and found.eps == "hat":
            change["eps"] = "outside"
        if found.form in ("none", "l2", "ratio"):  # there is no decay that a rate is of
            change["rate"] = "clipped"
        if found.form == "ratio" and found.measure != "step":  # clipped with the step, unmeasured
            change["form"] = "lr"
        return replace(found, **change)


def _debiased(beta: Any, t: int, bias: Any) -> Any:
    """Return β̂, with which an average is corrected at every step."""
    return beta * (1 - beta ** (t - 1)) / bias


def _clipped(line: str) -> str:
    """Return a line of the recurrence with r beside the decay's coefficient."""
    for k in ("η² α λ", "η α λ", "η λ", "α λ", "λ"):
        if f"- {k} θ" in line:
            return line.replace(f"- {k} θ", f"- {k.removesuffix('λ')}r λ θ")
    return line


def stable_dialect(
    d: StableDialect, theta: Array, g: Array, slots: Sequence[Array], s: Any, /
) -> Rounds:
    """One step of the StableAdamW dialect `d` on one tensor.

    ::

        g = ∇f(θ) [+ λ θ]
        m = β̂1 m + (1 - β̂1) g,  v = β̂2 v + (1 - β̂2) g², or with β1 and β2 as they are
        m̂ = m,  v̂ = v, or m / (1 - β1^t),  v / (1 - β2^t)
        u = m̂ / (√v̂ + ε) [+ λ θ, where it is measured]
        r = 1 / max(1, RMS of g / max(√v̂, ε)), or of g / (√v̂ + ε), or of u
        θ = θ - η α r u, with a decay by r or without it, together or after
    """
    xp = array_namespace(theta, g)
    m, v = slots

    # GRADIENT
    if s.l2 is not None:
        g = g + s.l2 * theta

    # MOMENTS
    m = s.beta1 * m + s.one_minus_beta1 * g
    g2 = g * g
    v = s.beta2 * v + s.one_minus_beta2 * g2
    m_hat = m if s.bias1 is None else m / s.bias1
    v_hat = v if s.bias2 is None else v / s.bias2

    # CLIP
    below = xp.sqrt(v_hat + s.eps) if d.eps == "inside" else xp.sqrt(v_hat) + s.eps
    u = m_hat / below
    if d.form == "ratio" and s.decay is not None:
        u = u + s.decay * theta
    total, n = yield Sum(_squares(d, xp, g, g2, u, below, v_hat, s)), Count(g)
    longer = larger(1.0, rms(total, n) if d.length == "rms" else root(total))

    # STEP
    step = quotient(s.step, longer) * u
    if s.decay is None or d.form == "ratio":
        return theta - step, (m, v)
    k = quotient(s.decay, longer) if d.rate == "clipped" else s.decay
    if d.order == "after":
        new = theta - step
        return new - k * new, (m, v)
    return theta - (step + k * theta), (m, v)


def _squares(
    d: StableDialect, xp: Any, g: Array, g2: Array, u: Array, below: Array, v_hat: Array, s: Any
) -> Array:
    """The squares of what is measured."""
    if d.measure == "clamped":
        return g2 / xp.maximum(v_hat, xp.full_like(v_hat, s.eps2))
    measured = u if d.measure == "step" else g / below
    return measured * measured
