"""NovoGrad under other answers than its Algorithm 1's: the NovoGrad family of dialects.

The phases and their order are those of the paper's file; with the paper's answers the function here
gives the same bits. The form of a decay outside the moment, what the first step is, and an average
that begins with the second step differ in the host's scalars alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, NamedTuple, Self

from ...sums import Rounds, Sum
from ..choice import chosen, root
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
    moved,
    read,
    read_lines,
    step_lines,
)
from .rule import novograd

Array = Any
NovogradForm = Literal["moment", "none", "l2", "paper", "lr", "fixed", "initial_lr", "proximal",
                       "corrected"]  # fmt: skip
BEGINS = {"first": "   (first step: v ← ‖g‖²)", "again": "   (where v is 0: v ← ‖g‖²)", "zero": ""}


class NovogradScalars(NamedTuple):
    """The scalars of one step of the NovoGrad family; None where the line is absent."""

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
class NovogradDialect(Dialect):
    """NovoGrad: what the moment is made of, where the decay and ε stand, and how v begins.

    ``form``: "moment" is the paper's, λ θ beside the gradient in the moment; the others are those
    of every family. ``moment``: of the gradient "normalised" (the paper), or of the "raw" one,
    which is normalised after. ``averaging``: what the moment takes in is weighed by 1 ("none", the
    paper), by 1 - β1 ("all"), or so from the second step on ("later"). ``bias``: the moments are
    corrected as Adam's ("both") or not. ``start``: v is the "first" step's norm, that of any step
    before which it is 0 ("again"), or begins at "zero". ``eps``: outside √v, "later", which is not
    in the first step, as the paper's lines have it to the letter, or inside the root.
    """

    form: NovogradForm = question("moment", lines=dict.fromkeys(DECOUPLED, "paper"))
    order: Order = order_question()
    moment: Literal["normalised", "raw"] = question("normalised", scalars={"raw": "normalised"})
    averaging: Literal["none", "all", "later"] = question("none", lines={"later": "all"})
    bias: Literal["none", "both"] = question("none")
    start: Literal["first", "again", "zero"] = question(
        "first", lines={"zero": "first"}, scalars={"again": "zero"}
    )
    eps: Literal["outside", "later", "inside"] = question(
        "outside", lines={"later": "outside"}, scalars={"inside": "outside"}
    )
    schedule: Reading = schedule_question()

    family = "novograd"
    hyper = ("learning_rate", "beta1", "beta2", "eps", "weight_decay")
    slots = ("m", "v")

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """The second moment is one number a tensor."""
        return "like", "scalar"

    @property
    def scope(self) -> Scope:
        """A step reads the norm of its tensor."""
        return "tensor"

    @property
    def rounds(self) -> Asking:
        """The rule as a generator that asks for sums."""
        lines = self.structure()
        plain = lines == NovogradDialect(form=lines.form) and self.form in ("moment", "none")
        return novograd if plain else self.rule()

    def rule(self) -> Asking:  # type: ignore[override]  # one that asks
        """The rule with all its questions."""
        return partial(novograd_dialect, self)

    def scalars(
        self, h: Hyper, t: int, eta: Any, *, before: Any = None, sqrt: Sqrt = math.sqrt
    ) -> NovogradScalars:
        """Scalars of step `t` (from 1) under the multiplier `eta`; `before` is the last step's."""
        eta = read(self.schedule, eta, before)
        begins = t == 1 and self.start == "first"
        alone = t == 1 and self.averaging == "later"
        corrected = self.bias == "both"
        return NovogradScalars(
            step=eta * h["learning_rate"],
            beta1=h["beta1"],
            one_minus_beta1=None if self.averaging == "none" else 1.0 if alone else 1 - h["beta1"],
            beta2=0.0 if begins else h["beta2"],
            one_minus_beta2=1.0 if begins else 1 - h["beta2"],
            bias1=1 - h["beta1"] ** t if corrected else None,
            bias2=1 - h["beta2"] ** t if corrected else None,
            eps=0.0 if t == 1 and self.eps == "later" else h["eps"],
            **coefficients(self.form, h, eta),
        )

    def recurrence(self) -> tuple[str, ...]:
        """The update rule in the paper's letters, one line a phase."""
        corrected = self.bias == "both"
        v_hat, m_hat = ("v̂", "m̂") if corrected else ("v", "m")
        below = f"√({v_hat} + ε)" if self.eps == "inside" else f"(√{v_hat} + ε)"
        raw, inside = self.moment == "raw", " + λ θ" if self.form == "moment" else ""
        weight = "" if self.averaging == "none" else "(1-β1) u"
        taken = ("g" if raw else f"g/{below}") + inside
        lines = [gradient_line(self.form, "", "none"),
                 f"v ← β2 v + (1-β2) ‖g‖²{BEGINS[self.start]}",
                 *(("v̂ ← v/(1-β2^t)",) if corrected else ()),
                 *((f"u ← {taken}",) if weight else ()),
                 f"m ← β1 m + {weight or taken}{self._later()}",
                 *(("m̂ ← m/(1-β1^t)",) if corrected else ())]  # fmt: skip
        step = f"η α {m_hat}/{below}" if raw else f"η α {m_hat}"
        return read_lines(self.schedule, *lines, *step_lines(self.form, self.order, step))

    def plain(self) -> Self:
        """Return the same function in the plainest words.

        Without ε a first gradient of 0 is 0/0, and no v after it is 0.
        """
        found = super().plain()
        again = found.eps == "later" and found.start == "again"
        return replace(found, start="first") if again else found

    def _later(self) -> str:
        """What is other in the first step."""
        said = ["m ← u"] if self.averaging == "later" else []
        said += ["ε is 0"] if self.eps == "later" else []
        return f"   (first step: {', '.join(said)})" if said else ""


def novograd_dialect(
    d: NovogradDialect, theta: Array, g: Array, slots: Sequence[Any], s: Any, /
) -> Rounds:
    """One step of the NovoGrad dialect `d` on one tensor.

    ::

        g = ∇f(θ) [+ λ θ]
        v = β2 v + (1 - β2) ‖g‖²,  or ‖g‖² where it begins
        v̂ = v, or v / (1 - β2^t)
        u = g / (√v̂ + ε), or g where it is raw, [+ λ θ in the moment]
        m = β1 m + u, or β1 m + (1 - β1) u
        m̂ = m, or m / (1 - β1^t);  raw, m̂ / (√v̂ + ε)
        θ = θ - η α m̂, with a decay outside the moment together or after
    """
    m, v = slots

    # GRADIENT
    if s.l2 is not None:
        g = g + s.l2 * theta

    # NORM
    (g2,) = yield (Sum(g * g),)
    new = s.beta2 * v + s.one_minus_beta2 * g2
    v = chosen(v > 0.0, lambda: new, lambda: g2) if d.start == "again" else new
    v_hat = v if s.bias2 is None else v / s.bias2
    below = root(v_hat + s.eps) if d.eps == "inside" else root(v_hat) + s.eps

    # MOMENT
    u = g if d.moment == "raw" else g / below
    if s.decay is not None and d.form == "moment":
        u = u + s.decay * theta
    m = s.beta1 * m + (u if s.one_minus_beta1 is None else s.one_minus_beta1 * u)
    m_hat = m if s.bias1 is None else m / s.bias1
    if d.moment == "raw":
        m_hat = m_hat / below

    # STEP
    if d.form == "moment":
        return theta - s.step * m_hat, (m, v)
    return moved(d, theta, s.step * m_hat, s), (m, v)
