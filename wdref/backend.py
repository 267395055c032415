"""Backends: how a kernel is run on the leaves of a tree, and where to find them.

The plain backend evaluates the rule as it is written, on arrays of any Array API library. Others
are found through two groups of entry points and loaded when first asked for: ``wdref.backends``
by name, and ``wdref.auto_backends`` by the array library that they are the default for.
"""

from collections.abc import Sequence
from functools import cache
from importlib.metadata import entry_points
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
from array_api_compat import array_namespace, device

from .engine.half_precision import Kernel
from .rules.shapes import scope_of
from .sums import Answer, answered, together

Array = Any


class Leaf(NamedTuple):
    """One leaf of the tree: all that a kernel takes. Leaves of one group share their scalars.

    `addresses` of theta, g and the slots are given where all are NumPy arrays, each one run of
    memory, and those that `step` writes may be written.
    """

    kernel: Kernel
    theta: Array
    g: Array
    slots: tuple[Array, ...]
    scalars: Any
    addresses: tuple[int, ...] | None = None


def asks(leaf: Leaf) -> bool:
    """Whether the leaf's rule asks for sums; one that does not say so asks for none."""
    return bool(scope_of(leaf.kernel) != "element")


class Prepared(Protocol):
    """A step on arrays that are known: what is new are the gradients and the scalars."""

    def __call__(self, gradients: Any, scalars: Sequence[Any], /) -> None:
        """Step, with the addresses of the gradients (int64) and the scalars, one a leaf."""
        ...


class Backend(Protocol):
    """Runs a kernel over a whole tree. Everything was checked before: nothing may fail half-way.

    A backend may also have ``prepare(leaves)``, which returns a `Prepared` or None, and
    ``step_entries(leaves)``, which is described at `Plain.step_entries`.
    """

    name: str

    def update(self, leaves: Sequence[Leaf], /) -> list[tuple[Array, tuple[Array, ...]]]:
        """Return new parameters and slots, one pair a leaf; the inputs are not written."""
        ...

    def step(self, leaves: Sequence[Leaf], /) -> None:
        """Write new parameters and slots into the arrays given."""
        ...


class Plain:
    """The rule as written, on any Array API library."""

    name = "plain"

    def update(
        self, leaves: Sequence[Leaf], /, *, sums: Answer = answered
    ) -> list[tuple[Array, tuple[Array, ...]]]:
        """Evaluate the kernels leaf by leaf; those that ask for `sums` go on together."""
        asking = [leaf.kernel.rounds(*leaf[1:5]) for leaf in leaves if asks(leaf)]
        asked = iter(together(asking, sums))
        results = (leaf.kernel(*leaf[1:5]) if not asks(leaf) else next(asked)
                   for leaf in leaves)  # fmt: skip
        return [(_array(theta), tuple(_array(_kept(x, leaf)) for x in slots))
                for leaf, (theta, slots) in zip(leaves, results, strict=True)]  # fmt: skip

    def step(self, leaves: Sequence[Leaf], /) -> None:
        """Evaluate every leaf first, then write: an error on the way leaves all as it was."""
        for leaf, result in zip(leaves, self.update(leaves), strict=True):
            write(leaf, result, (leaf.theta, *leaf.slots))

    def step_entries(self, leaves: Sequence[Leaf], /) -> None:
        """Write a step of arrays (K, …), K entries with scalars of their own.

        A scalar is a number or a float64 NumPy array (K,), rounded once to the dtype that it meets.
        """
        if any(asks(leaf) for leaf in leaves):
            for k in range(len(leaves[0].theta)):  # a sum is of one entry
                self.step([_entry(leaf, k) for leaf in leaves])
            return
        for leaf in leaves:
            placed = type(leaf.scalars)(*(_placed(s, leaf) for s in leaf.scalars))
            self.step([leaf._replace(scalars=placed)])


def _entry(leaf: Leaf, k: int) -> Leaf:
    scalars = (float(s[k]) if isinstance(s, np.ndarray) else s for s in leaf.scalars)
    return leaf._replace(
        theta=leaf.theta[k, ...],
        g=leaf.g[k, ...],
        slots=tuple(x[k, ...] for x in leaf.slots),
        scalars=type(leaf.scalars)(*scalars),
        addresses=None,
    )


def _placed(scalar: Any, leaf: Leaf) -> Any:
    if not isinstance(scalar, np.ndarray):
        return scalar
    theta, xp = leaf.theta, array_namespace(leaf.theta)
    dtype = xp.float32 if leaf.kernel.wide else theta.dtype
    return xp.asarray(
        scalar.reshape(-1, *(1,) * (theta.ndim - 1)), dtype=dtype, device=device(theta)
    )


def write(leaf: Leaf, result: tuple[Array, tuple[Array, ...]], outputs: Sequence[Array], /) -> None:
    """Write what a kernel returned for `leaf` into `outputs`."""
    given = (leaf.theta, *leaf.slots)
    # a rule may hand an array on (a slot with the θ before): it is read before it is written
    new = [_copy(x) if any(x is y for y in given) else x for x in (result[0], *result[1])]
    for old, value in zip(outputs, new, strict=True):
        old[...] = value


def _array(x: Array) -> Array:
    # NumPy's arithmetic turns arrays without axes into scalars, which nothing can be written to
    return x if x.ndim else array_namespace(x).asarray(x)


def _kept(x: Array, leaf: Leaf) -> Array:
    # a rule may keep the gradient, whose array is its caller's, who writes the next one into it
    return _copy(x) if x is leaf.g else x


def _copy(x: Array) -> Array:
    return array_namespace(x).asarray(x, copy=True)


PLAIN = Plain()


def available() -> tuple[str, ...]:
    """Names of the backends that are registered, installed or not.

    >>> "plain" in available()
    True
    """
    return ("plain", *sorted(point.name for point in entry_points(group="wdref.backends")))


@cache
def load(name: str) -> Any:
    """Load the backend `name`; a ValueError or ImportError says what exists or what to install."""
    if name == "plain":
        return PLAIN
    found = entry_points(group="wdref.backends", name=name)
    if not found:
        raise ValueError(f"no backend {name!r}: wdref knows {', '.join(available())}")
    point = next(iter(found))
    try:
        return point.load()
    except ModuleNotFoundError as missing:
        if not point.extras:
            raise
        raise ImportError(
            f"backend {name!r} needs {missing.name}: pip install 'wdref[{point.extras[0]}]'"
        ) from missing


@cache
def default_for(library: str) -> Backend:
    """Return the backend that suits arrays of `library` ("numpy", …), plain if none does."""
    for point in entry_points(group="wdref.auto_backends", name=library):
        return cast(Backend, point.load())
    return PLAIN
