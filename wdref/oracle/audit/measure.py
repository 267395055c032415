"""The measurement: walks of copies with zero gradients, and the form and size that they show.

A copy is walked from θ and from -θ. Half their difference, X, is the part of the walk that is odd
in θ: what momentum adds is the same in both and gone, and so is what depends on a norm of θ. A
decoupled decay takes X to (1-d) X, whatever the state. L2 goes through the moments: it is divided
by their root, so that X from 2 θ is not twice X from θ, or momentum repeats it, so that the second
step takes more than the first; and the state shows it, which a decoupled decay leaves alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
RELATIVE = 1e-6  # far above what float64 rounds, far below what any momentum changes
ROUNDINGS = 4  # a step's last operations, each of up to one unit
NEAR = 0.1  # what a state holds is θ itself, if it is so near


@dataclass(frozen=True)
class Start:
    """Where a walk begins: at `scale` θ, from the present state or a fresh one.

    It is walked in float64, or in the parameters' dtypes where `native`. Slots named in `follow`,
    by parameter, hold θ themselves and get the θ of the walk: else θ would move towards them.
    """

    scale: float = 1.0
    fresh: bool = False
    native: bool = False
    follow: Sequence[frozenset[str]] = ()


@dataclass(frozen=True)
class Walk:
    """What one parameter did: its coordinates before and after each step, and its state after one.

    `units` has the relative spacing of the dtype of θ, as "", and of each slot.
    """

    theta: Sequence[Array]
    state: Mapping[str, Array]
    units: Mapping[str, float]


class Probe(Protocol):
    """Copies of one optimizer, which can be walked."""

    @property
    def begun(self) -> bool:
        """Whether there is a state that differs from a fresh one."""

    def walk(self, start: Start, steps: int) -> Sequence[Walk]:
        """Return what each parameter does in some steps with zero gradients."""


@dataclass(frozen=True)
class Measured:
    """What the walks of one parameter show."""

    form: str
    decay: float = 0.0
    low: float = 0.0
    high: float = 0.0
    kept: float | None = None
    lost: float = 0.0
    wider: str = ""  # a slot that holds θ in more digits


def measure(probe: Probe) -> list[Measured]:
    """Walk the copies and say what each parameter's walks show."""
    fresh = _odd(probe, Start(fresh=True), 2)
    follow = tuple(frozenset(_followers(pair.plus)) for pair in fresh)
    twice = _odd(probe, Start(scale=2.0, fresh=True), 1)
    present = _odd(probe, Start(follow=follow), 2) if probe.begun else fresh
    native = probe.walk(Start(fresh=True, native=True), 1)
    rows = zip(present, fresh, twice, native, follow, strict=True)
    return [_measured(*row) for row in rows]


@dataclass(frozen=True)
class _Pair:
    """Walks from θ and -θ."""

    plus: Walk
    minus: Walk
    shrinks: Sequence[Array] = field(init=False)  # of the odd part, in each step
    noise: Array = field(init=False)

    def __post_init__(self) -> None:
        pairs = zip(self.plus.theta, self.minus.theta, strict=True)
        odd = [(a - b) / 2 for a, b in pairs]
        size = np.max(np.abs([*self.plus.theta, *self.minus.theta]), axis=0)
        unit = ROUNDINGS * _unit(self.plus)
        with np.errstate(all="ignore"):
            shrinks = [np.where(a == 0, 0.0, (a - b) / a) for a, b in pairwise(odd)]
            noise = np.where(odd[0] == 0, np.inf, unit * size / np.abs(odd[0]))
        object.__setattr__(self, "shrinks", shrinks)
        object.__setattr__(self, "noise", noise)


def _odd(probe: Probe, start: Start, steps: int) -> list[_Pair]:
    back = Start(-start.scale, start.fresh, start.native, start.follow)
    walks = probe.walk(start, steps), probe.walk(back, steps)
    return [_Pair(*pair) for pair in zip(*walks, strict=True)]


def _unit(walk: Walk) -> float:
    """The spacing that the step computed in: some compute in float32 whatever they are given."""
    before, after = walk.theta[0], walk.theta[1]
    single = float(np.finfo(np.float32).eps)
    with np.errstate(all="ignore"):
        narrow = bool(np.all(after.astype(np.float32) == after))
    moved = bool(np.any(before != after))
    return max(walk.units[""], single if narrow and moved else 0.0)


def _followers(walk: Walk) -> list[str]:
    """Slots that hold θ itself: master weights, averages, slow weights."""
    theta = walk.theta[0]
    alike = {name: x for name, x in walk.state.items() if x.shape == theta.shape}
    return [name for name, x in alike.items() if np.all(np.abs(x - theta) <= NEAR * np.abs(theta))]


def _measured(
    present: _Pair, fresh: _Pair, twice: _Pair, native: Walk, follow: frozenset[str]
) -> Measured:
    first = present.shrinks[0]
    if not np.isfinite(first).all():
        return Measured("unknown")
    moments = {name for name in present.plus.state if name not in follow}
    seen = _differ(present.plus, present.minus, moments)
    seen = seen or _differ(fresh.plus, twice.plus, moments)
    clear = np.abs(first) > present.noise
    if not clear.any():
        # a fresh one may decay where at present momentum decides, as it does of a sign
        still = not np.any(np.abs(fresh.shrinks[0]) > fresh.noise)
        return Measured("none" if still else "l2" if seen else "other")
    low, decay, high = map(float, np.quantile(first[clear], (0.0, 0.5, 1.0)))
    if not _is_share(decay, present, fresh, twice, clear, seen):
        return Measured("l2" if seen else "other", decay, low, high)
    has_moments = any(len(present.plus.state[name]) >= min(2, len(first)) for name in moments)
    form = "decoupled" if has_moments and not seen else "either"
    wider = next((n for n in sorted(follow) if native.units.get(n, 1.0) < native.units[""]), "")
    kept, lost = (None, 0.0) if wider else _rounded(native)
    return Measured(form, decay, low, high, kept, lost, wider)


def _is_share(
    decay: float, present: _Pair, fresh: _Pair, twice: _Pair,
    where: NDArray[np.bool_], seen: bool,
) -> bool:  # fmt: skip
    """Whether the same share is taken of all coordinates, of any θ, and again by the next step."""
    first, second = present.shrinks[:2]
    linear = _agree(fresh.shrinks[0], twice.shrinks[0], fresh.noise + twice.noise, where)
    uniform = _agree(first, np.full_like(first, decay), present.noise, where)
    steady = not seen or _agree(first, second, 2 * present.noise, where)
    return linear and uniform and steady


def _agree(a: Array, b: Array, noise: Any, where: NDArray[np.bool_]) -> bool:
    near = np.abs(a - b) <= RELATIVE * np.maximum(np.abs(a), np.abs(b)) + noise
    return bool(np.all(near[where]))


def _differ(a: Walk, b: Walk, names: set[str]) -> bool:
    return any(
        not np.array_equal(a.state[name], b.state[name], equal_nan=True)
        for name in names
        if name in a.state and name in b.state
    )


def _rounded(walk: Walk) -> tuple[float, float]:
    """What is left of a decay that acts alone, and the share of coordinates that do not move."""
    before, after = walk.theta[0], walk.theta[1]
    size = np.abs(before).sum()
    left = float(((before - after) * np.sign(before)).sum() / size) if size else 0.0
    return left, float(np.mean(after == before)) if size else 0.0
