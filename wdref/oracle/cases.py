"""Cases: what an implementation under test is fed with, and why each case is there.

A case prescribes θ_0, every gradient, the hyperparameters and the schedule; nothing depends on the
implementation's own results, so that any program in any language can be fed with it. All values
come from integers by exact arithmetic: they are the same on every machine.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from ..dialects import Dialect
from ..schedules import cosine, warm_restarts

Array = NDArray[np.float64]
Fill = Callable[[int, int], Array]  # (T, n) -> gradients in float64

TINY = {"float32": 2.0**-134, "float64": 2.0**-1060}  # subnormal gradients of some 2^15 units


@dataclass(frozen=True, eq=False)
class Case:
    """One trajectory to compute: the contract of `run(case)`, field by field."""

    id: str
    rule: str
    dtype: str
    theta0: Array  # (n,), of the dtype
    grads: Array  # (T, n), of the dtype
    hyper: Mapping[str, float]
    eta: Array  # (T,), float64
    purpose: str = ""
    flags: tuple[str, ...] = ()


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


def noise(rows: int, columns: int, seed: int = 1) -> Array:
    """Numbers in ±[1/2, 1) of 10 significant bits, from splitmix64: exact in every dtype."""
    values, state = [], seed * 0x9E3779B97F4A7C15
    for _ in range(rows * columns):
        state = (state + 0x9E3779B97F4A7C15) % 2**64
        z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % 2**64
        z ^= z >> 31
        values.append((512 + (z & 511)) / 1024 * (-1 if z >> 63 else 1))
    return np.array(values, dtype=float).reshape(rows, columns)


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


STRONG = {"learning_rate": 0.3, "weight_decay": 0.4, "eps": 0.2, "beta1": 0.8, "beta2": 0.7,
          "momentum": 0.8, "dampening": 0.3}  # fmt: skip
USUAL = {"learning_rate": 1e-3, "weight_decay": 1e-2, "eps": 1e-8, "beta1": 0.9, "beta2": 0.999,
         "momentum": 0.9, "dampening": 0.1}  # fmt: skip
SLOPES = (1.0, 0.5, 0.75, 0.25, 1.0, 0.375)


def _slopes(t: int) -> float:
    return SLOPES[(t - 1) % len(SLOPES)]


def plans(dtype: str) -> tuple[Plan, ...]:
    """Return the table. The gradients of one case lie among the subnormals of `dtype`."""
    tiny = TINY[dtype]
    dying = cosine(6)
    restarts = warm_restarts(4, 2)
    return (
        Plan("exaggerated", "strong hyperparameters make every term and its place visible", 12,
             _rows(lambda t: 0.8**t), STRONG, _slopes, flags=("separates",)),
        Plan("ordinary", "the usual hyperparameters over a thousand steps", 1000,
             _rows(lambda t: 1.0, 2), USUAL, flags=("long",), size=3),
        Plan("wide", "gradients over 12 decades", 20, _wide, {**USUAL, "learning_rate": 0.05},
             _slopes),
        Plan("sparse", "zero gradients at first, always in one coordinate, sometimes in others",
             18, _sparse, {**STRONG, "eps": 1e-3}, flags=("zero",)),
        Plan("alternating", "signs alternate: the first moment nearly cancels", 20, _alternating,
             {**STRONG, "weight_decay": 0.05}),
        Plan("shrinking", "gradients shrink: AMSGrad's maximum holds", 14,
             _rows(lambda t: 2.0 ** (-t), 7), {**STRONG, "eps": 0.01}, flags=("maximum",)),
        Plan("bursts", "gradients come in bursts: AMSGrad's maximum switches", 20, _bursts,
             {**STRONG, "eps": 0.05}, _slopes, flags=("maximum",)),
        Plan("eps-rules", "gradients far below eps: eps sets the step", 12,
             _rows(lambda t: 2.0**-34, 9), {**USUAL, "learning_rate": 0.1, "weight_decay": 0.2},
             flags=("eps",)),
        # the rate of 4 keeps every right formula's products, folded as it likes, above the gradient
        Plan("subnormal", "gradients are subnormal numbers of the dtype", 10,
             _rows(lambda t: tiny, 10), {**USUAL, "learning_rate": 4.0, "eps": tiny * 2**10,
             "weight_decay": 0.0}, theta=lambda T, n: noise(T, n, 11) * 2.0**-6,
             flags=("subnormal",)),
        Plan("no-decay", "decay 0 is no decay", 8, _rows(lambda t: 1.0, 12),
             {**STRONG, "weight_decay": 0.0}, _slopes),
        Plan("overshoot", "decay beyond 1/learning rate: the parameter changes sign", 8,
             _rows(lambda t: 1.0, 13), {**STRONG, "learning_rate": 0.5, "weight_decay": 3.0}),
        Plan("stop", "the schedule falls to 0 and stays there", 9, _rows(lambda t: 1.0, 14),
             STRONG, dying, flags=("schedule",)),
        Plan("restart", "warm restarts: the moments are kept", 24, _rows(lambda t: 0.5, 15),
             {**STRONG, "weight_decay": 0.1}, restarts, flags=("schedule",)),
        Plan("large", "large parameters, small relative steps", 12, _rows(lambda t: 1.0, 16),
             {**USUAL, "learning_rate": 0.5}, _slopes, theta=_large),
        Plan("first", "one step: the bias correction and the first buffer alone", 1,
             _rows(lambda t: 1.0, 17), STRONG, lambda t: 0.5, flags=("first",)),
    )  # fmt: skip


def cases(claim: str, dialect: Dialect, dtype: str) -> Iterator[Case]:
    """Yield the suite for a rule: each plan with the hyperparameters that `dialect` reads."""
    if dtype not in TINY:
        raise ValueError(f"dtype {dtype!r}: the suite has cases in {', '.join(TINY)}")
    for plan in plans(dtype):
        hyper = {name: plan.hyper[name] for name in dialect.hyper}
        if getattr(dialect, "nesterov", False) and "dampening" in hyper:
            hyper["dampening"] = 0.0  # Nesterov's step is not defined with dampening
        T, n = plan.steps, plan.size
        theta = (plan.theta or (lambda T, n: noise(T, n, 99)))(1, n)[0]
        yield Case(
            id=f"{plan.id}/{dtype}",
            rule=claim,
            dtype=dtype,
            theta0=theta.astype(dtype),
            grads=plan.fill(T, n).astype(dtype),
            hyper=MappingProxyType(hyper),
            eta=np.array([plan.eta(t) for t in range(1, T + 1)]),
            purpose=plan.purpose,
            flags=plan.flags,
        )
