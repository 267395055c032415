"""Kernels: a dialect's rule with the casts around it that half-precision parameters need."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from array_api_compat import array_namespace

from ..rules.contract import Rule

Array = Any


@dataclass(frozen=True)
class Kernel:
    """What a backend runs on one leaf: ``kernel(theta, g, slots, s) -> (theta, slots)``.

    ``wide`` computes in float32 and rounds once at the end, for float16 and bfloat16 leaves: half
    arithmetic would lose ε = 1e-8 and every decay below 2^-9. With a ``master`` copy the first slot
    holds θ in float32 and the parameter is its rounding.
    """

    dialect: Rule
    wide: bool = False
    master: bool = False

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the state arrays, the master copy first."""
        return ("master", *self.dialect.slots) if self.master else self.dialect.slots

    def __call__(
        self, theta: Array, g: Array, slots: Sequence[Array], s: Any, /
    ) -> tuple[Array, tuple[Array, ...]]:
        """Run one step, a pure function of arrays."""
        if not self.wide:
            return self.dialect.apply(theta, g, slots, s)
        xp = array_namespace(theta, g)
        source, rest = (slots[0], slots[1:]) if self.master else (theta, slots)
        wide = [xp.astype(x, xp.float32) for x in (source, g, *rest)]
        new, new_slots = self.dialect.apply(wide[0], wide[1], wide[2:], s)
        kept = tuple(xp.astype(x, old.dtype) for x, old in zip(new_slots, rest, strict=True))
        if self.master:
            return xp.astype(new, theta.dtype), (new, *kept)
        return xp.astype(new, theta.dtype), kept
