"""A case: the record that an implementation under test is fed with, and the numbers in it.

All values come from integers by exact arithmetic: they are the same on every machine.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..dialects import Dialect

Array = NDArray[np.float64]
DTYPES = ("float64", "float32", "float16", "bfloat16")


@dataclass(frozen=True, eq=False)
class Case:
    """One trajectory to compute: the contract of `run(case)`, field by field.

    With the flag ``tensors`` `theta0` and `grads` are lists of such arrays. `groups` then holds
    hyperparameters that replace those of `hyper`, tensor by tensor (flag ``groups``), and `starts`
    the first step, from 1, at which a tensor has a gradient (flag ``late``); before it the tensor
    is not stepped. `layout` asks for views where a framework allows them (flag ``layout``).
    """

    id: str
    rule: str
    dtype: str
    theta0: Any  # (n,), of the dtype; float32 numbers that bfloat16 holds for bfloat16
    grads: Any  # (T, n), likewise
    hyper: Mapping[str, float]
    eta: Array  # (T,), float64
    purpose: str = ""
    flags: tuple[str, ...] = ()
    groups: tuple[Mapping[str, float], ...] | None = None
    starts: tuple[int, ...] | None = None
    layout: str = "contiguous"
    template: "Case | None" = None  # its columns, over and over, are this case's: certified once

    def parts(self) -> "tuple[Case, ...]":
        """Return one case a tensor, with its own hyperparameters; a late one begins late."""
        if "tensors" not in self.flags:
            return (self,)
        return tuple(self._part(i) for i in range(len(self.theta0)))

    def _part(self, i: int) -> "Case":
        own = self.groups[i] if self.groups else {}
        start = self.starts[i] - 1 if self.starts else 0
        return replace(
            self,
            theta0=self.theta0[i],
            grads=self.grads[i][start:],
            eta=self.eta[start:],
            hyper={**self.hyper, **own},
            flags=(),
        )


def noise(rows: int, columns: int, seed: int = 1) -> Array:
    """Numbers in ±[1/2, 1) of 10 significant bits, from splitmix64: exact in every dtype."""
    values, state = [], seed * 0x9E3779B97F4A7C15
    for _ in range(rows * columns):
        state = (state + 0x9E3779B97F4A7C15) % 2**64
        z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % 2**64
        z ^= z >> 31
        values.append((512 + (z & 511)) / 1024 * (-1 if z >> 63 else 1))
    return np.array(values, dtype=float).reshape(rows, columns)


def rounded(x: Array, dtype: str) -> Any:
    """Round to `dtype`; what bfloat16 holds comes as float32, since NumPy has no bfloat16."""
    if dtype != "bfloat16":
        return x.astype(dtype)
    bits = x.astype(np.float32).view(np.uint32)
    nearest_even = bits + 0x7FFF + ((bits >> 16) & 1)
    return (nearest_even & np.uint32(0xFFFF0000)).view(np.float32)


def hyper_for(dialect: Dialect, values: Mapping[str, float]) -> dict[str, float]:
    """Those of `values` that `dialect` reads."""
    hyper = {name: values[name] for name in dialect.hyper}
    if getattr(dialect, "nesterov", False) and "dampening" in hyper:
        hyper["dampening"] = 0.0  # Nesterov's step is not defined with dampening
    return hyper
