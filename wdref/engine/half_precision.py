"""Kernels: a dialect's rule with the casts around it that half-precision parameters need."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from array_api_compat import array_namespace

from ..rules.contract import Rule
from ..rules.shapes import inputs_of, scope_of, shapes_of
from ..sums import Rounds, alone

Array = Any


@dataclass(frozen=True)
class Kernel:
    """What a backend runs on one leaf: ``kernel(theta, g, slots, s) -> (theta, slots)``.

    ``wide`` computes in float32 and rounds once at the end, for float16 and bfloat16 leaves: half
    arithmetic would lose ε = 1e-8 and every decay below 2^-9. With a ``master`` copy the first slot
    holds θ in float32 and the parameter is its rounding. What a rule is given beside the gradient
    stands behind its slots, and comes back as it was.
    """

    dialect: Rule
    wide: bool = False
    master: bool = False

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the arrays beside the gradient: the master copy, the state's, the inputs."""
        names = (*self.dialect.slots, *self.inputs)
        return ("master", *names) if self.master else names

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of what is given beside the gradient."""
        return inputs_of(self.dialect)

    @property
    def scope(self) -> str:
        """What the rule looks at: an element, its tensor, or the tree."""
        return scope_of(self.dialect)

    @property
    def shapes(self) -> tuple[str, ...]:
        """What each of them holds of a tensor."""
        kinds = (*shapes_of(self.dialect), *("like" for _ in self.inputs))
        return ("like", *kinds) if self.master else kinds

    def rounds(self, theta: Array, g: Array, slots: Sequence[Array], s: Any, /) -> Rounds:
        """Run one step of a rule that asks for sums, round by round."""
        kinds = self.shapes
        given = [
            _number(x) if kind == "scalar" else x for kind, x in zip(kinds, slots, strict=True)
        ]
        source = theta
        if self.wide:
            source, g, given = self._widened(theta, g, given)
        new, kept = yield from self.dialect.rounds(source, g, given, s)
        result = (new, *kept) if self.master else kept
        return _kept(new, theta), (
            *map(_kept, result, slots),
            *slots[len(slots) - len(self.inputs) :],
        )

    def _widened(
        self, theta: Array, g: Array, slots: Sequence[Any]
    ) -> tuple[Array, Array, list[Any]]:
        xp = array_namespace(theta, g)
        source, rest = (slots[0], slots[1:]) if self.master else (theta, slots)
        kinds = self.shapes[self.master :]
        wide = [x if kind == "scalar" else xp.astype(x, xp.float32)
                for kind, x in zip(kinds, rest, strict=True)]  # fmt: skip
        return xp.astype(source, xp.float32), xp.astype(g, xp.float32), wide

    def __call__(
        self, theta: Array, g: Array, slots: Sequence[Array], s: Any, /
    ) -> tuple[Array, tuple[Array, ...]]:
        """Run one step of one tensor, a pure function of arrays."""
        if self.scope != "element":
            return alone(self.rounds, theta, g, slots, s)
        given = tuple(slots[len(slots) - len(self.inputs) :])
        if not self.wide:
            new, kept = self.dialect.apply(theta, g, slots, s)
            return new, (*kept, *given)
        xp = array_namespace(theta, g)
        source, rest = (slots[0], slots[1:]) if self.master else (theta, slots)
        wide = [xp.astype(x, xp.float32) for x in (source, g, *rest)]
        new, new_slots = self.dialect.apply(wide[0], wide[1], wide[2:], s)
        olds = rest[: len(rest) - len(given)]
        kept = tuple(xp.astype(x, old.dtype) for x, old in zip(new_slots, olds, strict=True))
        if self.master:
            return xp.astype(new, theta.dtype), (new, *kept, *given)
        return xp.astype(new, theta.dtype), (*kept, *given)


def _number(x: Array) -> Any:
    """A slot of one number as the host's, where it has one yet."""
    own = getattr(x, "number", None)  # of symbols
    if own is not None:
        return own()
    try:
        return float(x)
    except (TypeError, RuntimeError, ValueError):  # under jax.jit, torch.func
        return x


def _kept(x: Any, old: Array) -> Array:
    """What a rule returns, in the dtype and the place of the old one."""
    xp = array_namespace(old)
    if isinstance(x, int | float):
        return xp.full_like(old, x)
    return x if x.dtype == old.dtype else xp.astype(x, old.dtype)
