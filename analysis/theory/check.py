"""A prediction of the theory, tried: what was predicted, what came out, how far off it may be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

CONFIDENCE = (
    0.999  # of an interval over replicas; 20 such checks fail by chance in 2 % of all seeds
)
UNIT = 2.0**-53  # half a unit in the last place of float64, relative


@dataclass(frozen=True)
class Control:
    """The same measure where the prediction is not meant to hold: it must be outside."""

    statement: str
    measured: float
    fails: bool


@dataclass(frozen=True)
class Check:
    """One prediction. It holds if `measured` is within `tolerance` of it and the control fails.

    ``relation`` says what is predicted: a value ("="), or a bound ("<=", ">="). ``reason`` says why
    the tolerance is what it is: rounding, discretisation, or the replicas' interval.
    """

    id: str
    statement: str
    predicted: float
    measured: float
    tolerance: float
    reason: str
    source: str
    relation: Literal["=", "<=", ">="] = "="
    holds: bool = field(init=False)
    control: Control | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        good = self.admits(self.measured) and (self.control is None or self.control.fails)
        object.__setattr__(self, "holds", good)

    def admits(self, value: float) -> bool:
        """Whether `value` is what was predicted; nan never is."""
        off = value - self.predicted
        if self.relation == "=":
            return bool(abs(off) <= self.tolerance)
        return bool(off <= self.tolerance if self.relation == "<=" else -off <= self.tolerance)

    def against(self, statement: str, measured: float) -> "Check":
        """Return the check with a control: the same measure of something else, which must fail."""
        fails = not self.admits(measured)
        return replace(self, control=Control(statement, float(measured), fails))


def interval(values: Sequence[float] | np.ndarray[Any, Any]) -> tuple[float, float]:
    """Return the mean of independent replicas and the half-width of its 99.9 % Student interval.

    >>> mean, half = interval([1.0, 1.0, 1.0])
    >>> float(mean), float(half)
    (1.0, 0.0)
    """
    from scipy.stats import t

    x = np.asarray(values, dtype=float)
    quantile = float(t.ppf((1 + CONFIDENCE) / 2, x.size - 1))
    return float(x.mean()), quantile * float(x.std(ddof=1)) / x.size**0.5


def slope(x: Any, y: Any) -> Any:
    """Return the least-squares slopes of the columns of `y` (points, replicas) against `x`.

    >>> slope([0.0, 1.0, 2.0], np.array([[1.0], [3.0], [5.0]])).tolist()
    [2.0]
    """
    x = np.asarray(x, dtype=float)
    centred = x - x.mean()
    return centred @ np.asarray(y, dtype=float) / (centred @ centred)
