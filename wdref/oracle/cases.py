"""Cases: what an implementation under test is fed with, and why each case is there.

A case prescribes θ_0, every gradient, the hyperparameters and the schedule; nothing depends on the
implementation's own results, so that any program in any language can be fed with it. All values
come from integers by exact arithmetic: they are the same on every machine.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from ..arithmetic import HALF
from ..dialects import Dialect
from ..schedules import cosine, warm_restarts
from .case import DTYPES, Array, Case, hyper_for, noise, rounded
from .shapes import STRONG, USUAL, shapes, slopes, tensors, together, views

Fill = Callable[[int, int], Array]  # (T, n) -> gradients in float64

# η α λ = η λ = 2^-12 moves no parameter that is stored in float16, and bfloat16 even less
VANISHING = {**USUAL, "learning_rate": 1.0, "weight_decay": 2.0**-12, "eps": 2.0**-8}
TINY = {"float32": 2.0**-134, "float64": 2.0**-1060}  # subnormal gradients of some 2^15 units


@dataclass(frozen=True)
class Plan:
    """A row of the table: hyperparameters by name, gradients and schedule as functions."""

    id: str
    purpose: str
    steps: int
    fill: Fill
    hyper: Mapping[str, float] = field(default_factory=dict)
    eta: Callable[[int], float] = lambda t: 1.0
    theta: Fill | None = None
    flags: tuple[str, ...] = ()
    size: int = 6


def _rows(scale: Callable[[int], float], seed: int = 1) -> Fill:
    """Noise times scale(t), t from 1."""

    def fill(T: int, n: int) -> Array:
        scales: Array = np.array([[scale(t)] for t in range(1, T + 1)])
        return np.asarray(noise(T, n, seed) * scales)

    return fill


def _wide(T: int, n: int) -> Array:
    scales = [2.0 ** (-20 + 40 * j // max(n - 1, 1)) for j in range(n)]
    return np.asarray(noise(T, n, 3) * np.array(scales))


def _sparse(T: int, n: int) -> Array:
    keep = np.array([[t >= 2 and (t + j) % 3 == 0 for j in range(n)] for t in range(T)])
    keep[:, 0] = False  # a coordinate that never has a gradient
    return np.where(keep, noise(T, n, 4), 0.0)


def _bursts(T: int, n: int) -> Array:
    big = np.array([[(t + j) % 5 == 0 for j in range(n)] for t in range(T)])
    return noise(T, n, 5) * np.where(big, 4.0, 0.125)


def _alternating(T: int, n: int) -> Array:
    signs = np.array([[(-1.0) ** (t + j) for j in range(n)] for t in range(T)], dtype=float)
    return np.asarray(np.abs(noise(T, n, 6)) * signs)


def _large(T: int, n: int) -> Array:
    return noise(T, n, 8) * 2.0**13


def _shrink(t: int) -> float:
    # multiplied out: the C library's pow may differ in the last bit from machine to machine
    return math.prod([0.8125] * t)


def _short(eta: float) -> float:
    # 20 bits of a cosine are the same on every machine
    return round(eta * 2**20) / 2**20


def half_plans() -> tuple[Plan, ...]:
    """Return the table for float16 and bfloat16: few steps, numbers that float16 can hold."""
    return (
        Plan("exaggerated", "strong hyperparameters make every term and its place visible", 8,
             _rows(_shrink), STRONG, slopes, flags=("separates",)),
        Plan("bursts", "gradients come in bursts", 10, _bursts, {**STRONG, "eps": 0.05}, slopes,
             flags=("maximum",)),
        Plan("vanishing", "a decay below half a unit in the last place, no gradient", 96,
             lambda T, n: np.zeros((T, n)), VANISHING, flags=("vanishing",)),
        Plan("underflow", "no gradient, and an eps that float16 cannot hold", 3,
             lambda T, n: np.zeros((T, n)), {**USUAL, "weight_decay": 0.0}, flags=("underflow",)),
    )  # fmt: skip


def plans(dtype: str) -> tuple[Plan, ...]:
    """Return the table. The gradients of one case lie among the subnormals of `dtype`."""
    tiny = TINY[dtype]
    dying = cosine(6)
    restarts = warm_restarts(4, 2)
    return (
        Plan("exaggerated", "strong hyperparameters make every term and its place visible", 12,
             _rows(_shrink), STRONG, slopes, flags=("separates",)),
        Plan("ordinary", "the usual hyperparameters over a thousand steps", 1000,
             _rows(lambda t: 1.0, 2), USUAL, flags=("long",), size=3),
        Plan("wide", "gradients over 12 decades", 20, _wide, {**USUAL, "learning_rate": 0.05},
             slopes),
        Plan("sparse", "zero gradients at first, always in one coordinate, sometimes in others",
             18, _sparse, {**STRONG, "eps": 1e-3}, flags=("zero",)),
        Plan("alternating", "signs alternate: the first moment nearly cancels", 20, _alternating,
             {**STRONG, "weight_decay": 0.05}),
        Plan("shrinking", "gradients shrink: AMSGrad's maximum holds", 14,
             _rows(lambda t: 2.0 ** (-t), 7), {**STRONG, "eps": 0.01}, flags=("maximum",)),
        Plan("bursts", "gradients come in bursts: AMSGrad's maximum switches", 20, _bursts,
             {**STRONG, "eps": 0.05}, slopes, flags=("maximum",)),
        Plan("eps-rules", "gradients far below eps: eps sets the step", 12,
             _rows(lambda t: 2.0**-34, 9), {**USUAL, "learning_rate": 0.1, "weight_decay": 0.2},
             flags=("eps",)),
        # the rate of 4 keeps every right formula's products, folded as it likes, above the gradient
        Plan("subnormal", "gradients are subnormal numbers of the dtype", 10,
             _rows(lambda t: tiny, 10), {**USUAL, "learning_rate": 4.0, "eps": tiny * 2**10,
             "weight_decay": 0.0}, theta=lambda T, n: noise(T, n, 11) * 2.0**-6,
             flags=("subnormal",)),
        Plan("no-decay", "decay 0 is no decay", 8, _rows(lambda t: 1.0, 12),
             {**STRONG, "weight_decay": 0.0}, slopes),
        Plan("overshoot", "decay beyond 1/learning rate: the parameter changes sign", 8,
             _rows(lambda t: 1.0, 13), {**STRONG, "learning_rate": 0.5, "weight_decay": 3.0}),
        Plan("stop", "the schedule falls to 0 and stays there", 9, _rows(lambda t: 1.0, 14),
             STRONG, dying, flags=("schedule",)),
        Plan("restart", "warm restarts: the moments are kept", 24, _rows(lambda t: 0.5, 15),
             {**STRONG, "weight_decay": 0.1}, restarts, flags=("schedule",)),
        Plan("large", "large parameters, small relative steps", 12, _rows(lambda t: 1.0, 16),
             {**USUAL, "learning_rate": 0.5}, slopes, theta=_large),
        Plan("first", "one step: the bias correction and the first buffer alone", 1,
             _rows(lambda t: 1.0, 17), STRONG, lambda t: 0.5, flags=("first",)),
    )  # fmt: skip


def regimes(claim: str, dialect: Dialect, dtype: str) -> Iterator[Case]:
    """Yield each plan with the hyperparameters that `dialect` reads: one tensor, a few columns."""
    for plan in half_plans() if dtype in HALF else plans(dtype):
        T, n = plan.steps, plan.size
        theta = (plan.theta or (lambda T, n: noise(T, n, 99)))(1, n)[0]
        yield Case(
            id=f"{plan.id}/{dtype}",
            rule=claim,
            dtype=dtype,
            theta0=rounded(theta, dtype),
            grads=rounded(plan.fill(T, n), dtype),
            hyper=MappingProxyType(hyper_for(dialect, plan.hyper)),
            eta=np.array([_short(plan.eta(t)) for t in range(1, T + 1)]),
            purpose=plan.purpose,
            flags=plan.flags,
        )


def probes(claim: str, dialect: Dialect, dtype: str) -> Iterator[Case]:
    """Yield what identification needs: no sizes."""
    yield from regimes(claim, dialect, dtype)
    yield from tensors(claim, dialect, dtype)


# Of each dtype what the others do not show: a formula shows in the widest, a long run's roundings
# and the bookkeeping of several tensors in the dtype that every framework has.
BRIEF = {
    "float64": ("exaggerated", "wide", "sparse", "bursts", "stop"),
    "float32": ("exaggerated", "ordinary", "wide", "sparse", "eps-rules", "subnormal", "groups",
                "late"),
    "float16": ("exaggerated", "vanishing", "underflow"),
    "bfloat16": ("exaggerated", "vanishing"),  # which holds every usual eps
}  # fmt: skip
BRIEF_STEPS = 400  # of the longest


def brief(
    claim: str, dialect: Dialect, dtype: str, part: tuple[int, int] = (0, 1)
) -> Iterator[Case]:
    """Yield a suite that catches what the whole one does, for many targets in little time.

    The sizes are one case where the target can take several tensors. `part` is the row's place
    among those that share them, and the number of these.
    """
    yield from map(
        _shorter, (c for c in regimes(claim, dialect, dtype) if _named(c) in BRIEF[dtype])
    )
    yield from together(claim, dialect, dtype, part)
    yield from (c for c in tensors(claim, dialect, dtype) if _named(c) in BRIEF[dtype])


def _shorter(case: Case) -> Case:
    """One coordinate and fewer steps of the cases that are long: the others say no more."""
    if not {"long", "vanishing"} & set(case.flags):
        return case
    grads, eta = case.grads[:BRIEF_STEPS, :1], case.eta[:BRIEF_STEPS]
    purpose = case.purpose.replace("a thousand", str(BRIEF_STEPS))
    return replace(case, theta0=case.theta0[:1], grads=grads, eta=eta, purpose=purpose)


def _named(case: Case) -> str:
    return case.id.partition("/")[0]


def cases(claim: str, dialect: Dialect, dtype: str, *, with_views: bool = False) -> Iterator[Case]:
    """Yield the suite for a rule: regimes, then shapes, then several tensors.

    Tensors that are views of others come with `with_views` alone: few users have them.
    """
    if dtype not in DTYPES:
        raise ValueError(f"dtype {dtype!r}: the suite has cases in {', '.join(DTYPES)}")
    yield from regimes(claim, dialect, dtype)
    yield from shapes(claim, dialect, dtype)
    yield from tensors(claim, dialect, dtype)
    if with_views:
        yield from views(claim, dialect, dtype)
