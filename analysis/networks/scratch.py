"""Arrays that are written again every step of a training."""

from typing import Any

import numpy as np
from array_api_compat import array_namespace

Array = Any


class Scratch:
    """Arrays that the same function writes again and again, by name.

    Where the library has no ``out=``, every array is new. What it saves is not the allocation: to
    get memory from the system and give it back every step takes longer than to compute.
    """

    def __init__(self, xp: Any) -> None:
        self._kept: dict[str, Array] = {}
        self._reuses = xp.__name__.partition(".")[2] in ("numpy", "cupy") or xp is np

    def __call__(self, name: str, function: Any, *operands: Array) -> Array:
        """Apply `function`, into the array `name`."""
        if name in self._kept:
            return function(*operands, out=self._kept[name])
        return self._keep(name, function(*operands))

    def zeros(self, name: str, like: Array) -> Array:
        """Zeros, made once. NumPy's maximum with a number is three times as slow."""
        return self._made(name, like, "zeros_like")

    def empty(self, name: str, like: Array) -> Array:
        """An array to write into, of the shape and dtype of `like`."""
        return self._made(name, like, "empty_like")

    def _made(self, name: str, like: Array, function: str) -> Array:
        found = self._kept.get(name)
        if found is None:
            found = self._keep(name, getattr(array_namespace(like), function)(like))
        return found

    def _keep(self, name: str, x: Array) -> Array:
        if self._reuses:
            self._kept[name] = x
        return x
