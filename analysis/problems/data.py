"""What a problem trains on: arrays of samples, and the order in which they are met."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Data:
    """Samples (n, features) and targets (n, outputs) to train with and to test on."""

    x: Array
    y: Array
    test_x: Array
    test_y: Array


def one_hot(labels: Array, classes: int) -> Array:
    """Return a row for each label with a 1 in its place.

    >>> one_hot(np.array([1, 0]), 2).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    rows: Array = np.eye(classes)[labels]
    return rows


def batches(rng: np.random.Generator, samples: int, batch: int) -> Iterator[Array]:
    """Yield the indices of one minibatch after another, for ever.

    The samples are shuffled when fewer than `batch` of the last shuffling are left, so that every
    minibatch is full. A `batch` of all samples is the full batch.
    """
    order = np.empty(0, dtype=np.int64)
    while True:
        if len(order) < batch:
            order = rng.permutation(samples)
        yield order[:batch]
        order = order[batch:]
