"""Trees of arrays: flattening, the paths of leaves, and the checks that come before any write."""

from collections.abc import Sequence
from functools import cache
from typing import Any, NoReturn

import numpy as np
import optree
from array_api_compat import (
    array_namespace,
    device,
    is_array_api_obj,
    is_dask_array,
    is_jax_array,
    is_writeable_array,
)

from ..backend import Leaf
from . import memory

Array = Any
HALF = ("float16", "bfloat16")
FLOAT32 = np.dtype("float32")


def flatten(tree: Any) -> tuple[list[Array], optree.PyTreeSpec]:
    """Leaves and structure of `tree`; None is an empty subtree, as in JAX."""
    leaves, spec = optree.tree_flatten(tree)
    return list(leaves), spec


def paths(spec: optree.PyTreeSpec) -> list[str]:
    """One name a leaf, the keys on the way to it joined by dots: ``layers.0.weight``."""
    return [".".join(map(str, path)) for path in spec.paths()]


def location(name: str, spec: optree.PyTreeSpec, index: int) -> str:
    """How to write leaf `index` of the tree called `name`: ``params['layers'][0]``."""
    return spec.accessors()[index].codify(name)


def dtype_name(x: Array) -> str:
    """Name of the dtype without its library: ``float32``, ``bfloat16``."""
    kind: Any = type(x.dtype)
    return _dtype_name(kind, x.dtype)


@cache
def _dtype_name(kind: Any, dtype: Any) -> str:  # `kind`: dtypes of two libraries must not meet
    # a NumPy dtype has a name that leaves out the order of the bytes, which `str` does not
    return getattr(dtype, "name", None) or str(dtype).rsplit(".", 1)[-1]


def check_leaf(name: str, spec: optree.PyTreeSpec, index: int, x: Array) -> None:
    """Refuse a leaf that is no array of a real floating dtype."""
    if not is_array_api_obj(x) or hasattr(x, "mask"):  # a rule would ignore NumPy's masks
        raise TypeError(
            f"{location(name, spec, index)} is a {type(x).__name__}: expected a plain array"
        )
    xp = array_namespace(x)
    # ml_dtypes' bfloat16 is unknown to numpy.isdtype
    if dtype_name(x) != "bfloat16" and not xp.isdtype(x.dtype, "real floating"):
        raise TypeError(
            f"{location(name, spec, index)} has dtype {dtype_name(x)}: expected a real floating one"
        )
    if getattr(x, "requires_grad", False):
        raise TypeError(
            f"{location(name, spec, index)} requires grad: pass it detached, the update is no part "
            "of the graph"
        )


def is_half(name: str, spec: optree.PyTreeSpec, index: int, x: Array) -> bool:
    """Whether a leaf is of half precision; refuse one that is no array of a real floating dtype."""
    half = _plain_half(x.dtype) if type(x) is np.ndarray else None
    if half is None:
        check_leaf(name, spec, index, x)
        half = dtype_name(x) in HALF
    return half


@cache
def _plain_half(dtype: Any) -> bool | None:
    if dtype.name not in ("float64", "float32", *HALF) or not dtype.isnative:
        return None
    return dtype.name in HALF


def plainly_fit(p: Array, g: Array, slots: Sequence[Array], *, wide: bool) -> bool:
    """Whether all are NumPy arrays of one shape and dtype; the slots, if `wide`, of float32.

    The common case at a tenth of the cost of the checks that can say what is wrong.
    """
    shape, dtype = p.shape, p.dtype
    if not (type(p) is type(g) is np.ndarray and g.dtype == dtype and g.shape == shape):
        return False
    if wide:
        dtype = FLOAT32
    return all(type(x) is np.ndarray and x.dtype == dtype and x.shape == shape for x in slots)


def check_structure(name: str, spec: optree.PyTreeSpec, other: optree.PyTreeSpec) -> None:
    """Refuse a tree called `name` whose structure `other` is not that of params."""
    if spec == other:
        return
    want, got = paths(spec), paths(other)
    for what, missing in (("lacks", set(want) - set(got)), ("has too much", set(got) - set(want))):
        if missing:
            raise ValueError(f"{name} {what}: {', '.join(sorted(missing))} (compared with params)")
    raise ValueError(f"{name} has another structure than params: {other} against {spec}")


