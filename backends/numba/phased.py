"""numba: the phases of a rule that asks for sums, each one fused loop.

The loop of a round adds its terms in lanes, as many sums side by side, so that the processor adds
several at a time though the order of every lane is kept: a double-double a lane (see
`wdref.sums.partial`), and Σ|x| where the terms may be below 0. Each thread has lanes of its own.
"""

from collections.abc import Sequence
from functools import cached_property
from threading import get_ident
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
    """The compiled loops of a rule; the exact sums that lanes do not give are NumPy's."""

    def __init__(self, found: Phases) -> None:
        self.rounds = [_Loop(each.program) for each in found.rounds]
        self.last = printable(element(found.last))
        self.blocks = rounds(found)

    def sums(self, number: int, inputs: list[Array], scalars: Sequence[Any]) -> list[Partial]:
        """Return the partial sums of a round, of every span of elements in a thread."""
        return self.rounds[number].run(inputs, scalars)

    def exact(self, number: int, inputs: list[Array], scalars: Sequence[Any]) -> list[Exact]:
        """Return its exact sums.

        Terms of like size, which are common (a step of Adam's is ±1 at first), often end in a tie,
        and what they leave in the lanes is then all there is.
        """
        sums = self.rounds[number].exact(inputs, scalars)
        return self.blocks.exact(number, inputs, scalars) if sums is None else sums

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
        self.quick = load(lambda cached: sums_source(self.element, cached=cached))

    @cached_property
    def fine(self) -> Any:
        """The loop that tells whether its lanes hold the exact sum."""
        return load(lambda cached: sums_source(self.element, cached=cached, fine=True))

    def run(self, inputs: list[Array], scalars: Sequence[Any]) -> list[Partial]:
        lanes = self._lanes(self.quick, inputs, scalars)
        columns = zip(*(x.partials(self.signless) for x in lanes), strict=True)
        return [partial.combined(column) for column in columns] or [Partial()] * len(self.signless)

    def exact(self, inputs: list[Array], scalars: Sequence[Any]) -> list[Exact] | None:
        """Return the exact sums, or None where a lane has lost something."""
        if inputs[0].size == 0:
            return [Exact()] * len(self.signless)
        lanes = [x.rows for x in self._lanes(self.fine, inputs, scalars)]
        if not all(np.all(np.isfinite(rows)) and not np.any(rows[:, 2]) for rows in lanes):
            return None
        terms = (np.concatenate([rows[k, :2].ravel() for rows in lanes])
                 for k in range(len(self.signless)))  # fmt: skip
        return [partial.exactly(x) for x in terms]

    def _lanes(self, loop: Any, inputs: list[Array], scalars: Sequence[Any]) -> list["_Lanes"]:
        places = np.array([address(x) for x in inputs], dtype=np.int64)
        values = np.array(self.element.host(scalars))
        lanes: dict[int, _Lanes] = {}

        def span(bounds: tuple[int, int]) -> None:
            mine = lanes.setdefault(get_ident(), _Lanes(len(self.signless)))
            loop(places, values, *bounds, address(mine.rows))
            mine.depth += -(-(bounds[1] - bounds[0]) // LANES)

        spread(inputs[0].size, LANES, span)
        return list(lanes.values())


class _Lanes:
    """What a thread has added: of each term the high and low halves, and Σ|x|."""

    def __init__(self, terms: int) -> None:
        self.rows = np.zeros((terms, 3, LANES))
        self.depth = 0  # additions in a lane

    def partials(self, signless: Sequence[bool]) -> list[Partial]:
        return [partial.of_lanes(high, low, size, self.depth, same=same)
                for (high, low, size), same in zip(self.rows, signless, strict=True)]  # fmt: skip
