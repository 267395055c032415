"""Slots that a caller begins a training with: checked against the parameters, and copied."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import optree
from array_api_compat import array_namespace

from . import tree

Array = Any


def columns(
    slots: Any, zeros: Mapping[str, list[Array]], thetas: Sequence[Array],
    spec: optree.PyTreeSpec, name: str, squares: Collection[str],
) -> dict[str, list[Array]]:  # fmt: skip
    """Return `zeros`, the leaves of each slot, with copies of what `slots` has in their place.

    `name` is the optimizer's, for messages; `squares` are slots that hold no number below 0.
    """
    keeps = ", ".join(zeros)
    if not isinstance(slots, Mapping):
        raise TypeError(
            f"slots is a {type(slots).__name__}: expected a mapping from {keeps} to trees like "
            "params"
        )
    unknown = ", ".join(str(slot) for slot in slots if slot not in zeros)
    if unknown:
        raise ValueError(f"slots has {unknown}: {name} keeps {keeps or 'none'}")
    found = dict(zeros)
    for slot, given in slots.items():
        leaves, structure = tree.flatten(given)
        tree.check_structure(f"slots[{slot!r}]", spec, structure)
        rows = enumerate(zip(leaves, zeros[slot], thetas, strict=True))
        found[slot] = [_copied(slot, spec, i, *row, squares) for i, row in rows]
    return found


def _copied(
    slot: str,
    spec: optree.PyTreeSpec,
    i: int,
    x: Array,
    zero: Array,
    theta: Array,
    squares: Collection[str],
) -> Array:
    where = f"slots[{slot!r}]"
    tree.check_leaf(where, spec, i, x)
    place, parameter = (tree.location(name, spec, i) for name in (where, "params"))
    dtype = tree.dtype_name(theta)
    if slot == "master" and tuple(zero.shape) != tuple(theta.shape):  # of what is no half
        if tuple(x.shape) != tuple(zero.shape):
            raise ValueError(
                f"{place} has shape {tuple(x.shape)}: {parameter} is {dtype} and has an empty one"
            )
        return zero
    tree.check_like(where, spec, i, x, theta, (tree.dtype_name(zero),), tuple(zero.shape))
    xp = array_namespace(x)
    if slot == "master" and bool(xp.any((xp.astype(x, theta.dtype) != theta) & (theta == theta))):
        raise ValueError(f"{place} is not {parameter} before it was rounded to {dtype}")
    if slot in squares and bool(xp.any(x < 0)):
        raise ValueError(f"{place} has numbers below 0: it is a mean of squares")
    return xp.astype(x, x.dtype, copy=True)
