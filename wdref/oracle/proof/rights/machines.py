"""Machines that right implementations run on: what is wider, what is fused, what is flushed."""

from dataclasses import dataclass
from typing import Any

import numpy as np

WIDER = {"float32": np.float64, "float64": np.longdouble, "float16": np.float32}


def wider(dtype: Any) -> Any:
    """Return the type in which products of `dtype` are nearly exact; of the widest itself."""
    return WIDER.get(str(dtype), np.dtype(dtype).type)


@dataclass(frozen=True)
class Machine:
    """Where operations on tensors of `dtype` are made and what is kept of them.

    `memory` says what is of a wider dtype: nothing ("same"), the "operations", the "state" with
    them, or the "parameters" too, as a master copy. `fused`: a product and its sum are rounded
    once. `flush`: subnormal operands and results are 0.
    """

    dtype: str
    memory: str = "same"
    fused: bool = False
    flush: bool = False

    @property
    def kind(self) -> Any:
        """The type of what the operations read."""
        return np.dtype(self.dtype).type if self.memory == "same" else WIDER[self.dtype]

    def number(self, x: float) -> Any:
        """Return a scalar as the operations read it."""
        return self.kind(x)

    def array(self, x: Any) -> Any:
        """Return an array as the operations read it."""
        wide = np.asarray(x).astype(self.kind)
        return _flushed(wide).view(Flushing) if self.flush else wide

    def fma(self, a: Any, b: Any, c: Any) -> Any:
        """Return a b + c, with nearly one rounding where it is fused: wider, then rounded."""
        if not self.fused or self.memory != "same":
            return a * b + c
        return self.array(WIDER[self.dtype](1) * np.asarray(a) * np.asarray(b) + np.asarray(c))

    def state(self, x: Any) -> Any:
        """Return what is kept of a slot."""
        return self.array(self._narrow(x)) if self.memory == "operations" else x

    def parameters(self, x: Any) -> Any:
        """Return what is kept of the parameters."""
        return x if self.memory in ("same", "parameters") else self.array(self._narrow(x))

    def shown(self, x: Any) -> Any:
        """Return the parameters as the caller has them."""
        return self._narrow(x).astype(np.float64)

    def _narrow(self, x: Any) -> Any:
        narrow = np.asarray(x).astype(self.dtype)
        return _flushed(narrow) if self.flush else narrow


class Flushing(np.ndarray[Any, Any]):
    """An array whose operations take and give 0 for subnormal numbers."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """Flush what goes in and what comes out."""
        found = getattr(ufunc, method)(*(_flushed(np.asarray(x)) for x in inputs), **options)
        return _flushed(np.asarray(found)).view(Flushing)


def _flushed(x: Any) -> Any:
    if x.dtype.kind != "f":  # whether something holds
        return x
    return np.where(np.abs(x) < np.finfo(x.dtype).tiny, x * 0, x)
