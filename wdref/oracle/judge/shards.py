"""Whose shard it is in which a target deviates, where ranks divide its tensors."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ...engine.arithmetic import Arithmetic
from ..cases.case import Case
from ..targets.targets import Result
from .enclosure import enclose
from .reasons import LIMIT


def in_one_shard(
    dialect: Any, case: Case, result: Result, arithmetic: Callable[[str], Arithmetic]
) -> str:
    """Say whose shards alone deviate; nothing where all do, or the others have no elements."""
    far, near = set[int](), set[int]()
    for ranks, beyond in _places(dialect, case, result, arithmetic):
        far |= set(ranks[beyond].tolist())
        near |= set(ranks[~beyond].tolist())
    if len(far) != 1 or not near - far:
        return ""
    return f"in the shard of rank {far.pop()} of {result.shards} alone"


def _places(
    dialect: Any, case: Case, result: Result, arithmetic: Callable[[str], Arithmetic]
) -> Iterator[tuple[Any, Any]]:
    """Yield for each tensor whose each coordinate is, and whether it is beyond the limit."""
    if result.shards < 2:
        return
    many = "tensors" in case.flags
    whole: Any = result.values if many else (result.values,)
    thetas = case.theta0 if many else (case.theta0,)
    for i, (part, values, theta) in enumerate(zip(case.parts(), whole, thetas, strict=True)):
        found = enclose(dialect, part, arithmetic=arithmetic(part.dtype))
        ratio = found.ratio(values[case.steps_taken(i)])
        yield owners(theta.shape, result.shards), (ratio > LIMIT).any(axis=0)


def owners(shape: tuple[int, ...], shards: int) -> Any:
    """Return the rank that has each element: chunks of the first dimension, the last the rest.

    >>> owners((5,), 2).tolist(), owners((3, 2), 2).tolist(), owners((1,), 2).tolist()
    ([0, 0, 0, 1, 1], [0, 0, 0, 0, 1, 1], [0])
    """
    rows, *columns = shape or (1,)
    each = -(-rows // shards) or 1
    return np.repeat(np.arange(rows) // each, int(np.prod(columns)))
