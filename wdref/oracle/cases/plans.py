"""Plans: the table of cases of one tensor, each with what it is there for.

The first half shows every term of a formula and its place. The second half holds the values at
which programs branch: a hyperparameter at its bound, a rate of 0, parameters that are tiny or 0,
a quiet start and a burst, thousands of steps, gradients that are no numbers.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from ...rules.contract import Dialect
from ...rules.registry import families
from ...schedules import cosine, warm_restarts
from .case import Array, noise
from .shapes import BOLD, STRONG, USUAL, slopes

Fill = Callable[[int, int], Array]  # (T, n) -> gradients in float64

# η α λ = η λ = 2^-12 moves no parameter that is stored in float16, and bfloat16 even less
VANISHING = {**USUAL, "learning_rate": 1.0, "weight_decay": 2.0**-12, "eps": 2.0**-8}
TINY = {"float32": 2.0**-134, "float64": 2.0**-1060}  # subnormal gradients of some 2^15 units
SMALL = {"float32": 2.0**-118, "float64": 2.0**-1014}  # an eps whose reciprocal is a number


@dataclass(frozen=True)
class Plan:
    """A row of the table: hyperparameters by name, gradients and schedule as functions.

    `asks` is the hyperparameter that it is about: dialects that do not read it have no such case.
    """

    id: str
    purpose: str
    steps: int
    fill: Fill
    hyper: Mapping[str, float] = field(default_factory=dict)
    eta: Callable[[int], float] = lambda t: 1.0
    theta: Fill | None = None
    flags: tuple[str, ...] = ()
    size: int = 6
    asks: str = ""


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


def _surges(T: int, n: int, seed: int) -> Array:
    """Gradients that rise to 4 and 8, so that what is clipped at 1 shows, of g and of u."""
    scales = [(2.0, 0.5, 4.0, 0.25, 8.0)[t % 5] for t in range(T)]
    return np.asarray(noise(T, n, seed) * np.array(scales)[:, None])


def _surging(seed: int) -> Fill:
    return lambda T, n: _surges(T, n, seed)


def _grades(n: int) -> Array:
    """From 1 down to 2^-40 by column, and 0 in the last."""
    return np.array([2.0 ** -round(40 * j / (n - 2)) for j in range(n - 1)] + [0.0])


def _proportional(T: int, n: int) -> Array:
    scales = _grades(n)
    scales[-1] = 2.0**-20
    grads = noise(T, n, 18) * scales / 4
    grads[-2] = _surges(5, n, 18)[-1]  # a burst, after what is small has had its time
    return np.asarray(grads)


def _awakening(T: int, n: int) -> Array:
    quiet, loud = [0.0] * 6 + [2.0**-16] * 14, [2.0**7, 2.0**10, 1.0, 1.0, *[2.0**14] * 3, 0.0]
    return np.asarray(noise(T, n, 19) * np.array([*quiet, *loud, 1.0, 1.0])[:T, None])


def _no_numbers(T: int, n: int) -> Array:
    grads = _surges(T, n, 20)
    grads[2, 0], grads[4, 1], grads[7, 2] = math.nan, math.inf, -math.inf
    return grads


def _counted(T: int, n: int) -> Array:
    """One sign, so that what goes wrong adds up, and growing in the end."""
    return np.abs(noise(T, n, 32)) * np.where(np.arange(T) < T - 20, 0.5, 4.0)[:, None]


PAUSES = (0.0, 0.0, 0.5, 0.0, 2.0, 1.5, 0.25, 0.0, 1.0, 0.75)  # η: of 0, below and above 1


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
        # the rate of 4 keeps every right formula's products, folded as it likes, above the
        # gradient
        Plan("subnormal", "gradients are subnormal numbers of the dtype", 10,
             _rows(lambda t: tiny, 10), {**USUAL, "learning_rate": 4.0, "eps": SMALL[dtype],
             "weight_decay": 0.0}, theta=lambda T, n: noise(T, n, 11) * 2.0**-6,
             flags=("subnormal",)),
        Plan("no-decay", "decay 0 is no decay", 8, _surging(12), {**BOLD, "weight_decay": 0.0},
             slopes),
        Plan("overshoot", "decay beyond 1/learning rate: the parameter changes sign", 8,
             _surging(13), {**BOLD, "learning_rate": 0.5, "weight_decay": 3.0}),
        Plan("stop", "the schedule falls to 0 and stays there", 9, _rows(lambda t: 1.0, 14),
             STRONG, dying, flags=("schedule",)),
        Plan("restart", "warm restarts: the moments are kept", 24, _rows(lambda t: 0.5, 15),
             {**STRONG, "weight_decay": 0.1}, restarts, flags=("schedule",)),
        Plan("large", "large parameters, small relative steps", 12,
             lambda T, n: 32 * _surges(T, n, 16),
             {**USUAL, "learning_rate": 0.5, "beta1": 0.25}, slopes, theta=_large),
        Plan("first", "one step: the bias correction and the first buffer alone", 1,
             _rows(lambda t: 1.0, 17), STRONG, lambda t: 0.5, flags=("first",)),
    )  # fmt: skip


def branching_plans() -> tuple[Plan, ...]:
    """Return the cases at whose values a program may take another branch."""
    return (
        Plan("no-momentum", "momentum 0: SGD, with its L2 term or decay", 8, _surging(22),
             {**BOLD, "momentum": 0.0}, slopes, flags=("bound",), asks="momentum"),
        Plan("undamped", "dampening 0", 6, _surging(23), {**BOLD, "dampening": 0.0}, slopes,
             flags=("bound",), asks="dampening"),
        Plan("all-damped", "dampening 1: the buffer takes nothing more", 6, _surging(24),
             {**BOLD, "dampening": 1.0}, slopes, flags=("bound",), asks="dampening"),
        Plan("beta1-0", "beta1 0: the first moment is the gradient", 8, _surging(25),
             {**BOLD, "beta1": 0.0}, slopes, flags=("bound",), asks="beta1"),
        Plan("beta2-0", "beta2 0: the second moment is the gradient's square", 8, _surging(26),
             {**STRONG, "beta2": 0.0}, slopes, flags=("bound",), asks="beta2"),
        Plan("eps-0", "eps 0, where every gradient has a size", 8, _surging(27),
             {**BOLD, "eps": 0.0}, slopes, flags=("bound",), asks="eps"),
        Plan("rate-0", "learning rate 0: what decays does not follow it", 6, _surging(28),
             {**BOLD, "learning_rate": 0.0}, flags=("bound",)),
        Plan("rate-2", "learning rate 2, weight decay 1/8", 6, _surging(33),
             {**BOLD, "learning_rate": 2.0, "weight_decay": 0.125}, slopes),
        Plan("pauses", "the schedule begins at 0, pauses, and goes beyond 1", len(PAUSES),
             _surging(29), BOLD, lambda t: PAUSES[t - 1], flags=("schedule",)),
        Plan("graded", "parameters from 1 down to 2^-40, and 0, with gradients of their size", 8,
             _proportional, BOLD, slopes, theta=lambda T, n: noise(T, n, 30) * _grades(n),
             flags=("small",), size=8),
        Plan("origin", "every parameter is 0 and waits there: the schedule begins at 0",
             len(PAUSES), _surging(31), BOLD, lambda t: PAUSES[t - 1],
             theta=lambda T, n: np.zeros((1, n)), flags=("small", "schedule")),
        Plan("awakening", "no gradient, small ones, then bursts: steps longer than the rate", 30,
             _awakening, {**STRONG, "beta1": 0.5, "beta2": 1 - 2.0**-10, "eps": 2.0**-26}, slopes,
             theta=lambda T, n: noise(T, n, 34) * 2 * (np.arange(n) > 0), flags=("burst",)),
        Plan("counter", "thousands of steps: a count that stops, a decay that ends", 2112, _counted,
             {**USUAL, "learning_rate": 0.1, "beta2": 1 - 2.0**-13},
             # the last steps count: roundings of all before them would hide what goes wrong
             lambda t: 2.0**-9 if t < 2030 else 1.0, flags=("long",), size=1),
        Plan("no-numbers", "gradients that are infinite or no number reach their parameter alone",
             10, _no_numbers, BOLD, slopes, flags=("nonfinite",)),
    )  # fmt: skip


def bound_plans(dialect: Dialect) -> tuple[Plan, ...]:
    """Return a case at each bound of the hyperparameters that this family alone has."""
    family = families().get(dialect.family)
    own = [h for h in family.hyper if h.name not in STRONG] if family else []
    return tuple(
        Plan(f"{h.name.replace('_', '-')}-{bound:g}", f"{h.name} {bound:g}", 8, _surging(35),
             {**BOLD, h.name: bound}, slopes, flags=("bound",), asks=h.name)
        for h in own for bound in h.bounds
    )  # fmt: skip
