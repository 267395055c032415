"""Plans: what `Optimizer.step` need not find out again about arrays that it has seen.

A step on hundreds of small tensors would spend its time on the checks. What they found holds for
the same arrays in the next step; only the gradients are new. A plan lives in the state, knows the
arrays without keeping them, and steps aside whenever anything is not as it was.
"""

import weakref
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import optree

from ..backend import Leaf, Prepared
from . import memory

Array = Any
Tree = Any


class Plan:
    """A prepared step on NumPy arrays that lie apart, each one run of memory."""

    def __init__(
        self,
        owner: Any,
        prepared: Prepared,
        spec: optree.PyTreeSpec,
        arrays: Sequence[Array],
        leaves: Sequence[Leaf],
        groups: Sequence[int],
    ) -> None:
        self.owner, self.prepared, self.spec = owner, prepared, spec
        self.ids = [id(x) for x in arrays]
        # an id stands for an array only as long as that lives
        alive = self.alive = [True]
        self.watchers = [weakref.ref(x, lambda _: alive.clear()) for x in arrays]
        self.groups = groups
        masks = ((k, _mask(leaf.scalars)) for k, leaf in zip(groups, leaves, strict=True))
        self.present = dict(masks)
        self.dtypes = [leaf.g.dtype for leaf in leaves]
        self.shapes = [leaf.g.shape for leaf in leaves]
        self.bytes = np.array([leaf.g.nbytes for leaf in leaves], dtype=np.int64)
        self.written = _intervals(leaves)

    @classmethod
    def of(
        cls,
        owner: Any,
        backend: Any,
        spec: optree.PyTreeSpec,
        arrays: Sequence[Array],
        leaves: Sequence[Leaf],
        groups: Sequence[int],
    ) -> Self | None:
        """Make a plan if the backend prepares steps and every array is plain memory."""
        if not hasattr(backend, "prepare") or any(leaf.addresses is None for leaf in leaves):
            return None
        prepared = backend.prepare(leaves)
        return prepared and cls(owner, prepared, spec, arrays, leaves, groups)

    def run(
        self, owner: Any, params: Tree, grads: Tree, slots: Mapping[str, Tree], scalars: Any, /
    ) -> bool:
        """Make the step if all is as it was, or change nothing and return False."""
        if owner is not self.owner:
            return False
        try:  # a tenth of the time of a flattening that sorts the keys
            arrays, gs = self._flat(params, *slots.values()), self._flat(grads)
        except ValueError:
            return False
        if list(map(id, arrays)) != self.ids or not self.alive or not _writeable(arrays):
            return False
        if any(_mask(scalars[k]) != mask for k, mask in self.present.items()):
            return False
        places = self._gradients(gs)
        if places is None:
            return False
        self.prepared(places, [scalars[k] for k in self.groups])
        return True

    def _flat(self, *trees: Tree) -> list[Array]:
        return [x for tree in trees for x in self.spec.flatten_up_to(tree)]

    def _gradients(self, gs: Sequence[Array]) -> Any:
        """Addresses of the gradients, or None where one is not as the last one in its place."""
        for g, dtype, shape in zip(gs, self.dtypes, self.shapes, strict=True):
            if not (type(g) is np.ndarray and g.dtype == dtype and g.shape == shape):
                return None
        try:
            starts = np.array(memory.runs(gs), dtype=np.int64)
        except (TypeError, ValueError):
            return None
        # the written arrays lie apart: the last that begins before a gradient's end may reach it
        begin, end = self.written
        before = np.searchsorted(begin, starts + self.bytes) - 1
        free = (before < 0) | (end[before] <= starts)
        return starts if free.all() else None


def _writeable(arrays: Sequence[Array]) -> bool:
    return all([x.flags.writeable for x in arrays])  # noqa: C419  # a list takes half the time


def _mask(scalars: Sequence[Any]) -> tuple[bool, ...]:
    return tuple([x is None for x in scalars])


def _intervals(leaves: Sequence[Leaf]) -> tuple[Any, Any]:
    """First and one past the last byte of every array that is written, in order."""
    spans = sorted(
        (start, start + x.nbytes)
        for leaf in leaves
        for k, (start, x) in enumerate(
            zip(leaf.addresses or (), (leaf.theta, leaf.g, *leaf.slots), strict=True)
        )
        if k != 1
    )
    begin, end = np.array(spans, dtype=np.int64).reshape(-1, 2).T
    return begin, end
