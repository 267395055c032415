"""numba on entries: leaves with one more axis in front, along which each has its own scalars.

A training of many settings at once is such a step. The compiled loop is the optimizer's own; it is
called once an entry, on that entry's part of every array.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from wdref.backend import PLAIN, Leaf
from wdref.memory import address

from .numpy import Array, flat

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
    values = rule.host_entries(leaves[0].scalars, len(leaves[0].theta))
    table, size = _table(arrays)
    for rows, own in zip(table, values, strict=True):
        run(rows, own, 0, size)


def _table(arrays: Sequence[tuple[Array, ...]]) -> tuple[Any, int]:
    """Rows (K, leaves, 2 + arrays) for the compiled loop, and the elements of one entry."""
    count = len(arrays[0][0])
    sizes = np.array([own[0].size // count for own in arrays])
    stops = np.cumsum(sizes)
    table = np.empty((count, len(arrays), 2 + len(arrays[0])), dtype=np.int64)
    table[..., 0], table[..., 1] = stops - sizes, stops
    bases = np.array([[address(x) for x in own] for own in arrays])
    strides = np.array([[x.nbytes // count for x in own] for own in arrays])
    table[..., 2:] = bases + np.arange(count)[:, None, None] * strides
    return table, int(stops[-1])
