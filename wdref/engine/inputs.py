"""Inputs: what a step is given beside the gradients, as Sophia is an estimate of the curvature.

They go through a backend behind the slots of their leaf, and are no part of the state.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import optree
from array_api_compat import array_namespace, device

from ..backend import Leaf
from . import tree

Array = Any
Tree = Any


class Inputs(NamedTuple):
    """What an update is given, by name, and its step; without one every leaf reads it."""

    trees: Mapping[str, Tree] = MappingProxyType({})
    t: int | None = None


NOTHING = Inputs()


def check_names(owner: str, known: Sequence[str], given: Mapping[str, Tree]) -> None:
    """Refuse what the rule is not given."""
    if unknown := [name for name in given if name not in known]:
        has = f"{', '.join(known)} beside the gradients" if known else "the gradients alone"
        raise TypeError(f"{owner} takes no {unknown[0]}: it is given {has}")


def rows(
    known: Sequence[str], given: Mapping[str, Tree], due: Sequence[bool], thetas: Sequence[Array],
    spec: optree.PyTreeSpec,
) -> list[tuple[Array, ...]]:  # fmt: skip
    """Return the inputs of each leaf, zeros where it is not `due`.

    Raises ValueError for one that is due and not given, and for one that does not fit its leaf.
    """
    absent = [name for name in known if given.get(name) is None]
    if absent and any(due):
        raise ValueError(
            f"this step reads {', '.join(absent)}: pass {absent[0]}=, a tree like params "
            "(due(t) says which steps do)"
        )
    columns = [_column(name, given.get(name), thetas, spec) for name in known]
    return [
        tuple(x if reads else _zeros(theta) for x in arrays)
        for theta, reads, *arrays in zip(thetas, due, *columns, strict=True)
    ]


def _column(
    name: str, given: Tree, thetas: Sequence[Array], spec: optree.PyTreeSpec
) -> list[Array | None]:
    if given is None:
        return [None] * len(thetas)
    leaves = tree.flatten_like(name, given, spec)
    for i, (x, theta) in enumerate(zip(leaves, thetas, strict=True)):
        tree.check_leaf(name, spec, i, x)
        dtype = tree.dtype_name(theta)
        dtypes = (dtype, "float32") if dtype in tree.HALF else (dtype,)
        tree.check_like(name, spec, i, x, theta, dtypes)
    return leaves


def _zeros(theta: Array) -> Array:
    return array_namespace(theta).zeros_like(theta, device=device(theta))


def copied(leaf: Leaf) -> Leaf:
    """Return the leaf with copies of its inputs: a step in place writes over all its arrays."""
    kept = len(leaf.slots) - len(leaf.kernel.inputs)
    copies = (array_namespace(x).asarray(x, copy=True) for x in leaf.slots[kept:])
    return leaf._replace(slots=(*leaf.slots[:kept], *copies), addresses=None)
