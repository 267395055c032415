"""Right ways to add: in any order, by blocks, compensated, fused, scaled, as means.

All work along the last axis. A sum of squares that leaves the range of its numbers does so in the
programs that add like this, too.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .machines import wider

Array = Any
Addition = Callable[[Array, np.random.Generator], Array]
TURNS = 256  # that a loop makes at most: of more terms it adds several at a time, as threads do


def forward(x: Array, rng: Any = None) -> Array:
    """Add from left to right."""
    return np.add.accumulate(x, axis=-1)[..., -1] if x.shape[-1] else np.sum(x, axis=-1)


def backward(x: Array, rng: Any = None) -> Array:
    """Add from right to left."""
    return forward(x[..., ::-1])


def shuffled(x: Array, rng: np.random.Generator) -> Array:
    """Add in an order by chance."""
    return forward(x[..., rng.permutation(x.shape[-1])])


def pairwise(x: Array, rng: Any = None) -> Array:
    """Add neighbours, then these."""
    while x.shape[-1] > 1:
        x = _lanes(x, 2)
        x = x[..., 0] + x[..., 1]
    return forward(x)


def blocks(x: Array, rng: np.random.Generator) -> Array:
    """Add blocks of one size, each by a thread, and then their sums."""
    return forward(forward(_lanes(x, int(rng.integers(2, 9)))))


def lanes(x: Array, rng: np.random.Generator) -> Array:
    """Add as vector instructions do: every k-th term, and then the lanes."""
    apart = _lanes(x, int(rng.integers(2, 9)))
    return pairwise(forward(np.swapaxes(apart, -1, -2)))


def own(x: Array, rng: Any = None) -> Array:
    """Add as NumPy does."""
    return np.sum(x, axis=-1)


def kahan(x: Array, rng: Any = None) -> Array:
    """Add with Kahan's compensation."""
    turns = _turns(x)
    total = lost = np.zeros_like(turns[0])
    for term in turns:
        new = total + (term - lost)
        total, lost = new, (new - total) - (term - lost)
    return pairwise(total)


def neumaier(x: Array, rng: Any = None) -> Array:
    """Add with Neumaier's compensation, which is added at the end."""
    turns = _turns(x)
    total = lost = np.zeros_like(turns[0])
    for term in turns:
        new = total + term
        larger = np.abs(total) >= np.abs(term)
        lost = lost + np.where(larger, (total - new) + term, (term - new) + total)
        total = new
    return pairwise(total + lost)


def mean(x: Array, rng: Any = None) -> Array:
    """Take the mean, and multiply by the count; of nothing there is no mean."""
    n = x.dtype.type(max(x.shape[-1], 1))
    return (np.sum(x, axis=-1) / n) * n


def exact(x: Array, rng: Any = None) -> Array:
    """Add without an error, and round once to float64."""
    rows = x.reshape(math.prod(x.shape[:-1]), x.shape[-1]).astype(np.float64)
    return np.array([_rounded(row) for row in rows], float).reshape(x.shape[:-1])


def _rounded(row: Array) -> float:
    try:
        return math.fsum(row)
    except (OverflowError, ValueError):  # beyond the range, or ∞ - ∞
        return float(np.sum(row))


WAYS: dict[str, Addition] = {f.__name__: f for f in (forward, backward, shuffled, pairwise, blocks,
                        lanes, own, kahan, neumaier, mean, exact)}  # fmt: skip


def fused(a: Array, b: Array) -> Array:
    """Add products that are not rounded before they are added."""
    kind, wide = a.dtype, wider(a.dtype)
    pairs = [_turns(x.astype(wide)) for x in np.broadcast_arrays(a, b)]
    total = np.zeros(pairs[0].shape[1:], kind)
    for one, other in zip(*pairs, strict=True):
        total = (one * other + total).astype(kind)
    return pairwise(total)


def length(x: Array) -> Array:
    """Return √Σx² by max·√Σ(x/max)², which neither overflows nor underflows."""
    size = np.max(np.abs(x), axis=-1, keepdims=True, initial=0)
    scaled = np.where(size > 0, x / size, x)
    return size[..., 0] * np.sqrt(np.sum(scaled * scaled, axis=-1))


def _lanes(x: Array, width: int) -> Array:
    """Lay the last axis out in rows of `width`, the last one filled with zeros."""
    rest = -x.shape[-1] % width
    filled = np.concatenate([x, np.zeros((*x.shape[:-1], rest), x.dtype)], axis=-1)
    return filled.reshape(*x.shape[:-1], filled.shape[-1] // width, width)


def _turns(x: Array) -> Array:
    """Lay the last axis out as a row a turn: the first axis are the turns."""
    n = x.shape[-1]
    apart = x[..., None] if n <= TURNS else _lanes(x, -(-n // TURNS))
    return np.moveaxis(apart, -2, 0) if n else np.zeros((1, *x.shape[:-1], 1), x.dtype)
