"""What a printed step is made of: lines, rounds of sums, and all of them together."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from wdref.rules.contract import Rule
from wdref.rules.shapes import inputs_of
from wdref.sums import Over

from .expression import Tree, names, ops


@dataclass(frozen=True)
class Line:
    """``target = tree``; `array` says whether the target is an array's element or a new name."""

    target: str
    tree: Tree
    array: bool


@dataclass(frozen=True)
class Summing:
    """A round of a rule that asks for sums: its scalars and lines, and each sum with its term.

    `counts` are the names of what is the number of elements; `over` says of what all are. Where
    rows and columns are summed, `kind` says of what the lines and terms are a number: "like", of
    an element, "row", "column" or "matrix". `within` are sums over each row, column or matrix,
    that the lines and terms read; what sums nothing itself stores a slot. `flat` goes through the
    elements without regard to their places.
    """

    scalars: tuple[tuple[str, Tree], ...]
    lines: tuple[Line, ...]
    sums: tuple[tuple[str, Tree], ...]
    counts: tuple[str, ...] = ()
    over: Over = "tensor"
    kind: str = "like"
    within: tuple["Summing", ...] = ()
    flat: bool = True

    @property
    def stores(self) -> bool:
        """Whether it keeps a slot of rows or columns, as soon as its sums are known."""
        return not (self.flat or self.sums or self.kind == "like")

    def every(self) -> "Iterator[Summing]":
        """Yield what it reads the sums of, and itself."""
        for each in self.within:
            yield from each.every()
        yield self

    @property
    def hosted(self) -> tuple[tuple[str, Tree], ...]:
        """The scalars of all of it, each once."""
        return tuple({x: tree for each in self.every() for x, tree in each.scalars}.items())


@dataclass(frozen=True)
class Matrices:
    """What a step by rows and columns has besides: its slots of rows and of columns.

    `within` are the sums over each matrix that the step's lines read, `vector` is the step of
    tensors of fewer than two axes.
    """

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    within: tuple[Summing, ...]
    vector: "Listing"


@dataclass(frozen=True)
class Listing:
    """One step of a dialect on arrays of `dtype`.

    `scalars` are computed once a step in float64 and rounded once to `dtype`; `lines` once an
    element. Leaves of a line are arrays (theta, g, the slots), scalars and the names before it.
    `rounds` come first, and their sums are scalars after them. `numbers` are the slots of one
    number, which the host reads and writes, with their new values. `matrices` is there where rows
    and columns are summed.
    """

    dialect: Rule
    dtype: str
    arrays: tuple[str, ...]
    scalars: tuple[tuple[str, Tree], ...]
    lines: tuple[Line, ...]
    rounds: tuple[Summing, ...] = ()
    numbers: tuple[tuple[str, Tree], ...] = ()
    matrices: Matrices | None = None

    @property
    def functions(self) -> tuple["Listing", ...]:
        """The step itself, and that of vectors where they have one of their own."""
        return (self,) if self.matrices is None else (self, self.matrices.vector)

    @property
    def step(self) -> Summing:
        """The last part, which sums nothing itself."""
        within = () if self.matrices is None else self.matrices.within
        return Summing(self.scalars, self.lines, (), within=within, flat=self.matrices is None)

    @property
    def parts(self) -> tuple[Summing, ...]:
        """The rounds and the step, with what they read the sums of."""
        return tuple(part for each in (*self.rounds, self.step) for part in each.every())

    @property
    def tree(self) -> bool:
        """Whether a step looks at all tensors of a tree, and so is one of them all."""
        return any(each.over == "tree" for each in self.rounds)

    @property
    def late(self) -> frozenset[str]:
        """What the host knows of each tensor of a tree: its sums, and the numbers made of them."""
        late = {x for each in self.rounds if each.over == "tensor"
                for x in (*each.counts, *(own for own, _ in each.sums))}  # fmt: skip
        for _ in self.numbers:  # one may be made of another
            late |= {x for x, tree in self.numbers if names(tree) & late}
        return frozenset(late)

    @property
    def fields(self) -> tuple[str, ...]:
        """The arrays of a tensor, and its slots of one number that are not the whole tree's."""
        numbers = (x for x, _ in self.numbers if not self.tree or x in self.late)
        return (*self.arrays[:2], *self.kept, *numbers)

    @property
    def kept(self) -> tuple[str, ...]:
        """The slots that are arrays, in the dialect's order."""
        if self.matrices is None:
            return self.arrays[2:]
        known = {*self.arrays[2:], *self.matrices.rows, *self.matrices.columns}
        return tuple(x for x in self.dialect.slots if x in known)

    @property
    def read(self) -> tuple[str, ...]:
        """The arrays that a step reads and leaves as they are."""
        return ("g", *inputs_of(self.dialect))

    @property
    def shared(self) -> tuple[str, ...]:
        """The slots of one number that all tensors of a tree share."""
        return tuple(x for x, _ in self.numbers if x not in self.fields)

    @property
    def ops(self) -> frozenset[str]:
        """Every operation on elements, so that a language may bring the functions it lacks."""
        trees = [line.tree for each in self.parts for line in each.lines]
        trees += [tree for each in self.parts for _, tree in each.sums]
        return frozenset().union(*map(ops, trees))

    @property
    def every_op(self) -> frozenset[str]:
        """The operations of all its functions."""
        return frozenset().union(*(each.ops for each in self.functions))

    @property
    def hosted(self) -> tuple[tuple[str, Tree], ...]:
        """Everything that the host computes, with its name."""
        return (*(pair for each in self.parts for pair in each.scalars), *self.numbers)

    @property
    def inputs(self) -> frozenset[str]:
        """The names that the host's scalars read: hyperparameters, t, eta, eta_before."""
        found = {leaf for _, tree in self.hosted for leaf in names(tree)}
        chosen = any("first" in ops(tree) for _, tree in self.hosted)
        return frozenset(found | {"t"} if chosen else found)

    @property
    def running(self) -> tuple[Any, ...]:
        """The running products of the host, of which a step takes the values before it."""
        return tuple(getattr(self.dialect, "running", ()))

    @property
    def hyper(self) -> tuple[str, ...]:
        """The hyperparameters that are read, in the dialect's order."""
        read = frozenset().union(*(each.inputs for each in self.functions))
        return tuple(key for key in self.dialect.hyper if key in read)
