"""RMSprop under other answers than Hinton's and Graves': the RMSprop family of dialects.

The phases and their order are those of the paper's file; with the paper's answers the function here
gives the same bits. What v starts at and the form of the decay differ in numbers of the host alone.
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
    gradient_line,
    moved,
    read,
    read_lines,
    step_lines,
)
from .rule import rmsprop

Array = Any


class RMSpropScalars(NamedTuple):
    """The scalars of one step of the RMSprop family; None where the line is absent."""

    step: Any = None
    momentum: Any = None
    rho: Any = None
    one_minus_rho: Any = None
    eps: Any = None
    bias: Any = None
    bias_before: Any = None
    clip: Any = None
    l2: Any = None
    decay: Any = None


@dataclass(frozen=True)
class RMSpropDialect(Dialect):
    """RMSprop: where ε, the rate and the decay stand, what is averaged, what v starts at.

    ``eps``: inside the root (Graves, TensorFlow) or outside (PyTorch). ``centered``: the average
    gradient's square is taken from v (Graves). ``lr``: η α inside the momentum (Graves) or outside
    (PyTorch). ``nesterov``: the step looks ahead (optax). ``buffer=False`` is Hinton's, without
    momentum. ``bias``: averages are divided by 1 - ρ^t, "corrected" (optax), or not, "none".
    ``start``: v begins at "zero", "one" (TensorFlow) or at the "value" v0 (optax). ``schedule``: η
    is read "now" or is the last step's, "late". ``clip``: g is clipped by value, with the L2 term
    ("sum") or before it.
    """

    form: Form = form_question("paper")
    order: Order = order_question()
    eps: Literal["inside", "outside"] = question("inside", scalars={"outside": "inside"})
    centered: bool = question(False, scalars={True: False})
    lr: Literal["inside", "outside"] = question("inside", scalars={"outside": "inside"})
    nesterov: bool = question(False, scalars={True: False})
    buffer: bool = True
    bias: Literal["none", "corrected"] = "none"
    start: Literal["zero", "one", "value"] = question(
        "zero", scalars={"one": "zero", "value": "zero"}
    )
    schedule: Reading = schedule_question()
    clip: Clip = "none"

    family = "rmsprop"

    @property
    def hyper(self) -> tuple[str, ...]:
        """Names of the hyperparameters that the dialect reads."""
        momentum = ("momentum",) if self.buffer else ()
        start = ("initial",) if self.start == "value" else ()
        own = ("rho", *momentum, "eps", *start)
        return ("learning_rate", *own, "weight_decay", *clipping(self.clip))

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the state arrays."""
        return ("v", *(("mean",) if self.centered else ()), *(("m",) if self.buffer else ()))

    def starts(self, h: Hyper) -> tuple[Any, ...]:
        """Return the number that each slot begins with."""
        first = {"zero": 0.0, "one": 1.0}.get(self.start)
        rest = (0.0,) * (len(self.slots) - 1)
        return (h["initial"] if first is None else first, *rest)

    @property
    def apply(self) -> Apply:
        """The rule as a pure function of arrays."""
        paper = RMSpropDialect(form=self.form, start=self.start, schedule=self.schedule)
        return rmsprop if self == paper and self.form not in UNWRITTEN_DIVIDED else self.rule()

    def rule(self) -> Apply:
        """The rule with all its questions."""
        return partial(rmsprop_dialect, self)

    def scalars(
        self, h: Hyper, t: int, eta: Any, *, before: Any = None, sqrt: Sqrt = math.sqrt
    ) -> RMSpropScalars:
        """Scalars of step `t` (from 1) under the multiplier `eta`; `before` is the last step's."""
        eta = read(self.schedule, eta, before)
        corrected = self.bias == "corrected"
        scaled = corrected and self.form == "scaled_l2"
        return RMSpropScalars(
            step=eta * h["learning_rate"],
            momentum=h["momentum"] if self.buffer else None,
            rho=h["rho"],
            one_minus_rho=1 - h["rho"],
            eps=h["eps"],
            bias=correction(h["rho"], t) if corrected else None,
            bias_before=correction(h["rho"], t - 1) if scaled else None,
            clip=h["clip"] if self.clip != "none" else None,
            **coefficients(self.form, h, eta),
        )

    def recurrence(self) -> tuple[str, ...]:
        """The update rule in the paper's letters, one line a phase."""
        first = {"one": "   (v starts at 1)", "value": "   (v starts at v0)"}.get(self.start, "")
        lines = [f"v ← ρ v + (1-ρ) g²{first}"]
        lines += ["ḡ ← ρ ḡ + (1-ρ) g"] if self.centered else []
        v, mean = ("v/(1-ρ^t)", "(ḡ/(1-ρ^t))") if self.bias == "corrected" else ("v", "ḡ")
        under = f"{v} - {mean}²" if self.centered else v
        inside, outside = ("η α ", "") if self.lr == "inside" else ("", "η α ")
        root = f"√({under})" if len(under) > 1 else f"√{under}"
        step = f"{inside}g/" + (f"√({under} + ε)" if self.eps == "inside" else f"({root} + ε)")
        if self.buffer:
            lines += [f"m ← μ m + {step}"]
            step = f"{outside}(μ m + {step})" if self.nesterov else f"{outside}m"
        else:
            step = outside + step
        taken = step_lines(self.form, self.order, step)
        return read_lines(self.schedule, gradient_line(self.form, "s", self.clip), *lines, *taken)

    def answered(self, **answers: Any) -> Self:
        """Return the dialect with other answers; without a buffer there is nothing to look from."""
        if answers.get("buffer") is False:
            answers = {"nesterov": False, **answers}
        return super().answered(**answers)

    def plain(self) -> Self:
        """Return the same function in the plainest words."""
        found = super().plain()
        return found if self.buffer else replace(found, lr="inside", nesterov=False)


