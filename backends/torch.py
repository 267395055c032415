"""PyTorch tensors on the CPU, stepped in their own memory by NumPy's backend, with NumPy's bits.

A tensor and a NumPy view of it share memory, so that nothing is copied. Tensors that NumPy cannot
view (on other devices, sparse, of a subclass, bfloat16 without ml_dtypes, under torch.func) are
evaluated by PyTorch's own operations, as the rule is written.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import torch

from wdref.backend import PLAIN, Leaf
from wdref.common.optional import optional

from .default import backend as numpy

Array = Any

bfloat16 = getattr(optional("ml_dtypes"), "bfloat16", None)  # any other dtype needs it not


class Torch:
    """NumPy's backend on views of tensors; `wdref.backend.Backend`."""

    name = "torch"

    def update(self, leaves: Sequence[Leaf], /) -> list[tuple[Array, tuple[Array, ...]]]:
        """Return new tensors."""
        views = [_view(leaf) for leaf in leaves]
        fast = iter(numpy.update([view for view in views if view is not None]))
        results = []
        for leaf, view in zip(leaves, views, strict=True):
            if view is None:
                results += PLAIN.update([leaf])
            else:
                theta, slots = next(fast)
                results.append((_tensor(theta), tuple(map(_tensor, slots))))
        return results

    def step(self, leaves: Sequence[Leaf], /) -> None:
        """Write into the tensors given, and tell autograd."""
        views = [_view(leaf) for leaf in leaves]
        PLAIN.step([leaf for leaf, view in zip(leaves, views, strict=True) if view is None])
        numpy.step([view for view in views if view is not None])
        _written(x for leaf in leaves for x in (leaf.theta, *leaf.slots))


backend = Torch()


def _view(leaf: Leaf) -> Leaf | None:
    arrays = [_array(x) for x in (leaf.theta, leaf.g, *leaf.slots)]
    if any(x is None for x in arrays):
        return None
    return leaf._replace(theta=arrays[0], g=arrays[1], slots=tuple(arrays[2:]))


def _array(x: Array) -> Array:
    """Return a NumPy array in the memory of `x`, None where there is none."""
    if type(x) not in (torch.Tensor, torch.nn.Parameter) or x.device.type != "cpu":
        return None
    if x.layout is not torch.strided or x.is_neg():  # a lazy minus is not in the memory
        return None
    try:
        if x.dtype != torch.bfloat16:
            return x.numpy()
        return None if bfloat16 is None else x.view(torch.int16).numpy().view(bfloat16)
    except RuntimeError:  # inside torch.func a tensor has no memory of its own
        return None


def _tensor(x: Array) -> Array:
    """Return a tensor in the memory of a new NumPy array."""
    if bfloat16 is not None and x.dtype == bfloat16:
        return torch.from_numpy(x.view("int16")).view(torch.bfloat16)
    return torch.from_numpy(x)


def _written(tensors: Iterable[Array]) -> None:
    """Count the writes, so that a backward pass over what is gone raises as after torch's own."""
    known = [x for x in tensors if not x.is_inference()]
    if known:
        torch.autograd.graph.increment_version(known)
