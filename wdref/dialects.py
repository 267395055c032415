"""Dialects: one rule under all the answers that frameworks give to the questions the paper leaves.

A dialect is a frozen record of answers. It knows its slots, computes the step's scalars on the
host, and applies itself to arrays; the paper's own answers select the plain files `wdref.rules.sgd`
and `wdref.rules.adam`. ``recurrence`` spells it out.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal, NamedTuple

from .rules.adam import adam
from .rules.adam_dialect import adam_dialect
from .rules.sgd import sgd
from .rules.sgd_dialect import sgd_dialect

Form = Literal["none", "l2", "paper", "lr", "fixed", "initial_lr", "scaled_l2"]
Order = Literal["together", "after"]
Reading = Literal["now", "late"]  # of the schedule: η_t, or the η_{t-1} of the step before
Clip = Literal["none", "sum", "gradient"]  # of g by value: after the L2 term is added, or before
Nesterov = Literal[False, True, "twice", "reread"]
Apply = Callable[[Any, Any, Sequence[Any], Any], tuple[Any, tuple[Any, ...]]]
Hyper = Mapping[str, Any]
Sqrt = Callable[[Any], Any]


class MomentumScalars(NamedTuple):
    """The scalars of one step of the momentum family; None where the line is absent."""

    step: Any = None
    beta1: Any = None
    gain: Any = None
    look: Any = None
    clip: Any = None
    l2: Any = None
    decay: Any = None


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
class MomentumDialect:
    """SGD with momentum: where the learning rate, the dampening and the decay stand.

    ``lr``: η α inside the buffer (the paper) or outside (PyTorch, the authors' program).
    ``damping``: the gradient's weight in the buffer is 1, 1 - τ ("dampening") or 1 - β1 ("ema").
    ``first``: whether the first step is damped like the others or takes g itself (PyTorch).
    ``nesterov``: the step looks ahead, d = β1 m + c g; "twice" looks ahead once more, β1 d + c g
    (Chainer's NesterovAG, whose β1² m reads the m just made); with "reread" the L2 term that the
    buffer keeps is of the θ just made (MXNet's kernel). ``buffer=False`` is plain SGD.
    """

    form: Form = "paper"
    order: Order = "together"
    lr: Literal["inside", "outside"] = "inside"
    damping: Literal["none", "dampening", "ema"] = "none"
    first: Literal["damped", "gradient"] = "damped"
    nesterov: Nesterov = False
    buffer: bool = True
    schedule: Reading = "now"
    clip: Clip = "none"

    family: ClassVar[str] = "sgd"

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the state arrays."""
        return ("m",) if self.buffer else ()

    @property
    def hyper(self) -> tuple[str, ...]:
        """Names of the hyperparameters that the dialect reads."""
        extra = ("dampening",) if self.damping == "dampening" else ()
        return ("learning_rate", "momentum", *extra, "weight_decay", *_clipping(self.clip))

    @property
    def apply(self) -> Apply:
        """The rule as a pure function of arrays."""
        paper = MomentumDialect(form=self.form)
        return sgd if self == paper else partial(sgd_dialect, self)

    def scalars(
        self, h: Hyper, t: int, eta: Any, *, before: Any = None, sqrt: Sqrt = math.sqrt
    ) -> MomentumScalars:
        """Scalars of step `t` (from 1) under the multiplier `eta`; `before` is the last step's."""
        eta = _read(self.schedule, eta, before)
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
            **_decay(self.form, h, eta),
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
        lines = _step_lines(self.form, self.order, outside + self._direction(inside))
        return _read_lines(self.schedule, _gradient_line(self.form, "·", self.clip), moment, *lines)

    def _direction(self, inside: str) -> str:
        ahead = f"(β1 m + {inside}g)"
        if self.nesterov == "twice":
            return f"(β1 {ahead} + {inside}g)"
        return ahead if self.nesterov else "m"


@dataclass(frozen=True)
class AdamDialect:
    """Adam: where ε, the bias correction, AMSGrad's maximum and the decay stand.

    ``eps``: outside √v̂ (the paper), "hat" (√v + ε before the correction: ε/√(1-β2^t) after it),
    inside the root, "both" inside and outside, or "clamp", max(√v̂, ε).
    ``bias``: both moments corrected, none, the first only, with t one "ahead" or one "behind"
    (no correction at the first step), or the corrected moments stored back "in_place".
    ``amsgrad``: the maximum over v ("raw") or over v̂ ("hat"). ``schedule``: η is read "now" or is
    the last step's, "late". ``clip``: g is clipped by value, with the L2 term ("sum") or before it.
    """

    form: Form = "paper"
    order: Order = "together"
    eps: Literal["outside", "hat", "inside", "both", "clamp"] = "outside"
    bias: Literal["both", "none", "first", "ahead", "behind", "in_place"] = "both"
    amsgrad: Literal["none", "raw", "hat"] = "none"
    schedule: Reading = "now"
    clip: Clip = "none"

    family: ClassVar[str] = "adam"

    @property
    def hyper(self) -> tuple[str, ...]:
        """Names of the hyperparameters that the dialect reads."""
        names = ("learning_rate", "beta1", "beta2", "eps", "weight_decay")
        return (*names, *_clipping(self.clip))

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the state arrays."""
        return ("m", "v") if self.amsgrad == "none" else ("m", "v", "v_max")

    @property
    def apply(self) -> Apply:
        """The rule as a pure function of arrays."""
        plain = self.form != "scaled_l2" and self == AdamDialect(form=self.form, eps=self.eps)
        return adam if plain and self.eps in ("outside", "hat") else partial(adam_dialect, self)

    def scalars(
        self, h: Hyper, t: int, eta: Any, *, before: Any = None, sqrt: Sqrt = math.sqrt
    ) -> AdamScalars:
        """Scalars of step `t` (from 1) under the multiplier `eta`; `before` is the last step's."""
        eta = _read(self.schedule, eta, before)
        count = t + {"ahead": 1, "behind": -1}.get(self.bias, 0)
        bias1 = None if self.bias == "none" else _correction(h["beta1"], count)
        bias2 = None if self.bias in ("none", "first") else _correction(h["beta2"], count)
        scaled = self.form == "scaled_l2" and bias2 is not None
        bias2_before = _correction(h["beta2"], count - 1) if scaled else None
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
            **_decay(self.form, h, eta),
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
        lines = _step_lines(self.form, self.order, step)
        if self.bias == "behind":
            moments[2] += "   (first step: not corrected)"
        gradient = _gradient_line(self.form, "s", self.clip)
        return _read_lines(self.schedule, gradient, *moments, *lines)

    def _denominator(self, t: str) -> str:
        return {
            "outside": "√v̂ + ε",
            "hat": "√v̂ + ε" if self.bias in ("none", "first") else f"√v̂ + ε/√(1-β2^{t})",
            "inside": "√(v̂ + ε)",
            "both": "√(v̂ + ε) + ε",
            "clamp": "max(√v̂, ε)",
        }[self.eps]


Dialect = MomentumDialect | AdamDialect


def _decay(form: Form, h: Hyper, eta: Any) -> dict[str, Any]:
    """The coefficient of θ in the gradient (l2) or in the step (decay), by form."""
    lam, alpha = h["weight_decay"], h["learning_rate"]
    if form == "none" or lam is None:
        return {}
    if form == "l2":
        return {"l2": lam}
    if form == "scaled_l2":
        return {"l2": lam / alpha}
    if form in ("fixed", "initial_lr"):
        return {"decay": lam if form == "fixed" else alpha * lam}
    return {"decay": eta * lam if form == "paper" else eta * alpha * lam}


def _correction(beta: Any, count: int) -> Any:
    # a zero moment needs no correction; dividing it by 1 keeps one graph for every t
    return 1 - beta**count if count > 0 else 1.0


def _read(schedule: Reading, eta: Any, before: Any) -> Any:
    return before if schedule == "late" and before is not None else eta


def _clipping(clip: Clip) -> tuple[str, ...]:
    return () if clip == "none" else ("clip",)


def _gradient_line(form: Form, scale: str, clip: Clip) -> str:
    note = "   (s: the denominator of the step before)" if form + scale == "scaled_l2s" else ""
    gradient = "clip(∇f(θ))" if clip == "gradient" else "∇f(θ)"
    term = {"l2": " + λ θ", "scaled_l2": f" + (λ/α) {scale} θ"}.get(form, "")
    whole = f"clip({gradient}{term})" if clip == "sum" else f"{gradient}{term}"
    return f"g ← {whole}{note}"


def _read_lines(schedule: Reading, *lines: str) -> tuple[str, ...]:
    return tuple(line.replace("η", "η_{t-1}") if schedule == "late" else line for line in lines)


def _step_lines(form: Form, order: Order, step: str) -> tuple[str, ...]:
    k = {"paper": "η λ", "lr": "η α λ", "fixed": "λ", "initial_lr": "α λ"}.get(form)
    if k is None:
        return (f"θ ← θ - {step}",)
    if order == "after":
        return (f"θ ← θ - {step}", f"θ ← θ - {k} θ")
    return (f"θ ← θ - {step} - {k} θ",)
