"""Right implementations, many: the same formula in other orders, folded, fused, regrouped.

They measure false alarms and the worst ratio that a right answer reaches. Each is drawn from a
seed: how the moments are averaged, where the corrections are folded in, what is multiplied first,
when the decay is subtracted, and which products are fused with their sum (one rounding for two).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .case import Array, Case

Fused = Callable[[Any, Any, Any], Any]
WIDER = {"float32": np.float64, "float64": np.longdouble, "float16": np.float32}


@dataclass(frozen=True)
class Order:
    """One way to write the same formula."""

    average: str  # plain, lerp
    correction: str  # hats, folded into the step, or into step and denominator
    division: str  # where the rate is multiplied
    decay: str  # together, before, or last with the old value
    fused: bool

    @staticmethod
    def draw(seed: int) -> "Order":
        """Return the order that belongs to `seed`."""
        rng = np.random.default_rng(seed)

        def pick(*choices: str) -> str:
            return choices[int(rng.integers(len(choices)))]

        return Order(
            pick("plain", "lerp"),
            pick("hats", "step", "both"),
            pick("first", "last", "divided"),
            pick("together", "before", "last"),
            bool(rng.integers(2)),
        )


def run(order: Order, case: Case, family: str, form: str) -> Array:
    """Trajectory of the paper's rule in the form `form` (l2, paper, lr) in the order given."""
    fma = _fma(case.dtype) if order.fused else (lambda a, b, c: a * b + c)
    theta = case.theta0.copy()
    slots = [np.zeros_like(theta), np.zeros_like(theta)]
    path = []
    with np.errstate(all="ignore"):
        for t, (g, eta) in enumerate(zip(case.grads, case.eta.tolist(), strict=True), start=1):
            lam = case.hyper["weight_decay"]
            rate = case.hyper["learning_rate"] * eta
            if form == "l2":
                g, k = fma(theta, theta.dtype.type(lam), g), None
            else:
                k = eta * lam if form == "paper" else rate * lam
            step = (_adam if family == "adam" else _momentum)(order, fma, g, slots, case, t, rate)
            theta = _move(order, fma, theta, step, k)
            path.append(theta)
    return np.array(path).astype(np.float64)


def _adam(
    order: Order, fma: Fused, g: Any, slots: list[Any], case: Case, t: int, rate: float
) -> Any:
    h, kind = case.hyper, g.dtype.type
    slots[0] = _average(order, fma, slots[0], g, h["beta1"])
    slots[1] = _average(order, fma, slots[1], g * g, h["beta2"])
    m, v = slots
    bias1, bias2 = 1 - h["beta1"] ** t, 1 - h["beta2"] ** t
    if order.correction == "hats":
        m, scale, denominator = m / kind(bias1), rate, np.sqrt(v / kind(bias2)) + kind(h["eps"])
    elif order.correction == "step":
        scale, denominator = rate / bias1, np.sqrt(v) / kind(bias2**0.5) + kind(h["eps"])
    else:
        root = bias2**0.5
        scale, denominator = rate * root / bias1, np.sqrt(v) + kind(h["eps"] * root)
    if order.division == "first":
        return (kind(scale) * m) / denominator
    if order.division == "last":
        return kind(scale) * (m / denominator)
    return m / (denominator / kind(scale)) if scale else kind(0) * m


def _momentum(
    order: Order, fma: Fused, g: Any, slots: list[Any], case: Case, t: int, rate: float
) -> Any:
    kind = g.dtype.type
    scaled = kind(rate) * g
    slots[0] = fma(slots[0], kind(case.hyper["momentum"]), scaled)
    return slots[0]


def _average(order: Order, fma: Fused, old: Any, new: Any, beta: float) -> Any:
    kind = new.dtype.type
    if order.average == "lerp":
        return fma(kind(1 - beta), new - old, old)
    return fma(kind(beta), old, kind(1 - beta) * new)


def _move(order: Order, fma: Fused, theta: Any, step: Any, k: float | None) -> Any:
    if k is None:
        return theta - step
    kind = theta.dtype.type
    if order.decay == "together":
        return theta - fma(kind(k), theta, step)
    if order.decay == "before":
        return kind(1 - k) * theta - step
    return fma(kind(-k), theta, theta - step)


def _fma(dtype: str) -> Fused:
    """Return a b + c with nearly one rounding: computed in a wider format, then rounded."""
    wide = WIDER[dtype]

    def fma(a: Any, b: Any, c: Any) -> Any:
        return (wide(1) * a * b + c).astype(dtype)

    return fma
