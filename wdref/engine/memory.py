"""Where arrays lie in memory: addresses for backends, and the refusal of arrays that overlap."""

from collections.abc import Sequence
from ctypes import addressof, c_char
from types import SimpleNamespace
from typing import Any

import numpy as np

Array = Any
Span = tuple[int, int]  # the first byte, and the one after the last
Place = tuple[int, int]  # a leaf, and an array of it


def address(x: Array, /) -> int:
    """Address of a NumPy array's first element."""
    try:  # a tenth of the time of x.ctypes
        return addressof(c_char.from_buffer(x))
    except (TypeError, ValueError):  # read-only, empty, or not one run of memory
        return int(x.ctypes.data)


def runs(arrays: Sequence[Array], /) -> list[int]:
    """Addresses of NumPy arrays; an error unless each is one run that can be written."""
    return [addressof(c_char.from_buffer(x)) for x in arrays]  # of others no such view exists


def addresses(g: Array, written: Sequence[Array], /) -> tuple[int, ...] | None:
    """Addresses of NumPy arrays, `g` second; None unless each is one run that may be written.

    The gradient may be read-only.
    """
    try:
        first, *rest = runs(written)
    except (TypeError, ValueError):
        return None
    return (first, address(g), *rest) if g.flags.c_contiguous else None


def span(x: Array, /) -> Span | None:
    """Bytes between which `x` lies, of NumPy, PyTorch and CUDA arrays; None of others."""
    if isinstance(x, np.ndarray) and x.flags.c_contiguous:
        start = address(x)
        return start, start + x.nbytes
    view = _view(x)
    return None if view is None else np.lib.array_utils.byte_bounds(view)


def repeats(x: Array, /) -> bool:
    """Whether two elements of `x` are one place in memory, as after torch's ``expand``.

    Of NumPy, PyTorch and CUDA arrays; of others nobody can tell, and the answer is no.
    """
    view = _view(x)
    if view is None or view.size < 2:
        return False
    steps = sorted(
        (abs(step), n) for step, n in zip(view.strides, view.shape, strict=True) if n > 1
    )
    reach = 0  # of all axes so far
    for step, n in steps:
        if step <= reach:
            break
        reach += (n - 1) * step
    else:
        return False  # nested, as all but hand-made strides are
    places = sum(np.ix_(*(np.arange(n) * step for step, n in steps)))
    return np.unique(places).size < view.size


def _view(x: Array) -> "np.ndarray[Any, Any] | None":
    """A NumPy array with the addresses of `x`, only to ask where it lies: never read."""
    if isinstance(x, np.ndarray):
        return x
    if hasattr(x, "data_ptr"):
        size = x.element_size()
        strides = tuple(size * step for step in x.stride())
        return _at(x.data_ptr(), tuple(x.shape), strides, size)
    if hasattr(x, "__cuda_array_interface__"):
        known = x.__cuda_array_interface__
        return _at(known["data"][0], known["shape"], known.get("strides"), x.dtype.itemsize)
    return None


def _at(pointer: int, shape: Any, strides: Any, size: int) -> "np.ndarray[Any, Any]":
    interface = {"data": (pointer, True), "shape": shape, "strides": strides,
                 "typestr": f"|V{size}", "version": 3}  # fmt: skip
    return np.asarray(SimpleNamespace(__array_interface__=interface))


def clash(
    leaves: Sequence[tuple[tuple[int, ...] | None, tuple[Array, ...]]], /
) -> tuple[Place, Place] | None:
    """Find two arrays that share memory, one of them written; None if none do.

    `leaves` are the addresses, where they are known, and the arrays: theta, g (which is read only)
    and the slots. A place is a leaf and an array of it. Arrays whose addresses nobody knows are
    compared as objects.
    """
    places = [(i, k) for i, (_, arrays) in enumerate(leaves) for k in range(len(arrays))]
    arrays = [x for _, own in leaves for x in own]
    if all(known is not None for known, _ in leaves):
        starts = np.array([a for known, _ in leaves for a in known], dtype=np.uint64)  # type: ignore[union-attr]  # just asked
        stops = starts + np.array([x.nbytes for x in arrays], dtype=np.uint64)
        order = np.argsort(starts)
        if np.all(starts[order[1:]] >= stops[order[:-1]]):  # the common case
            return None
    written = [k != 1 for _, k in places]
    kept = [j for j, own in enumerate(written) if own]
    found = _clash(arrays, written, kept) or _clash(arrays, written, range(len(arrays)))
    return found and (places[found[0]], places[found[1]])


def _clash(
    arrays: Sequence[Array], written: Sequence[bool], among: Sequence[int]
) -> tuple[int, int] | None:
    """Compare each array with those that begin before it and reach it."""
    spans = {k: span(arrays[k]) for k in among}
    inside: list[int] = []
    known = [(s, k) for k, s in spans.items() if s is not None and s[1] > s[0]]
    for (start, _), k in sorted(known):
        inside = [j for j in inside if spans[j][1] > start]  # type: ignore[index]  # of the known
        for j in inside:
            if (written[j] or written[k]) and _share(arrays[j], arrays[k]):
                return min(j, k), max(j, k)
        inside.append(k)
    return _same(arrays, written, [k for k, s in spans.items() if s is None])


def _share(x: Array, y: Array) -> bool:
    """Whether arrays whose spans overlap share an element: views may interleave."""
    views = _view(x), _view(y)
    try:
        return np.shares_memory(*views, max_work=10_000)  # type: ignore[arg-type]  # both have spans
    except np.exceptions.TooHardError:
        return True


def _same(
    arrays: Sequence[Array], written: Sequence[bool], unknown: Sequence[int]
) -> tuple[int, int] | None:
    seen: dict[int, int] = {}
    for k in sorted(unknown, key=lambda k: not written[k]):  # those that are written come first
        j = seen.setdefault(id(arrays[k]), k)
        if j != k and written[j]:
            return min(j, k), max(j, k)
    return None
