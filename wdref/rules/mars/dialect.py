"""MARS under other answers than its Algorithm 2's: the MARS family of dialects.

The phases and their order are those of the paper's file; with the paper's answers the function here
gives the same bits. The form of the decay, what the first step's correction is of, and ε added
before the bias correction ("hat") differ in the host's scalars alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, NamedTuple, Self

from array_api_compat import array_namespace

from ...sums import Rounds, Sum, alone
from ..choice import larger, root
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
    moved,
    read,
    read_lines,
    step_lines,
)
from .rule import mars

Array = Any
MarsForm = Literal["lr", "none", "l2", "paper", "fixed", "initial_lr", "proximal", "corrected"]

UNPLAIN = ("l2", "proximal")  # forms that the paper's file has no line for


class MarsScalars(NamedTuple):
    """The scalars of one step of the MARS family; None where the line is absent."""

    step: Any = None
    correction: Any = None
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
class MarsDialect(Dialect):
    """MARS: how the correction begins, what is clipped and squared, and what the step is of.

    ``form``: the paper's is "lr". ``start``: before the "first" gradient stands itself, so that the
    first step has no correction (the paper), or "zero". ``norm``: c is clipped to the norm 1 of its
    "tensor" (the paper), or "none" is. ``square``: v is of the "corrected" c (the paper), or of the
    "gradient". ``direction``: that of both moments, "adam" (MARS-AdamW, Algorithm 2), or the "sign"
    of m (MARS-Lion, Algorithm 3), which has neither v nor ε. ``eps``: outside √v̂ (the paper), "hat"
    or inside the root. ``bias``: both moments corrected or none.
    """

    form: MarsForm = question("lr", lines=dict.fromkeys(DECOUPLED, "lr"))
    order: Order = order_question()
    start: Literal["first", "zero"] = question("first", lines={"zero": "first"})
    norm: Literal["tensor", "none"] = question("tensor", scalars={"none": "tensor"})
    square: Literal["corrected", "gradient"] = question(
        "corrected", scalars={"gradient": "corrected"}
    )
    direction: Literal["adam", "sign"] = question("adam")
    eps: Literal["outside", "hat", "inside"] = question(
        "outside", lines={"hat": "outside"}, scalars={"inside": "outside"}
    )
    bias: Literal["both", "none"] = question("both")
    schedule: Reading = schedule_question()

    family = "mars"

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the state arrays."""
        return ("m", "last") if self.direction == "sign" else ("m", "v", "last")

    @property
    def hyper(self) -> tuple[str, ...]:
        """Names of the hyperparameters that the dialect reads."""
        of_step = ("beta1",) if self.direction == "sign" else ("beta1", "beta2", "eps")
        return ("learning_rate", *of_step, "gamma", "weight_decay")

    @property
    def scope(self) -> Scope:
        """A step reads the norm of its tensor, where it clips."""
        return "tensor" if self.norm == "tensor" else "element"

    @property
    def rounds(self) -> Asking:
        """The rule as a generator that asks for its sum."""
        plain = self == MarsDialect(
            form=self.form, start=self.start, eps=self.eps, schedule=self.schedule
        )
        written = self.form not in UNPLAIN and self.eps in ("outside", "hat")
        return mars if plain and written else partial(mars_dialect, self)

    def rule(self) -> Any:
        """The rule with all its questions: one that asks, where it clips."""
        asking = partial(mars_dialect, self)
        return asking if self.norm == "tensor" else partial(alone, asking)

    def scalars(
        self, h: Hyper, t: int, eta: Any, *, before: Any = None, sqrt: Sqrt = math.sqrt
    ) -> MarsScalars:
        """Scalars of step `t` (from 1) under the multiplier `eta`; `before` is the last step's."""
        eta = read(self.schedule, eta, before)
        beta1, begins = h["beta1"], t == 1 and self.start == "first"
        return MarsScalars(
            step=eta * h["learning_rate"],
            correction=0.0 if begins else h["gamma"] * (beta1 / (1 - beta1)),
            beta1=beta1,
            one_minus_beta1=1 - beta1,
            **(self._of_adam(h, t, sqrt) if self.direction == "adam" else {}),
            **coefficients(self.form, h, eta),
        )

    def _of_adam(self, h: Hyper, t: int, sqrt: Sqrt) -> dict[str, Any]:
        """The scalars of a step that is divided by √v̂."""
        corrected = self.bias == "both"
        bias2 = 1 - h["beta2"] ** t if corrected else None
        hat = self.eps == "hat" and bias2 is not None
        return {
            "beta2": h["beta2"],
            "one_minus_beta2": 1 - h["beta2"],
            "bias1": 1 - h["beta1"] ** t if corrected else None,
            "bias2": bias2,
            "eps": h["eps"] / sqrt(bias2) if hat else h["eps"],
        }

    def recurrence(self) -> tuple[str, ...]:
        """The update rule in the paper's letters, one line a phase."""
        begins = "   (first step: c ← g)" if self.start == "first" else ""
        lines = [gradient_line(self.form, "", "none"), f"c ← g + γ β1/(1-β1) (g - g₋){begins}",
                 *(("c ← c/max(1, ‖c‖)",) if self.norm == "tensor" else ()),
                 "m ← β1 m + (1-β1) c"]  # fmt: skip
        step = "η α sgn(m)"
        if self.direction == "adam":
            lines += [f"v ← β2 v + (1-β2) {'g' if self.square == 'gradient' else 'c'}²"]
            corrected = self.bias == "both"
            m_hat, v_hat = ("m/(1-β1^t)", "v/(1-β2^t)") if corrected else ("m", "v")
            lines += [f"m̂ ← {m_hat}", f"v̂ ← {v_hat}"]
            eps = "ε/√(1-β2^t)" if self.eps == "hat" and corrected else "ε"
            below = f"√(v̂ + {eps})" if self.eps == "inside" else f"(√v̂ + {eps})"
            step = f"η α m̂/{below}"
        return read_lines(self.schedule, *lines, *step_lines(self.form, self.order, step), "g₋ ← g")

    def plain(self) -> Self:
        """Return the same function in the plainest words."""
        found, change = super().plain(), dict[str, Any]()
        if found.direction == "sign":  # there is no v
            change |= {"square": "corrected", "eps": "outside", "bias": "both"}
        elif found.bias == "none" and found.eps == "hat":
            change["eps"] = "outside"
        return replace(found, **change)