def correction(rho: Any, count: int) -> Any:
    """Return 1 - ρ^t; 1 for a count of 0, whose averages are 0."""
    return 1 - rho**count if count > 0 else 1.0


def rmsprop_dialect(
    d: RMSpropDialect, theta: Array, g: Array, slots: Sequence[Array], s: Any, /
) -> tuple[Array, tuple[Array, ...]]:
    """One step of the RMSprop dialect `d`.

    ::

        g = ∇f(θ) [+ λ θ, or + λ s θ with s the denominator of the step before]
        v = ρ v + (1 - ρ) g²,  ḡ = ρ ḡ + (1 - ρ) g where it is centered
        u = g / s, s by where ε stands, of v or v - ḡ², or of these over 1 - ρ^t and its square
        m = μ m + η α u (inside) or μ m + u (outside), or u itself
        θ = θ - m, or Nesterov's μ m + …, with the decay together or after
    """
    xp = array_namespace(theta, g)
    v, mean, m = _named(d, slots)

    # GRADIENT
    if d.clip == "gradient":
        g = clipped(xp, g, s.clip)
    if s.l2 is not None:
        scaled = d.form == "scaled_l2"
        g = g + s.l2 * (_denominator(d, xp, v, mean, s.bias_before, s.eps) * theta if scaled
                        else theta)  # fmt: skip
    if d.clip == "sum":
        g = clipped(xp, g, s.clip)

    # MOMENTS
    v = s.rho * v + s.one_minus_rho * (g * g)
    mean = s.rho * mean + s.one_minus_rho * g if d.centered else None
    step = g / _denominator(d, xp, v, mean, s.bias, s.eps)
    if d.lr == "inside":
        step = s.step * step
    if d.buffer:
        m = s.momentum * m + step
        step = s.momentum * m + step if d.nesterov else m

    # STEP
    if d.lr == "outside":
        step = s.step * step
    kept = (v, *((mean,) if d.centered else ()), *((m,) if d.buffer else ()))
    return moved(d, theta, step, s), kept


def _named(d: RMSpropDialect, slots: Sequence[Array]) -> tuple[Array, Array, Array]:
    """Return v, ḡ and m; None where there is none."""
    v, *rest = slots
    mean = rest.pop(0) if d.centered else None
    return v, mean, rest[0] if d.buffer else None


def _denominator(d: RMSpropDialect, xp: Any, v: Array, mean: Array, bias: Any, eps: Any) -> Array:
    if bias is not None:
        v = v / bias
    if d.centered:
        mean = mean if bias is None else mean / bias
        v = v - mean * mean
    return xp.sqrt(v + eps) if d.eps == "inside" else xp.sqrt(v) + eps
