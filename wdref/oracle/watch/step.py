"""One step, judged: what an optimizer was given, what it gave, and how far that is from its rule.

Plain NumPy arrays in, ratios out; nothing here knows a framework. The rule runs once on `Bounds`,
from the very state that the step was given, so that no error of an earlier step is carried on.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ...backend import load
from ...engine.arithmetic import Arithmetic, Primitives
from ...rules.contract import Dialect
from ...rules.shapes import scope_of, shapes_of
from .bounds import UP, Bounds, Later, Rounds, midpoint_dtype
from .sums import Sums, Whole, begun, went_on

Array = NDArray[np.float64]

# √ and ÷ within one unit in the last place: PyTorch's √ errs by 0.75, XLA's ÷ is a product
ASSUMED = Primitives(sqrt=2.0, divide=2.0)
WIDTHS = ("bfloat16", "float16", "float32", "float64")


@dataclass(frozen=True, eq=False)
class Rule:
    """What one step claims to compute, and in which arithmetic; coordinates that share it batch.

    `eta` is the schedule's multiplier, `before` that of the step before, `initial` the learning
    rate at the start. `dtypes` are those of the parameters, then of each slot; operations round to
    `compute`, if it is not given to the widest of them. `scale` divides the gradient first, as a
    fused step does under gradient scaling. `narrow`: see `Arithmetic`. `other` is what the
    optimizer says itself, where it was asked for another rule. `beside` says that the
    gradient is clipped before the step gets it, and what is added to its norm.
    """

    dialect: Dialect
    hyper: Mapping[str, float]
    t: int
    dtypes: tuple[str, ...]
    eta: float = 1.0
    before: float = 1.0
    initial: float | None = None
    scale: float = 1.0
    narrow: tuple[str, ...] = ()
    primitives: Primitives = field(default=ASSUMED)
    compute: str = ""
    other: "Rule | None" = None
    beside: float | None = None

    def __post_init__(self) -> None:
        kinds = ("like", *shapes_of(self.dialect))  # numbers of the host may be wider
        arrays = [dtype for dtype, kind in zip(self.dtypes, kinds, strict=True) if kind == "like"]
        widest = max(arrays, key=WIDTHS.index)
        object.__setattr__(self, "compute", self.compute or widest)

    def key(self) -> tuple[Any, ...]:
        """Equal for rules that are one."""
        own = {"hyper": tuple(sorted(self.hyper.items())), "other": self.other and self.other.key()}
        return tuple({**vars(self), **own}.values())

    def at(self, rate: float, *, before: float | None, initial: float | None) -> "Rule":
        """The same at this learning rate, after that of the step `before`.

        η is 1 and the rate the learning rate, to the bit, unless the decay reads them apart.
        """
        last, first = rate if before is None else before, rate if initial is None else initial
        apart = self.dialect.form in ("paper", "initial_lr", "scaled_l2", "corrected") or rate == 0
        alpha = first if apart and first != 0 else rate
        eta, previous = (x / alpha if alpha else 1.0 for x in (rate, last))
        hyper = {**self.hyper, "learning_rate": alpha}
        return replace(self, hyper=hyper, eta=eta, before=previous, initial=first)


@dataclass(frozen=True, eq=False)
class Before:
    """What a step is given: arrays (n,) in float64, which holds every format exactly.

    `sums` are those of the whole tensors, for each coordinate or one for all.
    """

    theta: Array
    g: Array
    slots: tuple[Array, ...]
    sums: Sums = ()

    def at(self, where: Any) -> "Before":
        """The same at some of the coordinates, without the sums."""
        return Before(self.theta[where], self.g[where], tuple(x[where] for x in self.slots))


@dataclass(frozen=True, eq=False)
class Certified:
    """One array of a step: the exact value is within `error` of `high`, a rounded one in `radius`.

    `high` is a long double for float64 steps. What is not certified has a radius that is nan.
    """

    high: NDArray[Any]
    error: Array
    radius: Array

    def ratio(self, got: Array) -> Array:
        """``|got - exact| / radius``, rounded up; inf where only got is no finite number."""
        with np.errstate(all="ignore"):
            far = np.abs(got - self.high).astype(np.float64) + self.error
            distance = np.where(got == self.high, 0.0, far * UP)
            ratio = np.where(distance == 0, 0.0, distance / self.radius)
        ratio = np.where(np.isfinite(got), ratio, np.inf)
        return np.where(np.isfinite(self.radius), ratio, np.nan)


def certify(rule: Rule, before: Before) -> tuple[Certified, ...]:
    """Return the certified parameters of a step, and each of its slots."""
    arrays = (before.theta, before.g, *before.slots)
    with np.errstate(all="ignore"):
        inputs = _inputs(rule, [partial(_same, x) for x in arrays], _scalars(rule))
        if scope_of(rule.dialect) == "element":
            theta, new = rule.dialect.apply(*inputs)
        else:
            theta, new = went_on(begun(rule.dialect, rule.beside, inputs), before.sums).result
        return tuple(
            _certified(x if dtype == rule.compute else _stored(x, dtype, rule.primitives), theta)
            for x, dtype in zip((theta, *new), rule.dtypes, strict=True)
        )


def whole(rule: Rule, size: int, read: Sequence[Callable[[int, int], Array]]) -> Whole:
    """Return a tensor of which a step's sums are to be made.

    `read` gives a stretch of θ, g and each slot in float64, as they are before the step.
    """
    s = _scalars(rule)
    kind = rule.dialect, tuple(x is None for x in s)

    def begin(start: int, stop: int) -> Any:
        inputs = _inputs(rule, [partial(x, start, stop) for x in read], s)
        return begun(rule.dialect, rule.beside, inputs)

    return Whole(kind, size, begin)


def _inputs(rule: Rule, read: Sequence[Callable[[], Array]], s: Any) -> tuple[Any, ...]:
    """Return θ, g, the slots and the scalars of a step as bounds."""
    kind = midpoint_dtype(rule.compute)
    rounds = Rounds.of(rule.compute, rule.primitives)
    theta, g, *slots = cast("list[Bounds]", [Later(x, kind, rounds) for x in read])
    if rule.beside is not None:
        g.rounds = Rounds.of(rule.dtypes[0], rule.primitives)
    if rule.scale != 1:
        g = g / Bounds(np.array([rule.scale], kind), None, rounds)
    return theta, g, tuple(slots), s


def _same(x: Array) -> Array:
    return x


def _stored(x: Bounds, dtype: str, primitives: Primitives) -> Bounds:
    return x.rounded(Rounds.of(dtype, primitives))


def _certified(x: Bounds, like: Bounds) -> Certified:
    n = len(like.mid)  # a number of the tensor stands for each coordinate
    rad = np.zeros((2, n)) if x.rad is None else np.broadcast_to(x.rad, (2, n))
    finite = np.isfinite(x.mid.astype(np.float64))
    radius = np.where(finite, (rad[0] + rad[1]) * UP, np.nan)
    return Certified(np.broadcast_to(x.mid, n), rad[0], radius)


def _scalars(rule: Rule) -> Any:
    rounds = Rounds.of(rule.compute, rule.primitives)
    hyper = tuple(sorted(rule.hyper.items()))
    arithmetic = Arithmetic(rule.compute, narrow=rule.narrow, primitives=rule.primitives)
    numbers = _balls(rule.dialect, hyper, rule.t, rule.eta, rule.before, arithmetic)
    kind = midpoint_dtype(rule.compute)
    return type(numbers)(*(None if x is None else _number(x, kind, rounds) for x in numbers))


@lru_cache(maxsize=256)  # leaves and groups of one step share them
def _balls(
    dialect: Dialect, hyper: Any, t: int, eta: float, before: float, arithmetic: Arithmetic
) -> Any:
    """Return for each scalar its ball, and the ball of what the target's host may hold."""
    exact = load("exact")
    given = (dialect, dict(hyper), t, eta)
    real = exact.scalars(*given, before=before)
    wide = exact.scalars(*given, before=before, arithmetic=arithmetic)
    return type(real)(*(None if x is None else (x, y) for x, y in zip(real, wide, strict=True)))


def _number(balls: Any, kind: Any, rounds: Rounds) -> Bounds:
    real, wide = balls
    high = float(real.mid())
    mid = kind.type(high) + kind.type(float(real.mid() - high))
    rest = float(mid - kind.type(high))  # exact: what is left of a long double fits a double
    rad = [_up(x - high - rest) for x in (real, wide)]
    return Bounds(np.array([mid]), np.array(rad)[:, None], rounds)


def _up(ball: Any) -> float:
    return float(ball.abs_upper()) * UP if ball.is_finite() else float("nan")
