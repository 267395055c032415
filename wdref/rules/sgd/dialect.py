"""SGD with momentum under other answers than Algorithm 1's: the momentum family of dialects.

The phases and their order are those of the paper's file; with the paper's answers the function here
gives the same bits. Where the learning rate enters, dampening and
the first step differ in the host's scalars alone, so that they need no line of their own.
"""

import math
from collections.abc import Mapping, Sequence
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
    COUPLED,
    UNWRITTEN,
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
from .rule import sgd

Array = Any
Nesterov = Literal[False, True, "twice", "reread"]


class MomentumScalars(NamedTuple):
    """The scalars of one step of the momentum family; None where the line is absent."""

    step: Any = None
    beta1: Any = None
    gain: Any = None
    look: Any = None
    clip: Any = None
    l2: Any = None
    decay: Any = None


@dataclass(frozen=True)
class MomentumDialect(Dialect):
    """SGD with momentum: where the learning rate, the dampening and the decay stand.

    ``lr``: η α inside the buffer (the paper) or outside (PyTorch, the authors' program).
    ``damping``: the gradient's weight in the buffer is 1, 1 - τ ("dampening") or 1 - β1 ("ema").
    ``first``: whether the first step is damped like the others or takes g itself (PyTorch).
    ``nesterov``: the step looks ahead, d = β1 m + c g; "twice" looks ahead once more, β1 d + c g
    (Chainer's NesterovAG, whose β1² m reads the m just made); with "reread" the L2 term that the
    buffer keeps is of the θ just made (MXNet's kernel). ``buffer=False`` is plain SGD.
    """

    form: Form = form_question("paper")
    order: Order = order_question()
    lr: Literal["inside", "outside"] = "inside"
    damping: Literal["none", "dampening", "ema"] = question(
        "none", lines={"dampening": "none", "ema": "none"}
    )
    first: Literal["damped", "gradient"] = question("damped", lines={"gradient": "damped"})
    nesterov: Nesterov = False
    buffer: bool = True
    schedule: Reading = schedule_question()
    clip: Clip = "none"

    family = "sgd"

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the state arrays."""
        return ("m",) if self.buffer else ()

    @property
    def hyper(self) -> tuple[str, ...]:
        """Names of the hyperparameters that the dialect reads."""
        extra = ("dampening",) if self.damping == "dampening" else ()
        return ("learning_rate", "momentum", *extra, "weight_decay", *clipping(self.clip))

    @property
    def apply(self) -> Apply:
        """The rule as a pure function of arrays."""
        paper = MomentumDialect(form=self.form)
        return sgd if self == paper and self.form not in UNWRITTEN else self.rule()

    def rule(self) -> Apply:
        """The rule with all its questions."""
        return partial(sgd_dialect, self)

    def scalars(
        self, h: Hyper, t: int, eta: Any, *, before: Any = None, sqrt: Sqrt = math.sqrt
    ) -> MomentumScalars:
        """Scalars of step `t` (from 1) under the multiplier `eta`; `before` is the last step's."""
        eta = read(self.schedule, eta, before)
        step = eta * h["learning_rate"]
        weight = self._weight(h, t)
        inside = self.lr == "inside"
        gain = step if inside and weight is None else 1.0 if weight is None else weight
        return MomentumScalars(
            step=step,
            beta1=h["momentum"] if self.buffer or self.nesterov else None,
            gain=step * weight if inside and weight is not None else gain,
            look=(step if inside else 1.0) if self.nesterov else None,
            clip=h["clip"] if self.clip != "none" else None,
            **coefficients(self.form, h, eta),
        )

    def _weight(self, h: Hyper, t: int) -> Any:
        if self.damping == "none" or (self.first == "gradient" and t == 1):
            return None
        return 1 - h["dampening" if self.damping == "dampening" else "momentum"]

    def recurrence(self) -> tuple[str, ...]:
        """The update rule in the paper's letters, one line a phase."""
        weight = {"none": "", "dampening": "(1-τ) ", "ema": "(1-β1) "}[self.damping]
        inside = "η α " if self.lr == "inside" else ""
        outside = "" if self.lr == "inside" else "η α "
        moment = f"m ← β1 m + {inside}{weight}g" if self.buffer else f"m ← {inside}{weight}g"
        if self.first == "gradient" and self.damping != "none":
            moment += "   (first step: m ← g)"
        if self.nesterov == "reread" and self.form in ("l2", "scaled_l2"):
            moment += "   (kept with the new θ in g)"
        lines = step_lines(self.form, self.order, outside + self._direction(inside))
        return read_lines(self.schedule, gradient_line(self.form, "·", self.clip), moment, *lines)

    def _direction(self, inside: str) -> str:
        ahead = f"(β1 m + {inside}g)"
        if self.nesterov == "twice":
            return f"(β1 {ahead} + {inside}g)"
        return ahead if self.nesterov else "m"

    def asked(self, values: Mapping[str, float]) -> dict[str, float]:
        """Return those of `values` that the dialect reads; 0 for what it is defined without."""
        hyper = super().asked(values)
        if "dampening" in hyper and (self.nesterov or not hyper["momentum"]):
            hyper["dampening"] = 0.0  # programs that have both differ where momentum is 0
        if not self.buffer and not self.nesterov:
            hyper["momentum"] = 0.0  # what is asked for is no momentum
        return hyper

    def answered(self, **answers: Any) -> Self:
        """Return the dialect with other answers; without a buffer nothing is damped."""
        if answers.get("buffer") is False:
            answers = {"damping": "none", "first": "damped", **answers}
        return super().answered(**answers)

    def plain(self) -> Self:
        """Return the same function in the plainest words."""
        found, change = super().plain(), dict[str, Any]()
        if not self.buffer:  # nothing is damped, nothing looked ahead of
            change |= {"lr": "inside", "damping": "none", "nesterov": False}
        if not self.buffer or self.damping == "none":
            change |= {"first": "damped"}
        if self.nesterov == "reread" and self.form not in COUPLED:
            change |= {"nesterov": True}
        return replace(found, **change)


