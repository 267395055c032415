"""What is read of another program's state."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..optimizer import Optimizer

Array = Any
Columns = dict[str, list[Array]]  # of each slot, the leaves


@dataclass(frozen=True)
class Said:
    """The settings of one leaf as a state has them, in wdref's words.

    ``initial`` is the learning rate before a scheduler changed it. ``answers`` are those of the
    dialect that the state names, ``on`` options that wdref has not, where they are on.
    """

    hyper: Mapping[str, Any]
    initial: Any
    answers: Mapping[str, Any]
    on: Mapping[str, Any]


@dataclass(frozen=True)
class Found:
    """A state: the steps that its counters say, slots, and one `Said` a leaf."""

    steps: set[int]
    columns: Columns
    said: Sequence[Said]


def missing(name: str, opt: Optimizer, has: Any) -> ValueError:
    """Return the error for a slot that is not there, or has no place."""
    known = ", ".join(map(str, has)) or "nothing"
    return ValueError(
        f"no {name} in the state, which has {known}: {opt.name} keeps "
        f"{', '.join(opt.dialect.slots)}; it is another optimizer's, or lacks a slot"
    )
