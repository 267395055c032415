"""numba on entries: leaves with one more axis in front, along which each has its own scalars.

A training of many settings at once is such a step. The compiled loop is the optimizer's own, once
an entry, on that entry's part of every array.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from wdref.backend import PLAIN, Leaf
from wdref.engine.memory import address

from ..numpy import Array, flat

Compiled = Any  # a rule's `Element` and the compiled function


def step(leaves: Sequence[Leaf], compiled: Compiled, /) -> None:
    """Step `leaves`, which share their kernel, dtypes and scalars.

    Every array is (K, …); a scalar is a number or a float64 array (K,). Without a `compiled`
    program, or with arrays that have gaps, the rule is evaluated as written, with the same bits.
    """
    arrays = [(leaf.theta, leaf.g, *leaf.slots) for leaf in leaves]
    if compiled is None or not all(map(flat, arrays)):
        with np.errstate(all="ignore"):  # as in compiled code
            PLAIN.step_entries(leaves)
        return
    rule, run = compiled
    tables, size = _tables(arrays)
    run(tables, rule.host_entries(leaves[0].scalars, len(tables)), size)


def _tables(arrays: Sequence[tuple[Array, ...]]) -> tuple[Any, int]:
    """Rows (K, leaves, 2 + arrays) for the compiled loop, and the elements of one entry."""
    count = len(arrays[0][0])
    bases = tuple(tuple(map(address, own)) for own in arrays)
    strides = tuple(tuple(x.nbytes // count for x in own) for own in arrays)
    return _laid_out(count, bases, strides, tuple(own[0].size // count for own in arrays))


@lru_cache(maxsize=16)  # a training's arrays stay where they are
def _laid_out(count: int, bases: Any, strides: Any, sizes: Sequence[int]) -> tuple[Any, int]:
    stops = np.cumsum(sizes)
    tables = np.empty((count, len(sizes), 2 + len(bases[0])), dtype=np.int64)
    tables[..., 0], tables[..., 1] = stops - sizes, stops
    tables[..., 2:] = np.array(bases) + np.arange(count)[:, None, None] * np.array(strides)
    return tables, int(stops[-1])
