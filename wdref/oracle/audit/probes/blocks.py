"""Which part of a large tensor is copied, and which coordinates of the copy are looked at."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.int64]
GIB = 2**30


def block(shape: Sequence[int], sample: int, ends: Sequence[int] = ()) -> tuple[Index, ...] | None:
    """Return the indices along each axis of a block of up to `sample` elements, None for all.

    The block keeps the number of axes, which factored moments and whole matrices ask for. `ends`
    are flat places that it holds, as far as an axis has room.

    >>> [x.tolist() for x in block((1000, 3), 9, ends=[1501])]
    [[0, 500, 999], [0, 1, 2]]
    """
    if prod(shape) <= sample:
        return None
    lengths, left = [0] * len(shape), sample
    for k, axis in enumerate(sorted(range(len(shape)), key=lambda a: shape[a])):
        fair = int((left + 0.5) ** (1 / (len(shape) - k)))
        lengths[axis] = max(1, min(shape[axis], fair))
        left //= lengths[axis]
    wanted = np.unravel_index(np.asarray(ends, dtype=np.int64), tuple(shape))
    axes = zip(shape, lengths, wanted, strict=True)
    return tuple(_places(size, length, places.tolist()) for size, length, places in axes)


def _places(size: int, length: int, wanted: Sequence[int]) -> Index:
    """Some places along an axis: those that are wanted, the rest evenly spread."""
    kept = list(dict.fromkeys(wanted))[:length]
    spread = np.linspace(0, size - 1, length).round().astype(np.int64).tolist()
    far = sorted(spread, key=lambda i: -min((abs(i - j) for j in kept), default=0))
    found = dict.fromkeys([*kept, *far])
    return np.sort(np.asarray(list(found)[:length], dtype=np.int64))


def looked_at(size: int, sample: int, ends: Sequence[int] = ()) -> Index:
    """Return up to `sample` flat places below `size`, `ends` among them.

    >>> looked_at(1000, 4, ends=[17]).tolist()
    [17, 333, 666, 999]
    """
    if size <= sample:
        return np.arange(size)
    return _places(size, sample, ends)


def bytes_of(elements: int, slots: int) -> int:
    """What a copy in float64 takes: θ, its gradient, what the step needs beside, and the slots."""
    return 8 * (4 * elements + slots)


def note(blocks: Sequence[object], most: int, sample: int, memory: float) -> str:
    """Say how many tensors were sampled, and why."""
    sampled = sum(part is not None for part in blocks)
    return (
        f"{sampled} of {len(blocks)} tensors were sampled, up to {sample} elements each: whole "
        f"copies take {most / GIB:.2g} GiB, memory is {memory:g} GiB"
    )


def part_of(x: Any, part: tuple[Index, ...] | None) -> Any:
    """Return the block of an array, of a slot what stands for it; axes of length 1 stay."""
    if part is None or np.ndim(x) != len(part):
        return x
    for axis, at in enumerate(part):
        x = x.take(at, axis=axis) if x.shape[axis] > 1 else x
    return x


def ends_of(x: NDArray[Any]) -> tuple[int, ...]:
    """Return the flat places of the largest and the smallest number."""
    size = np.abs(x.reshape(-1))
    return (int(size.argmax()), int(size.argmin())) if size.size else ()


def filled(x: NDArray[Any]) -> NDArray[np.float64]:
    """Put numbers in place of 0, whose decay nobody sees, and of what is not finite."""
    x = x.astype(np.float64)
    bad = (x == 0) | ~np.isfinite(x)
    if not bad.any():
        return x
    size = np.abs(x[~bad]).mean() if (~bad).any() else 1.0
    return np.where(bad, size * (1 + np.arange(x.size).reshape(x.shape) / x.size), x)
