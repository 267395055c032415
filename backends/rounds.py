"""Rounds on a backend of NumPy arrays: its programs sum, all tensors of a step together."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Protocol

import numpy as np

from wdref.backend import Leaf, asks, write
from wdref.engine.half_precision import Kernel
from wdref.engine.tree import dtype_name
from wdref.sums import Exact, Part, Partial, Rounds, answered, together

from .tracing.element import Element, element
from .tracing.phases import Phases, Round, phases
from .tracing.trace import TraceError

Array = Any


class Phased(Protocol):
    """The programs of a rule that asks for sums, as a backend runs them on flat arrays."""

    def sums(self, number: int, inputs: list[Array], scalars: Sequence[Any]) -> list[Partial]:
        """Return the partial sums of a round."""
        ...

    def exact(self, number: int, inputs: list[Array], scalars: Sequence[Any]) -> list[Exact]:
        """Return its exact sums."""
        ...

    def apply(self, inputs: list[Array], outputs: list[Array], scalars: Sequence[Any]) -> None:
        """Take the step."""
        ...


def run_rounds(
    leaves: Sequence[Leaf], outputs: Sequence[Sequence[Array]], compiled: Callable[[Phases], Phased]
) -> Callable[[], None]:
    """Sum whatever the leaves ask for, and return what then takes their steps.

    Nothing is written before: a sum that is beyond the range leaves all as it was.
    """
    pairs = [(leaf, outs) for leaf, outs in zip(leaves, outputs, strict=True)
             if asks(leaf)]  # fmt: skip
    with np.errstate(all="ignore"):  # IEEE values propagate, as in blocks
        steps = together([_asking(leaf, outs, compiled) for leaf, outs in pairs], answered)

    def take() -> None:
        for step in steps:
            step()  # type: ignore[operator]  # what `_asking` returns

    return take


def _asking(leaf: Leaf, outputs: Sequence[Array], compiled: Callable[[Phases], Phased]) -> Rounds:
    """The rounds of one leaf, by compiled programs where its arrays lie flat."""
    found = _programs(leaf, compiled) if _flat(leaf, outputs) else None
    if found is None:
        result = yield from leaf.kernel.rounds(*leaf[1:5])
        return lambda: write(leaf, result, outputs)  # type: ignore[return-value]  # of `run_rounds`
    plan, own, numbers = found
    kinds = leaf.kernel.shapes
    like = [x for x, kind in zip(leaf.slots, kinds, strict=True) if kind == "like"]
    inputs = [x.reshape(-1) for x in (leaf.theta, leaf.g, *like)]
    values = [*leaf.scalars, *(float(x) for x, kind in zip(leaf.slots, kinds, strict=True)
                               if kind == "scalar")]  # fmt: skip
    for number, each in enumerate(plan.rounds):
        values += yield _parts(each, own, number, inputs, list(values))
    return lambda: _take(leaf, outputs, own, inputs, values, numbers)  # type: ignore[return-value]


def _parts(
    asked: Round, own: Phased, number: int, inputs: list[Array], values: Sequence[Any]
) -> tuple[Part, ...]:
    """The parts of a round: of its sums, and of what it only counts."""
    partials, exact = own.sums(number, inputs, values), _Exacts(own, number, inputs, values)
    return asked.asked(lambda k, over: Part(over, partials[k], exact.at(k)), inputs[0].size)


def _take(
    leaf: Leaf, outputs: Sequence[Array], own: Phased, inputs: list[Array], values: list[Any],
    numbers: Element,
) -> None:  # fmt: skip
    pairs = list(zip(outputs, ("like", *leaf.kernel.shapes), strict=True))
    own.apply(inputs, [x.reshape(-1) for x, kind in pairs if kind == "like"], values)
    places = [x for x, kind in pairs if kind == "scalar"]
    for place, number in zip(places, numbers.numbers(*values), strict=True):
        place[...] = number


class _Exacts:
    """The exact sums of a round, made for all its terms when the first of them is asked."""

    def __init__(self, own: Phased, *inputs: Any) -> None:
        self.own, self.inputs = own, inputs
        self.sums: list[Exact] | None = None

    def at(self, k: int) -> Callable[[], Exact]:
        return lambda: self._all()[k]

    def _all(self) -> list[Exact]:
        if self.sums is None:
            self.sums = self.own.exact(*self.inputs)
        return self.sums


def _flat(leaf: Leaf, outputs: Sequence[Array]) -> bool:
    arrays = (leaf.theta, leaf.g, *leaf.slots, *outputs)
    return all(isinstance(x, np.ndarray) and x.flags.c_contiguous for x in arrays)


def _programs(
    leaf: Leaf, compiled: Callable[[Phases], Phased]
) -> tuple[Phases, Phased, Element] | None:
    kinds = ("like", "like", *leaf.kernel.shapes)
    arrays = (leaf.theta, leaf.g, *leaf.slots)
    dtypes = tuple(dtype_name(x) for x, kind in zip(arrays, kinds, strict=True) if kind == "like")
    present = tuple(value is not None for value in leaf.scalars)
    scalars: Any = type(leaf.scalars)
    return _compile(leaf.kernel, dtypes, scalars, present, compiled)


@cache
def _compile(
    kernel: Kernel, dtypes: tuple[str, ...], scalars: type, present: tuple[bool, ...],
    compiled: Callable[[Phases], Phased],
) -> tuple[Phases, Phased, Element] | None:  # fmt: skip
    try:
        plan = phases(kernel, dtypes, scalars, present)
        return plan, compiled(plan), element(plan.numbers)
    except TraceError:
        return None