def mars_dialect(
    d: MarsDialect, theta: Array, g: Array, slots: Sequence[Array], s: Any, /
) -> Rounds:
    """One step of the MARS dialect `d` on one tensor.

    ::

        g = ∇f(θ) [+ λ θ]
        c = g + γ β1/(1 - β1) (g - g₋),  g where it begins
        c = c / max(1, ‖c‖), or c
        m = β1 m + (1 - β1) c
        v = β2 v + (1 - β2) c², or of g²
        m̂ = m / (1 - β1^t),  v̂ = v / (1 - β2^t), or uncorrected
        θ = θ - η α m̂ / (√v̂ + ε), or η α sgn m, with the decay together or after
    """
    xp = array_namespace(theta, g)
    m, last = slots[0], slots[-1]

    # GRADIENT
    if s.l2 is not None:
        g = g + s.l2 * theta

    # CORRECTION
    c = g + s.correction * (g - last)

    # CLIP
    if d.norm == "tensor":
        (c2,) = yield (Sum(c * c),)
        c = c / larger(1.0, root(c2))

    # MOMENTS
    m = s.beta1 * m + s.one_minus_beta1 * c
    if d.direction == "sign":
        return moved(d, theta, s.step * xp.sign(m), s), (m, g)
    squared = g if d.square == "gradient" else c
    v = s.beta2 * slots[1] + s.one_minus_beta2 * (squared * squared)
    m_hat = m if s.bias1 is None else m / s.bias1
    v_hat = v if s.bias2 is None else v / s.bias2

    # STEP
    below = xp.sqrt(v_hat + s.eps) if d.eps == "inside" else xp.sqrt(v_hat) + s.eps
    return moved(d, theta, s.step * (m_hat / below), s), (m, v, g)
