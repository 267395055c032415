"""Covers: for each number of a tensor the least of the largest of the slices through it.

A maximum is one of the numbers, and exact in any order, on any library and in any format.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from array_api_compat import array_namespace

Array = Any


@dataclass(frozen=True, eq=False)
class Cover:
    """Terms of which a rule asks the cover, an array of their shape."""

    terms: Array
    over: ClassVar[Literal["slices"]] = "slices"

    def part(self) -> None:
        """Return no partial sum: it is none."""


def cover(x: Array, /, *, batch: int = 0) -> Array:
    """Return for each number the least of the maxima of the slices through it, one an axis.

    A slice is all that shares the number's place on one axis; of fewer than two axes each is alone
    in its slice. The first `batch` axes part tensors that are covered side by side.

    >>> import numpy as np
    >>> cover(np.array([[1.0, 2.0], [3.0, 9.0]]))
    array([[2., 2.],
           [3., 9.]])
    """
    axes = range(batch, x.ndim)
    if len(axes) < 2 or 0 in x.shape:
        return x
    xp = array_namespace(x)
    first, *others = (
        xp.max(x, axis=tuple(k for k in axes if k != axis), keepdims=True) for axis in axes
    )
    for largest in others:
        first = xp.minimum(first, largest)
    return first
