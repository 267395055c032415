"""What a checkpoint makes of trees and arrays: nesting as JSON, arrays as NumPy's, and back."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import optree
from array_api_compat import array_namespace, device, is_cupy_array, is_torch_array, to_device
from numpy.typing import NDArray

from ..common.optional import optional
from ..engine import tree
from .file import HELD

Array = Any
Tree = Any
Node = Any  # the index of a leaf, None, or {kind: children}

KINDS: Mapping[str, Any] = {"dict": dict, "OrderedDict": OrderedDict, "list": list, "tuple": tuple}


class Unsayable(ValueError):
    """A node that no file can describe: a namedtuple, a class, a key that is no text."""


def names(spec: optree.PyTreeSpec, /) -> list[str]:
    """One name a leaf, dotted where that is clear: ``layers.0.weight``."""
    dotted = tree.paths(spec)
    if len(set(dotted)) == len(dotted):
        return dotted
    return [tree.location("", spec, i) for i in range(len(dotted))]  # {"a.b": …, "a": {"b": …}}


def nesting(spec: optree.PyTreeSpec, /) -> Node:
    """How `spec` nests its leaves, as JSON can hold it; raises Unsayable."""
    return _said(optree.tree_unflatten(spec, range(spec.num_leaves)))


def _said(node: Any) -> Node:
    kind = type(node)
    if node is None or kind is int:
        return node
    if kind in (list, tuple):
        return {kind.__name__: [_said(child) for child in node]}
    if kind in (dict, OrderedDict):
        for key in node:
            if type(key) not in (str, int):
                raise Unsayable(f"a key {key!r}, which is no text and no whole number")
        return {kind.__name__: [[key, _said(child)] for key, child in node.items()]}
    raise Unsayable(f"a {kind.__module__}.{kind.__qualname__}")


def nested(node: Node, count: int, /) -> optree.PyTreeSpec:
    """The structure that `nesting` described, with `count` leaves; ValueError for anything else."""
    try:
        leaves, spec = optree.tree_flatten(_built(node))
    except (RecursionError, TypeError) as error:  # keys that have no hash
        raise ValueError(f"a tree that cannot be: {error}") from None
    if leaves != list(range(count)):
        raise ValueError(f"a tree whose leaves are not {count} in order")
    return spec


def _built(node: Node) -> Any:
    if node is None or type(node) is int:
        return node
    if not (isinstance(node, dict) and len(node) == 1):
        raise ValueError("a tree of unknown form")
    ((kind, children),) = node.items()
    if kind not in KINDS or not isinstance(children, list):
        raise ValueError(f"a tree with a {kind}")
    if kind in ("list", "tuple"):
        return KINDS[kind](map(_built, children))
    if not all(isinstance(pair, list) and len(pair) == 2 for pair in children):
        raise ValueError(f"a {kind} without pairs")
    return KINDS[kind]((key, _built(child)) for key, child in children)


# -- arrays -------------------------------------------------------------------------------------


def held(x: Array, /) -> NDArray[Any]:
    """`x` as a file holds it: NumPy's, in C order, little-endian, bfloat16 as its bits."""
    dtype = tree.dtype_name(x)
    if dtype not in HELD:
        raise TypeError(f"dtype {dtype} cannot be saved: expected one of {', '.join(HELD)}")
    if dtype != "bfloat16":
        return np.asarray(_host(x), dtype=HELD[dtype], order="C")
    # no library but ml_dtypes gives NumPy its bfloat16; in float32 it is the upper half
    xp = array_namespace(x)
    wide = np.asarray(_host(xp.astype(x, xp.float32)), dtype="=f4", order="C")
    # NumPy makes a scalar of an array without axes
    return np.asarray(wide.view(np.uint32) >> np.uint32(16), dtype=HELD[dtype])


def _host(x: Array) -> Array:
    if is_torch_array(x) or is_cupy_array(x):
        return to_device(x, "cpu")
    return x


def numpy_array(dtype: str, values: NDArray[Any], /) -> NDArray[Any]:
    """Return a NumPy array of its own with the values of a file."""
    if dtype != "bfloat16":
        return np.array(values, dtype=dtype)
    ml_dtypes = optional("ml_dtypes")
    if ml_dtypes is None:
        raise ImportError(
            "NumPy has bfloat16 with ml_dtypes only: pip install ml_dtypes, or give like="
        )
    return np.array(values, dtype=np.uint16).view(ml_dtypes.bfloat16)


def placed(dtype: str, values: NDArray[Any], like: Array, /) -> Array:
    """Return an array of its own, of the library and device of `like`, in `dtype`."""
    xp = array_namespace(like)
    if dtype == "bfloat16":
        bits = np.asarray(np.array(values, dtype=np.uint32) << np.uint32(16))
        wide = xp.asarray(bits.view(np.float32), device=device(like), copy=True)
        return xp.astype(wide, like.dtype)
    own = np.array(values, dtype=dtype)
    return xp.asarray(own, dtype=getattr(xp, dtype), device=device(like), copy=True)


def by_name(keys: Sequence[str], wanted: Sequence[str], /) -> list[int]:
    """Places of `wanted` among `keys`; ValueError unless both are the same names."""
    for what, missing in (
        ("lacks", set(wanted) - set(keys)),
        ("has too much", set(keys) - set(wanted)),
    ):
        if missing:
            raise ValueError(f"{what}: {', '.join(sorted(missing))} (compared with like)")
    place = {name: i for i, name in enumerate(keys)}
    return [place[name] for name in wanted]
