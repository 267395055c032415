"""A case: the record that an implementation under test is fed with, and the numbers in it.

All values come from integers by exact arithmetic: they are the same on every machine.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...rules.shapes import scope_of
from . import life

Array = NDArray[np.float64]
DTYPES = ("float64", "float32", "float16", "bfloat16")
PERIOD = 61  # a prime: no vector width hides an element that took its neighbour's place
SEVERAL = ("tensors", "groups", "late", "none")  # what several tensors alone can show


@dataclass(frozen=True, eq=False)
class Case:
    """One trajectory to compute: the contract of `run(case)`, field by field.

    With the flag ``tensors`` `theta0` and `grads` are lists of such arrays. `groups` then holds
    hyperparameters that replace those of `hyper`, tensor by tensor (flag ``groups``), `starts`
    the first step, from 1, at which a tensor has a gradient (flag ``late``), and `gaps` the steps
    at which it has none (flag ``none``): a tensor without a gradient is not stepped, nor is its t.
    `layout` asks for views where a framework allows them (flag ``layout``).

    θ has one dimension, but with the flag ``shaped``, which may be refused. So may a hyperparameter
    at its bound (flag ``bound``) and gradients that are no numbers (flag ``nonfinite``).

    `life` is what befalls the training, one event of `life.EVENTS` and a flag for it.

    `inputs` are what a rule is given beside the gradients, by name, each as `grads` is: of Sophia
    the ``curvature``, an estimate for every step, of which it reads those that are due.
    """

    id: str
    rule: str
    dtype: str
    theta0: Any  # (n,) or any shape, of the dtype; for bfloat16 float32 numbers that it holds
    grads: Any  # (T, *shape of theta0), likewise
    hyper: Mapping[str, float]
    eta: Array  # (T,), float64
    purpose: str = ""
    flags: tuple[str, ...] = ()
    groups: tuple[Mapping[str, float], ...] | None = None
    starts: tuple[int, ...] | None = None
    gaps: tuple[tuple[int, ...], ...] | None = None
    layout: str = "contiguous"
    life: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    inputs: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    template: "Case | None" = None  # its columns, over and over, are this case's: certified once
    shape: tuple[int, ...] | None = None  # of a part, which is flat: what its tensor has
    whole: "tuple[Case, int] | None" = None  # of a part: the case, and which of its tensors

    def parts(self) -> "tuple[Case, ...]":
        """Return a flat case for each tensor: its own hyperparameters, the steps it takes."""
        count = len(self.theta0) if "tensors" in self.flags else 1
        return tuple(self._part(i) for i in range(count))

    def steps_taken(self, i: int) -> list[int]:
        """Steps, from 0, that tensor `i` takes."""
        first = self.starts[i] if self.starts else 1
        gaps = self.gaps[i] if self.gaps else ()
        still = life.still(self.life, i, len(self.eta)).union(gaps)
        return [t for t in range(len(self.eta)) if t + 1 >= first and t + 1 not in still]

    def meant(self, i: int) -> Any:
        """Gradients of tensor `i` as the rule reads them."""
        every = self.grads if "tensors" in self.flags else [self.grads]
        return life.meant(self.life, every, i)

    def hyper_at(self, t: int) -> dict[str, float]:
        """Hyperparameters of step `t`, from 1, of a case of one tensor."""
        return life.hyper_at(self.hyper, self.life, t)

    def count_at(self, t: int) -> int:
        """The rule's t at step `t`, from 1."""
        return life.count_at(self.life, t)

    def _part(self, i: int) -> "Case":
        many = "tensors" in self.flags
        theta, taken = self.theta0[i] if many else self.theta0, self.steps_taken(i)
        return replace(
            self,
            dtype=self.life["mixed"][i] if "mixed" in self.life else self.dtype,
            theta0=theta.reshape(-1),
            grads=self.meant(i)[taken].reshape(len(taken), theta.size),
            inputs={
                name: (rows[i] if many else rows)[taken].reshape(len(taken), theta.size)
                for name, rows in self.inputs.items()
            },
            eta=self.eta[taken],
            hyper={**self.hyper, **(self.groups[i] if self.groups else {})},
            flags=tuple(flag for flag in self.flags if flag not in SEVERAL) if not many else (),
            starts=None,
            gaps=None,
            groups=None,
            life=life.alone(self.life, taken),
            shape=tuple(theta.shape),
            whole=(self, i) if many else None,
        )


def each(f: Callable[[Array], Array], arrays: Any) -> Any:
    """Return what `f` makes of an array, of every array of a list, or of all by their names."""
    if isinstance(arrays, Mapping):
        return {name: each(f, own) for name, own in arrays.items()}
    return [f(x) for x in arrays] if isinstance(arrays, list) else f(arrays)


def changed(rule: Any, case: Case, change: Callable[[Case], Case]) -> Case:
    """Return the case that `change` makes of one; of a part of a tree that `rule` looks at as a
    whole, the part of the whole that is changed.
    """
    if case.whole is None or scope_of(rule) != "tree":
        return change(case)
    whole, i = case.whole
    new = change(whole)
    return case if new is whole else new.parts()[i]


def noise(rows: int, columns: int, seed: int = 1) -> Array:
    """Numbers in ±[1/2, 1) of 10 significant bits, from splitmix64: exact in every dtype."""
    return np.array(_splitmix(rows * columns, seed)).reshape(rows, columns)


@lru_cache
def _splitmix(count: int, seed: int) -> tuple[float, ...]:
    values, state = [], seed * 0x9E3779B97F4A7C15
    for _ in range(count):
        state = (state + 0x9E3779B97F4A7C15) % 2**64
        z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % 2**64
        z ^= z >> 31
        values.append((512 + (z & 511)) / 1024 * (-1 if z >> 63 else 1))
    return tuple(values)


def rounded(x: Array, dtype: str) -> Any:
    """Round to `dtype`; what bfloat16 holds comes as float32, since NumPy has no bfloat16."""
    if dtype != "bfloat16":
        return x.astype(dtype)
    bits = x.astype(np.float32).view(np.uint32)
    nearest_even = bits + 0x7FFF + ((bits >> 16) & 1)
    return (nearest_even & np.uint32(0xFFFF0000)).view(np.float32)


def tiled(rows: int, n: int, seed: int, dtype: str) -> Any:
    """Noise of `PERIOD` columns, over and over."""
    columns: Array = noise(rows, PERIOD, seed)
    return rounded(np.tile(columns, -(-n // PERIOD) or 1)[:, :n], dtype)
