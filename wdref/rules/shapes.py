"""Shapes of slots: what a rule keeps of a tensor, by the tensor's shape."""

from collections.abc import Sequence
from typing import Any

from .contract import Scope, Shape


def scope_of(rule: Any, /) -> Scope:
    """Return what a rule looks at: an element, where it does not say."""
    found: Scope = getattr(rule, "scope", "element")
    return found


def shapes_of(rule: Any, /) -> tuple[Shape, ...]:
    """Return what each slot of a rule holds of a tensor: as many numbers, where it does not say."""
    like: Shape = "like"
    found: tuple[Shape, ...] = getattr(rule, "shapes", (like,) * len(rule.slots))
    return found


def inputs_of(rule: Any, /) -> tuple[str, ...]:
    """Return what a step is given beside the gradient: nothing, where a rule does not say."""
    found: tuple[str, ...] = getattr(rule, "inputs", ())
    return found


def check_gradients_alone(rule: Any, where: str, /) -> None:
    """Raise ValueError for a rule that is given more than gradients, where there is nothing else.

    >>> from wdref.conventions import dialect
    >>> check_gradients_alone(dialect("sophia"), "a CUDA graph")
    Traceback (most recent call last):
    ValueError: a CUDA graph hands on gradients alone: sophia is given curvature beside them
    """
    if names := inputs_of(rule):
        raise ValueError(
            f"{where} hands on gradients alone: {rule.family} is given {', '.join(names)} "
            "beside them"
        )


PARAMETERS = "the parameters"  # the start of a slot that is a copy of them, instead of a number


def shared(own: Sequence[Any], others: Sequence[Any], kinds: Sequence[Shape], /) -> list[Any]:
    """Return the slots `own` of a tensor that did not step, with the tree's numbers of `others`."""
    return [new if kind == "scalar" else old
            for old, new, kind in zip(own, others, kinds, strict=True)]  # fmt: skip


def slot_shape(kind: Shape, shape: Sequence[int], /) -> tuple[int, ...]:
    """Return the shape of a slot of `kind` beside a tensor of `shape`.

    A row's number is a sum along the last axis, a column's one along the axis before it; a tensor
    of fewer than two axes has neither, and an empty array keeps the place.

    >>> slot_shape("row", (2, 3, 5)), slot_shape("column", (2, 3, 5)), slot_shape("row", (5,))
    ((2, 3, 1), (2, 1, 5), (0,))
    """
    own = tuple(shape)
    if kind == "like":
        return own
    if kind == "scalar":
        return ()
    if kind == "vector":
        return own if len(own) < 2 else (0,)
    if len(own) < 2:
        return (0,)
    return (*own[:-1], 1) if kind == "row" else (*own[:-2], 1, own[-1])
