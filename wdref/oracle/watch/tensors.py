"""Torch tensors as the shadow reads them: on this machine, real, and a few of their values."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from .step import Array
from .watch import sampled


def local(x: Any) -> Any:
    """The values on this machine, as real numbers; a number is an array of none."""
    if not isinstance(x, torch.Tensor):
        x = torch.tensor(x, dtype=torch.float64)
    x = x.to_local() if hasattr(x, "to_local") else x.detach()
    return torch.view_as_real(x) if x.is_complex() else x


def dtype_of(x: Any) -> str:
    """Name of the dtype."""
    return str(local(x).dtype).removeprefix("torch.")


def where_of(size: int, sample: int, step: int) -> tuple[NDArray[np.int64], Any]:
    """Return the places that are looked at, and the same as a tensor, None for all of them."""
    index = sampled(size, sample, step)
    return index, None if len(index) == size else torch.from_numpy(index)


def gather(pairs: Sequence[tuple[Any, Any]]) -> list[Array]:
    """Take the values asked for, with one copy from a device for all of them."""
    pieces = [x.reshape(-1) if where is None else torch.take(x, where) for x, where in pairs]
    if not pieces:
        return []
    if len({x.device for x in pieces}) > 1:
        pieces = [x.cpu() for x in pieces]
    flat = torch.cat([x.to(torch.float64) for x in pieces]).cpu().numpy()
    return np.split(flat, np.cumsum([len(x) for x in pieces])[:-1])


def stretches(x: Any, sign: float = 1.0) -> Callable[[int, int], Array]:
    """Return what reads a stretch of a tensor; of one in another order, from a copy of it."""
    flat: list[Any] = []

    def read(start: int, stop: int) -> Array:
        if start == 0 or not flat:
            flat[:] = [local(x).reshape(-1)]
        piece = flat[0][start:stop].to(torch.float64).cpu().numpy()
        if stop >= len(flat[0]):
            flat.clear()
        values: Array = piece * sign
        return values

    return read


def number(x: Any) -> Callable[[int, int], Array]:
    """Return the same of a number that stands for its whole tensor."""
    return lambda start, stop: local(x).reshape(-1).to(torch.float64).cpu().numpy()
