"""Rules that sum along rows and columns, as listings: a step of matrices, and one of vectors."""

from collections.abc import Sequence
from typing import Any

from wdref.engine.half_precision import Kernel
from wdref.rules.contract import Rule

from ..tracing.axes import vectors
from ..tracing.element import element
from ..tracing.passes import Passes, Stored, Summed, matrices
from ..tracing.trace import Program
from .expression import Tree, name, names
from .lister import Lister
from .parts import Listing, Matrices, Summing
from .rounds import in_rounds


def in_matrices(
    dialect: Rule, dtype: str, kernel: Kernel, scalars: Any, present: Sequence[bool],
    formulas: dict[str, Tree],
) -> Listing:  # fmt: skip
    """Return the listing of a rule whose slots are rows and columns."""
    kinds = dict(zip(kernel.slots, kernel.shapes, strict=True))
    plan = vectors(kernel, dtype, scalars, present)
    flat = {x: "like" if kind == "vector" else kind for x, kind in kinds.items()}
    vector = in_rounds(dialect, dtype, plan, flat, formulas)
    passes = matrices(kernel, dtype, scalars, present)
    exact = tuple(x for x in passes.last.fields if x not in scalars._fields)
    lists = _Lists({**formulas, **{x: name(x) for x in exact}}, exact, kinds)
    return lists.listing(dialect, dtype, passes, vector)


class _Lists:
    """Makes listings of passes; sums of the host, and how many there are, are `exact`."""

    def __init__(
        self, formulas: dict[str, Tree], exact: Sequence[str], kinds: dict[str, str]
    ) -> None:
        self.formulas, self.exact, self.kinds = formulas, exact, kinds

    def listing(self, dialect: Rule, dtype: str, passes: Passes, vector: Listing) -> Listing:
        within, first = self._within(passes.within)
        scalars, lines = self._lister(passes.last, first).run()
        own = self._lister(passes.numbers)
        numbers = zip(self._of("scalar"), map(own.weak, passes.numbers.outputs), strict=True)
        counts = (Summing((), (), (), passes.counts),) if passes.counts else ()
        return Listing(
            dialect, dtype, ("theta", "g", *self._of("like")), scalars, lines,
            rounds=(*counts, *map(self._pass, passes.passes)),
            numbers=tuple(numbers),
            matrices=Matrices(self._of("row"), self._of("column"), within, vector),
        )  # fmt: skip

    def _of(self, kind: str) -> tuple[str, ...]:
        return tuple(x for x, own in self.kinds.items() if own == kind)

    def _pass(self, own: Summed | Stored) -> Summing:
        if isinstance(own, Summed):
            return self._summing(own, 0)[0]
        within, first = self._within(own.sums)
        scalars, lines = self._lister(own.program, first).run()
        return Summing(scalars, lines, (), kind=own.kind, within=within, flat=False)

    def _summing(self, own: Summed, first: int) -> tuple[Summing, int]:
        """The listing of sums, and the number of the first scalar after its."""
        within, first = self._within(own.within, first)
        lister = self._lister(own.program, first)
        scalars, lines, terms = lister.terms()
        read = set[str]().union(*map(names, terms), *(names(x.tree) for x in lines))
        placed = read & {*self._of("row"), *self._of("column")}
        sums = tuple(zip(own.names, terms, strict=True))
        flat = own.kind == "like" and not within and not placed
        found = Summing(scalars, lines, sums, kind=own.kind, within=within, flat=flat)
        return found, first + len(scalars)

    def _within(self, sums: Sequence[Summed], first: int = 0) -> tuple[tuple[Summing, ...], int]:
        found = []
        for own in sums:
            summing, first = self._summing(own, first)
            found.append(summing)
        return tuple(found), first

    def _lister(self, program: Program, first: int = 0) -> Lister:
        arrays = [node.name for node in program.nodes if node.op == "array"]
        return Lister(element(program), arrays, self.formulas, self.exact, first)
