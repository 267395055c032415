"""Enclosures: the exact trajectory of a case, and the envelope of its correctly rounded ones.

The tolerance is nobody's choice. The rule runs on balls twice: once as it is, which gives each θ_t
with a radius that provably contains the real value; once with every operation widened by one
rounding error of the dtype. The distance from the exact value that this envelope allows is the
*radius*, and an implementation is judged by ``ratio = |got - exact| / radius``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...backend import load
from ...engine.arithmetic import Arithmetic
from ..cases.case import Case
from ..cases.trajectory import multipliers, trajectory

Array = NDArray[np.float64]
SMALLEST = 5e-324  # what bounds in floats cannot go below, but for 0


@dataclass(frozen=True, eq=False)
class Enclosure:
    """Exact values as an unevaluated sum ``high + low`` and the radius allowed around them, (T, n).

    The real number lies within ``error`` of ``high + low``; `radius` is rounded up. In `doubt` are
    the values past a sign, a comparison or a choice that the roundings leave undecided, or past a
    gradient that is no number and yet left them finite. `broken` are those that it has made
    infinite or no number: no finite result is right there.
    """

    high: Array
    low: Array
    error: Array
    radius: Array
    doubt: NDArray[np.bool_]
    broken: NDArray[np.bool_]

    def distance(self, got: Array) -> Array:
        """Upper bound of |got - exact|, for finite results; nan or inf where got is."""
        with np.errstate(all="ignore"):
            return (np.abs((got - self.high) - self.low) + self.error) * (1 + 2.0**-50)

    def ratio(self, got: Array) -> Array:
        """``|got - exact| / radius``; 0 where both are 0, inf where only the radius is or got is
        no finite number, nan where the radius is or the value is in doubt: nothing is certified.
        """
        distance = np.where(np.isfinite(got), self.distance(got), np.inf)
        # an exact trajectory is known far better than any radius; equal bits are no distance
        distance = np.where(got == self.high, np.abs(self.low), distance)
        with np.errstate(all="ignore"):
            ratio = np.where(distance == 0, 0.0, distance / self.radius)
        ratio = np.where(np.isfinite(self.radius) & ~self.doubt, ratio, np.nan)
        return np.where(self.broken, np.where(np.isfinite(got), np.inf, 0.0), ratio)


def enclose(dialect: Any, case: Case, *, arithmetic: Arithmetic | None = None) -> Enclosure:
    """Return the enclosure of `case`, one tensor, under `dialect`.

    The envelope is that of `arithmetic`, by default every operation in the case's dtype. The
    precision is raised until the exact values are known to a millionth of the radius, or to the
    smallest float.
    """
    source = case.template or case
    found = _enclose(dialect, CaseKey(source), arithmetic or Arithmetic.of(case.dtype))
    n = len(case.theta0)
    if case.template is None:
        return found
    times = -(-n // len(source.theta0)) or 1
    return Enclosure(*(np.tile(x, (1, times))[:, :n] for x in vars(found).values()))


class CaseKey:
    """A case as a key: its data, not its name."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.theta0, self.grads = case.theta0, case.grads
        self.eta, self.hyper = case.eta, case.hyper
        hyper = tuple(sorted(case.hyper.items()))
        arrays = (x.tobytes() for x in (self.theta0, self.grads, self.eta))
        kind = (str(self.theta0.dtype), self.grads.shape, repr(dict(case.life)))
        self._key = (*kind, hyper, *arrays)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CaseKey) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


class _Exact(NamedTuple):
    balls: Any
    high: Array
    low: Array
    error: Array


@lru_cache(maxsize=4096)
def _enclose(dialect: Any, key: CaseKey, arithmetic: Arithmetic) -> Enclosure:
    bits = 192
    while True:
        exact = _exact(dialect, key, bits)
        path = _path(dialect, key, bits, arithmetic)
        radius = _table(
            (_up(wide - x) for wide, x in zip(*rows, strict=True))
            for rows in zip(path.balls, exact.balls, strict=True)
        ).reshape(key.grads.shape)
        known = exact.error <= np.maximum(radius * 2.0**-20, SMALLEST)
        if np.all(known | ~np.isfinite(radius) | (radius == 0)) or bits > 2000:
            doubt, broken = _doubt(path.doubts, key.grads.shape), _broken(dialect, key.case)
            doubt |= np.logical_or.accumulate(~np.isfinite(key.grads)) & ~broken
            return Enclosure(*exact[1:], radius, doubt, broken)
        bits *= 2


@lru_cache(maxsize=4096)
def _exact(dialect: Any, key: CaseKey, bits: int) -> _Exact:
    balls = _path(dialect, key, bits, None).balls
    shape = key.grads.shape
    high = _table((float(x.mid()) for x in row) for row in balls).reshape(shape)
    low = _table((float(x.mid() - float(x.mid())) for x in row) for row in balls).reshape(shape)
    error = _table(
        (_up((x - up) - rest) for x, up, rest in zip(*rows, strict=True))
        for rows in zip(balls, high.tolist(), low.tolist(), strict=True)
    ).reshape(shape)
    return _Exact(balls, high, low, error)


def _path(dialect: Any, key: CaseKey, bits: int, arithmetic: Arithmetic | None) -> Any:
    case = key.case
    grads = np.where(np.isfinite(key.grads), key.grads, 0.0)
    eta = multipliers(dialect, key.eta)
    times = [case.count_at(t) for t in range(1, len(grads) + 1)]
    return load("exact").path(
        dialect, key.theta0.tolist(), grads.tolist(), _hyper(case), eta.tolist(),
        times=times, arithmetic=arithmetic, bits=bits,
    )  # fmt: skip


def _hyper(case: Case) -> Mapping[str, Any]:
    """The hyperparameters, those that change as functions of the step."""
    names = {name for _, new in case.life.get("change", ()) for name in new}
    return {
        name: (lambda t, name=name: case.hyper_at(t)[name]) if name in names else value
        for name, value in case.hyper.items()
    }


def _table(rows: Any) -> Array:
    return np.array([list(row) for row in rows], dtype=float)


def _broken(dialect: Any, case: Case) -> NDArray[np.bool_]:
    if np.all(np.isfinite(case.grads)):
        return np.zeros(case.grads.shape, dtype=bool)
    wide = replace(case, theta0=case.theta0.astype(float), grads=case.grads.astype(float))
    path = [theta for theta, _ in trajectory(dialect, wide)]
    broken: NDArray[np.bool_] = ~np.isfinite(np.array(path).reshape(case.grads.shape))
    return broken


def _doubt(doubts: dict[int, int], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    doubt = np.zeros(shape, dtype=bool)
    for column, step in doubts.items():
        doubt[step - 1 :, column] = True
    return doubt


def _up(x: Any) -> float:
    """Upper bound of |x| as a float; nan where the ball is not finite."""
    if not x.is_finite():
        return float("nan")
    bound = float(x.abs_upper())
    return 0.0 if bound == 0.0 and x.is_zero() else bound * (1 + 2.0**-50) + SMALLEST
