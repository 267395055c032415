"""Sums of arrays of any library: as float64 numbers of the host, or along an axis as arrays."""

import math
from collections.abc import Callable, Sequence
from importlib import import_module
from itertools import chain
from math import prod
from typing import Any

import numpy as np
from array_api_compat import array_namespace, is_cupy_array, is_dask_array, is_torch_array

from . import partial
from .partial import Exact, Partial

Array = Any
FEW = 512  # terms that Python adds sooner than NumPy's passes over them begin


def total(x: Array, /) -> Any:
    """Return the sum of all terms, correctly rounded to float64.

    Of arrays that have no numbers yet (under ``jax.jit``, ``torch.func``) the library's own sum:
    the same real number, whose bits depend on the library.

    >>> total(np.array([1e16, 1.0, -1e16]))
    1.0
    """
    few = at_once([x])
    if few is not None:
        return few
    part = partial_of(x)
    return own_sum(x) if part is None else partial.value([part[0]], lambda: [part[1]()])


def at_once(arrays: Sequence[Array], /) -> float | None:
    """Return the sum of a few terms of NumPy arrays, which Python rounds correctly (Shewchuk).

    None where the terms are many or of another library, or where the sum is not finite.
    """
    if not all(isinstance(x, np.ndarray | np.generic) for x in arrays):
        return None
    if sum(x.size for x in arrays) > FEW:
        return None
    terms = chain.from_iterable(x.astype(np.float64).ravel().tolist() for x in arrays)
    try:
        value = math.fsum(terms)
    except (OverflowError, ValueError):  # beyond the range on the way; ∞ - ∞
        return None
    return value if math.isfinite(value) else None


def partial_of(x: Array, /) -> tuple[Partial, Callable[[], Exact]] | None:
    """Return the partial sum of the terms, and what gives the exact one; None without numbers."""
    terms = hosted(x)
    if terms is None:
        return None
    found = partial.combined(partial.of(block) for block in terms)
    return found, lambda: sum(map(partial.exactly, terms), Exact())


def along(x: Array, axis: int, /) -> Array:
    """Return sums along an axis, which is kept with length 1: each correctly rounded to float64.

    They are then rounded to the dtype of `x`, as every number that meets an array is.
    """
    xp = array_namespace(x)
    terms = hosted(x)
    if terms is None:
        return xp.sum(x, axis=axis, keepdims=True)
    rows = np.moveaxis(np.concatenate(terms) if len(terms) > 1 else terms[0], axis, -1)
    sums = np.array([_row(row) for row in rows.reshape(prod(rows.shape[:-1]), rows.shape[-1])])
    shaped = np.expand_dims(sums.reshape(rows.shape[:-1]), axis)
    if isinstance(x, np.ndarray | np.generic):
        return shaped.astype(x.dtype)
    return xp.asarray(shaped.astype(str(x.dtype).rpartition(".")[2]))


def _row(row: Array) -> float:
    few = at_once([row])
    if few is not None:
        return few
    return partial.value([partial.of(row)], lambda: [partial.exactly(row)])


def hosted(x: Array, /) -> list[Array] | None:
    """Return the numbers of `x` as NumPy arrays, block by block; None where it has none yet."""
    if isinstance(x, np.ndarray | np.generic):
        return [np.asarray(x)]
    try:
        if is_dask_array(x):
            return [np.asarray(block) for block in _blocks(x)]
        if is_torch_array(x):
            return [x.detach().cpu().numpy()]
        if is_cupy_array(x):
            return [x.get()]
        return [np.asarray(x) if hasattr(x, "__array__") else np.from_dlpack(x)]
    except (TypeError, RuntimeError, ValueError):  # JAX's tracers and torch.func's tensors
        return None


def _blocks(x: Array) -> list[Array]:
    dask: Any = import_module("dask")  # who has a dask array has it
    return list(dask.compute(*x.to_delayed().ravel()))


def count(x: Array, /) -> int:
    """Return how many elements `x` has, or stands for."""
    own = getattr(x, "stands_for", None)  # of balls
    return math.prod(x.shape) if own is None else own()


def own_sum(x: Array, /) -> Array:
    """Return the library's own sum."""
    return array_namespace(x).sum(x)
