"""numba: the phases of a rule that asks for sums, each one fused loop.

The loop of a round adds its terms in lanes, as many sums side by side, so that the processor adds
several at a time though the order of every lane is kept: a double-double a lane (see
`wdref.sums.partial`), and Σ|x| where the terms may be below 0.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from wdref.engine.memory import address
from wdref.sums import Exact, Partial, partial

from ..numpy import Array, rounds
from ..threads import spread
from ..tracing.element import Element, element
from ..tracing.phases import Phases
from ..tracing.trace import Program
from .cache import load
from .source import LANES, printable, signless, source, sums_source

LINE = 64  # elements


class Phased:
    """The compiled loops of a rule; exact sums, which few steps need, are NumPy's."""

    def __init__(self, found: Phases) -> None:
        self.rounds = [_Loop(each.program) for each in found.rounds]
        self.last = printable(element(found.last))
        self.blocks = rounds(found)

    def sums(self, number: int, inputs: list[Array], scalars: Sequence[Any]) -> list[Partial]:
        """Return the partial sums of a round, of every span of elements in a thread."""
        return self.rounds[number].run(inputs, scalars)

    def exact(self, number: int, inputs: list[Array], scalars: Sequence[Any]) -> list[Exact]:
        """Return its exact sums."""
        return self.blocks.exact(number, inputs, scalars)

    def apply(self, inputs: list[Array], outputs: list[Array], scalars: Sequence[Any]) -> None:
        """Take the step."""
        read, written = [address(x) for x in inputs], [address(x) for x in outputs]
        upon = written == [read[0], *read[2:]]
        places = np.array(read if upon else [*read, *written], dtype=np.int64)
        values, step = np.array(self.last.host(scalars)), self.upon if upon else self.beside
        spread(inputs[0].size, LINE, lambda span: step(places, values, *span))

    @cached_property
    def upon(self) -> Any:
        """The step over the arrays that it reads."""
        return load(lambda cached: source(self.last, "upon", cached=cached))

    @cached_property
    def beside(self) -> Any:
        """The step into other arrays."""
        return load(lambda cached: source(self.last, "beside", cached=cached))


class _Loop:
    """The loop of a round."""

    def __init__(self, program: Program) -> None:
        self.element: Element = printable(element(program))
        self.signless = signless(self.element)
        self.compiled = load(lambda cached: sums_source(self.element, cached=cached))

    def run(self, inputs: list[Array], scalars: Sequence[Any]) -> list[Partial]:
        places = np.array([address(x) for x in inputs], dtype=np.int64)
        values = np.array(self.element.host(scalars))
        found: list[list[Partial]] = []

        def span(bounds: tuple[int, int]) -> None:
            lanes = np.zeros((len(self.signless), 3, LANES))
            self.compiled(places, values, *bounds, address(lanes))
            found.append(self._joined(lanes, bounds[1] - bounds[0]))

        spread(inputs[0].size, LANES, span)
        columns = list(zip(*found, strict=True)) or [()] * len(self.signless)
        return [partial.combined(column) for column in columns]

    def _joined(self, lanes: Array, count: int) -> list[Partial]:
        return [partial.of_lanes(high, low, size, count, same=same)
                for (high, low, size), same in zip(lanes, self.signless, strict=True)]  # fmt: skip