def sgd_dialect(
    d: MomentumDialect, theta: Array, g: Array, slots: Sequence[Array], s: Any, /
) -> tuple[Array, tuple[Array, ...]]:
    """One step of the momentum dialect `d`.

    ::

        g = ∇f(θ) [+ λ θ]
        m = β1 m + c g                 c: η α inside the buffer, else 1, 1 - τ or 1 - β1
        d = m, or Nesterov's β1 m + c' g, or the same once more, β1 d + c' g
        θ = θ - d (inside) or θ - η α d (outside), with the decay together or after
        m is kept as it is, or "reread": with the λ θ of the θ just made
    """
    xp = array_namespace(theta, g)

    # GRADIENT
    loss, g = g, _gradient(d, xp, theta, g, s)

    # MOMENTS
    if d.buffer:
        m = s.beta1 * slots[0] + s.gain * g
        new_slots: tuple[Array, ...] = (m,)
    else:
        m, new_slots = s.gain * g, ()
    if d.nesterov:
        m = s.beta1 * m + s.look * g
    if d.nesterov == "twice":
        m = s.beta1 * m + s.look * g

    # STEP
    if d.lr == "outside":
        m = s.step * m
    new = theta - m
    if s.decay is not None:
        new = new - s.decay * (new if d.order == "after" else decaying(d, theta, m))

    if d.nesterov == "reread" and d.buffer:
        new_slots = (s.beta1 * slots[0] + s.gain * _gradient(d, xp, new, loss, s),)
    return new, new_slots


def _gradient(d: MomentumDialect, xp: Any, theta: Array, g: Array, s: Any) -> Array:
    if d.clip == "gradient":
        g = clipped(xp, g, s.clip)
    if s.l2 is not None:
        g = g + s.l2 * theta
    return clipped(xp, g, s.clip) if d.clip == "sum" else g
