"""Enclosures: the exact trajectory of a case, and the envelope of its correctly rounded ones.

The tolerance is nobody's choice. The rule runs on balls twice: once as it is, which gives each θ_t
with a radius that provably contains the real value; once with every operation widened by one
rounding error of the dtype. The distance from the exact value that this envelope allows is the
*radius*, and an implementation is judged by ``ratio = |got - exact| / radius``.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..backend import load
from ..dialects import Dialect
from .cases import Case

Array = NDArray[np.float64]
SMALLEST = 5e-324  # what bounds in floats cannot go below, but for 0


@dataclass(frozen=True, eq=False)
class Enclosure:
    """Exact values as an unevaluated sum ``high + low`` and the radius allowed around them, (T, n).

    The real number lies within ``error`` of ``high + low``; `radius` is rounded up.
    """

    high: Array
    low: Array
    error: Array
    radius: Array

    def distance(self, got: Array) -> Array:
        """Upper bound of |got - exact|, for finite results; nan or inf where got is."""
        with np.errstate(all="ignore"):
            return (np.abs((got - self.high) - self.low) + self.error) * (1 + 2.0**-50)

    def ratio(self, got: Array) -> Array:
        """``|got - exact| / radius``; 0 where both are 0, inf where only the radius is or got is
        no finite number, nan where the radius is: nothing can be certified there.
        """
        distance = np.where(np.isfinite(got), self.distance(got), np.inf)
        # an exact trajectory is known far better than any radius; equal bits are no distance
        distance = np.where(got == self.high, np.abs(self.low), distance)
        with np.errstate(all="ignore"):
            ratio = np.where(distance == 0, 0.0, distance / self.radius)
        return np.where(np.isfinite(self.radius), ratio, np.nan)


def enclose(dialect: Dialect, case: Case, *, host: str = "float64") -> Enclosure:
    """Return the enclosure of `case` under `dialect`, scalars computed in `host` arithmetic.

    The precision is raised until the exact values are known to a millionth of the radius, or to the
    smallest float.
    """
    return _enclose(dialect, _Key(case), host)


class _Key:
    """A case as a key: two cases of one suite have the same data when they have the same id."""

    def __init__(self, case: Case) -> None:
        self.case = case
        arrays = (case.theta0, case.grads, case.eta)
        hyper = tuple(sorted(case.hyper.items()))
        self._key = (case.id, case.dtype, hyper, *(x.tobytes() for x in arrays))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


@lru_cache(maxsize=1024)
def _enclose(dialect: Dialect, key: _Key, host: str) -> Enclosure:
    bits = 192
    while True:
        found = _at_precision(dialect, key.case, host, bits)
        known = found.error <= np.maximum(found.radius * 2.0**-20, SMALLEST)
        if np.all(known | ~np.isfinite(found.radius) | (found.radius == 0)) or bits > 2000:
            return found
        bits *= 2


def _at_precision(dialect: Dialect, case: Case, host: str, bits: int) -> Enclosure:
    run = load("exact").trajectory
    inputs = (case.theta0.tolist(), case.grads.tolist(), case.hyper, case.eta.tolist())
    exact = run(dialect, *inputs, bits=bits)
    rounded = run(dialect, *inputs, dtype=case.dtype, host=host, bits=bits)
    high = np.array([[float(x.mid()) for x in row] for row in exact])
    low = np.array([[float(x.mid() - float(x.mid())) for x in row] for row in exact])
    error = [
        [_up((x - up) - rest) for x, up, rest in zip(*rows, strict=True)]
        for rows in zip(exact, high.tolist(), low.tolist(), strict=True)
    ]
    radius = [
        [_up(wide - x) for wide, x in zip(*rows, strict=True)]
        for rows in zip(rounded, exact, strict=True)
    ]
    return Enclosure(high, low, np.array(error), np.array(radius))


def _up(x: Any) -> float:
    """Upper bound of |x| as a float; nan where the ball is not finite."""
    if not x.is_finite():
        return float("nan")
    bound = float(x.abs_upper())
    return 0.0 if bound == 0.0 and x.is_zero() else bound * (1 + 2.0**-50) + SMALLEST
