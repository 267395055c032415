"""The decay in every rule: its forms and orders, what they multiply, and how they read in words.

Shared by all families: a step reads the scalars ``l2``, the coefficient of θ in the gradient, and
``decay``, that of θ in the step; None where the term is absent.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from array_api_compat import array_namespace

Hyper = Mapping[str, Any]
Form = Literal["none", "l2", "paper", "lr", "fixed", "initial_lr", "scaled_l2", "proximal",
               "corrected", "masked"]  # fmt: skip
Order = Literal["together", "after"]
# of a rule that reads θ, by its norm or as a mask: to decay first is another function
ByNorm = Literal["together", "before", "after"]
# λ θ as a part of what a trust ratio is taken of; beside a normalised gradient in the moment; times
# a rate that the rule itself estimates, or a step size that it finds by θ
AnyForm = Literal["ratio", "moment", "adapted", "relative", Form]
# forms of the rules that have them: no other has their λ
OWN = ("ratio", "moment", "adapted", "relative")
AnyOrder = ByNorm
Reading = Literal["now", "late"]  # of the schedule: η_t, or the η_{t-1} of the step before
# of g by value, after the L2 term is added or before; or by its norm, that of its tensor or of the
# tree, without the L2 term or of the sum
Clip = Literal["none", "sum", "gradient", "tensor", "tensor_sum", "tree", "tree_sum"]
CLIPS = {"sum": "clip({})", "gradient": "clip({})", "tensor": "clip({}, ‖·‖)",
         "tensor_sum": "clip({}, ‖·‖)", "tree": "clip({}, ‖·‖ of the tree)",
         "tree_sum": "clip({}, ‖·‖ of the tree)"}  # fmt: skip

COUPLED = ("l2", "scaled_l2")  # the forms that enter the gradient
# the forms that differ in scalars alone
DECOUPLED = ("paper", "lr", "fixed", "initial_lr", "proximal", "corrected")
UNSCHEDULED = ("fixed", "initial_lr")  # forms whose decay does not follow the schedule
UNWRITTEN = ("proximal", "masked")  # forms whose lines no paper's file has
UNWRITTEN_DIVIDED = ("scaled_l2", *UNWRITTEN)  # and none of a rule that divides its step
# forms that have one order: θ' / (1 + k) is taken of the stepped θ', a mask is of the θ before it
ORDERS: Mapping[str, Order] = MappingProxyType(
    {
        "proximal": "after",
        "masked": "together",
        "ratio": "together",
        "moment": "together",
        "relative": "together",
    }
)
# the order in which programs ship the forms that few have; all read the multiplier of this step
SHIPPED: Mapping[str, Order] = MappingProxyType(
    {"proximal": "after", "masked": "together", "corrected": "together"}
)


def coefficients(form: AnyForm, h: Hyper, eta: Any) -> dict[str, Any]:
    """Return the coefficient of θ in the gradient (l2) or in the step (decay), by form."""
    lam, alpha = h["weight_decay"], h["learning_rate"]
    if form == "none" or lam is None:
        return {}
    if form == "l2":
        return {"l2": lam}
    if form == "scaled_l2":
        return {"l2": lam / alpha}
    if form in ("ratio", "moment", "relative"):
        return {"decay": lam}
    if form in ("fixed", "initial_lr"):
        return {"decay": lam if form == "fixed" else alpha * lam}
    if form == "paper":
        return {"decay": eta * lam}
    rate = eta * alpha * lam
    if form == "proximal":
        return {"decay": rate / (1 + rate)}  # θ' / (1 + k) is θ' - k/(1 + k) θ'
    return {"decay": eta * rate if form == "corrected" else rate}


def read(schedule: Reading, eta: Any, before: Any) -> Any:
    """Return the multiplier that a step reads: its own, or that of the step before."""
    return before if schedule == "late" and before is not None else eta


def clipping(clip: Clip) -> tuple[str, ...]:
    """Return the hyperparameter that a clip reads."""
    return () if clip == "none" else ("clip",)


def clipped(xp: Any, g: Any, bound: Any) -> Any:
    """Clip by value: min(max(g, -bound), bound)."""
    return xp.minimum(xp.maximum(g, xp.full_like(g, -bound)), xp.full_like(g, bound))


def moved(d: Any, theta: Any, step: Any, s: Any) -> Any:
    """Return θ after `step` and the decay of `d`: θ - (step + k θ), or one after the other.

    Masked, θ decays where the step does not move it away from 0.
    """
    if s.decay is None:
        return theta - step
    if d.order == "after":
        new = theta - step
        return new - s.decay * new
    return theta - (step + s.decay * decaying(d, theta, step))


def decaying(d: Any, theta: Any, step: Any) -> Any:
    """Return what decays of θ: all of it, or masked what `step` shrinks or leaves, else 0."""
    if d.form != "masked":
        return theta
    xp = array_namespace(theta, step)
    return xp.where(step * theta >= 0.0, theta, xp.full_like(theta, 0.0))


def order_fault(form: AnyForm, order: AnyOrder | None) -> str:
    """Return why a form cannot be in an order, or nothing; None is the order that it has."""
    own = ORDERS.get(form)
    if own is None or order in (None, own):
        return ""
    return f"order={order!r}: form={form!r} has the order {own!r}: leave order out"


# -- in words -------------------------------------------------------------------------------------


def gradient_line(form: AnyForm, scale: str, clip: Clip) -> str:
    """Return the line of the recurrence that makes g."""
    note = "   (s: the denominator of the step before)" if form + scale == "scaled_l2s" else ""
    term = {"l2": " + λ θ", "scaled_l2": f" + (λ/α) {scale} θ"}.get(form, "")
    around = CLIPS.get(clip, "{}")
    whole = around.format(f"∇f(θ){term}") if clip.endswith("sum") else around.format("∇f(θ)") + term
    return f"g ← {whole}{note}"


def step_lines(form: AnyForm, order: AnyOrder, step: str) -> tuple[str, ...]:
    """Return the lines of the recurrence that take `step` and the decay from θ.

    An adapted decay's rate, {rate}, is for the family to name.
    """
    if form == "proximal":
        return (f"θ ← (θ - {step})/(1 + η α λ)",)
    if form == "masked":
        return (f"θ ← θ - {step} - η α λ θ   (the last where the step times θ ≥ 0)",)
    k = {"paper": "η λ", "lr": "η α λ", "fixed": "λ", "initial_lr": "α λ", "relative": "α_t λ",
         "corrected": "η² α λ", "adapted": "{rate} λ"}.get(form)  # fmt: skip
    if k is None:
        return (f"θ ← θ - {step}",)
    if order == "after":
        return (f"θ ← θ - {step}", f"θ ← θ - {k} θ")
    if order == "before":
        return (f"θ ← θ - {k} θ", f"θ ← θ - {step}")
    return (f"θ ← θ - {step} - {k} θ",)


def read_lines(schedule: Reading, *lines: str) -> tuple[str, ...]:
    """Return the lines with the multiplier that is read."""
    return tuple(line.replace("η", "η_{t-1}") if schedule == "late" else line for line in lines)


def words(form: AnyForm, order: AnyOrder, before: str) -> str:
    """Describe the decay in a sentence; `before` is what an L2 term enters: moments, momentum."""
    if form == "none":
        return "No decay."
    if form == "l2":
        return f"L2: λ θ is added to the gradient, before the {before}."
    if form == "scaled_l2":
        return "L2 scaled by the denominator of the step before."
    if form == "ratio":
        return "Inside the trust ratio: λ θ is a part of the direction whose length the ratio sets."
    if form == "moment":
        return "In the moment: λ θ is added to it beside the gradient, and to no norm."
    if form == "proximal":
        return "Proximal: the stepped θ is divided by 1 + η α λ."
    factors = {
        "relative": "times the step size that the rule finds",
        "lr": "times learning rate and schedule",
        "corrected": "times the learning rate and the square of the schedule",
        "masked": "times learning rate and schedule, where the step does not move θ away from 0",
        "paper": "times the schedule, not the learning rate",
        "fixed": "times neither learning rate nor schedule",
        "initial_lr": "times the initial learning rate, not the schedule",
        "adapted": "times the whole rate of the step, which the rule estimates",
    }[form]
    reads = {
        "after": "after the step, from the stepped θ",
        "before": "first, so that the step reads what is left",
    }.get(order, "from the θ before the step")
    return f"Decoupled: λ θ {factors}, taken {reads}."