def flatten_like(name: str, other: Any, spec: optree.PyTreeSpec) -> list[Any]:
    """Leaves of a tree called `name`, whose structure must be that of params."""
    leaves, found = flatten(other)
    check_structure(name, spec, found)
    return leaves


def check_like(
    name: str, spec: optree.PyTreeSpec, index: int, x: Array, p: Array, dtypes: Sequence[str],
    shape: tuple[int, ...] | None = None,
) -> None:  # fmt: skip
    """Refuse a leaf `x` of `name` that does not fit the parameter `p` beside it.

    Its `shape` is that of `p`, unless it is given.
    """
    if type(x) is not type(p):
        library, own = _library(x), _library(p)
        if library != own:
            _mismatch(name, spec, index, f"library {library}", f"library {own}")
    shape = tuple(p.shape) if shape is None else shape
    if tuple(x.shape) != shape:
        of = "" if shape == tuple(p.shape) else f" beside its {tuple(p.shape)}"
        _mismatch(name, spec, index, f"shape {tuple(x.shape)}", f"shape {shape}{of}")
    if dtype_name(x) not in dtypes:
        _mismatch(name, spec, index, f"dtype {dtype_name(x)}", f"dtype {' or '.join(dtypes)}")
    if is_jax_array(p) or is_jax_array(x):
        return  # JAX places arrays itself and names its own devices when it cannot
    if device(x) != device(p):
        _mismatch(name, spec, index, f"device {device(x)}", f"device {device(p)}")


def _library(x: Array) -> str:
    name: str = array_namespace(x).__name__
    return name.removeprefix("array_api_compat.").partition(".")[0]


def _mismatch(name: str, spec: optree.PyTreeSpec, index: int, got: str, want: str) -> NoReturn:
    parameter = location("params", spec, index)
    raise ValueError(f"{location(name, spec, index)} has {got}: {parameter} needs {want}")


def check_writeable(leaves: Sequence[Leaf], spec: optree.PyTreeSpec) -> None:
    """Refuse to write into arrays that cannot be written, or that share memory with another."""
    for i, leaf in enumerate(leaves):
        if leaf.addresses is None:
            for k, x in enumerate((leaf.theta, leaf.g, *leaf.slots)):
                if k != 1 and not _is_writeable(x):
                    raise ValueError(
                        f"{_place(leaves, spec, i, k)} cannot be written: use update, which "
                        "returns new arrays"
                    )
    found = memory.clash([(leaf.addresses, (leaf.theta, leaf.g, *leaf.slots)) for leaf in leaves])
    if found is not None:
        _refuse_overlap(leaves, spec, *found)


def _is_writeable(x: Array) -> bool:
    # dask takes an assignment, but what it changes is the graph of this one object
    return is_writeable_array(x) and not is_dask_array(x) and not memory.repeats(x)


def _place(leaves: Sequence[Leaf], spec: optree.PyTreeSpec, i: int, k: int) -> str:
    slots = (f"state.slots[{name!r}]" for name in leaves[i].kernel.slots)
    return location(("params", "grads", *slots)[k], spec, i)


def _refuse_overlap(
    leaves: Sequence[Leaf],
    spec: optree.PyTreeSpec,
    first: tuple[int, int],
    second: tuple[int, int],
) -> NoReturn:
    one, other = (
        (leaf.theta, leaf.g, *leaf.slots)[k]
        for leaf, k in ((leaves[i], k) for i, k in (first, second))
    )
    same = "is the same array as" if one is other else "shares memory with"
    if first[1] == 1:  # the gradient is named first, what would overwrite it second
        first, second = second, first
    why = (
        "step would write the one while it reads the other, so pass a copy"
        if second[1] == 1
        else "step would write it twice, so keep it in one place only"
    )
    places = _place(leaves, spec, *second), _place(leaves, spec, *first)
    raise ValueError(f"{places[0]} {same} {places[1]}: {why}")
