"""The body of a printed function: its loops and what the host computes, in any language's words.

Three shapes: sums and a step over one tensor; over all tensors of a tree, whose sums go through
all of them before any is stepped.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

from .expression import Tree, names
from .listing import Line, Listing, Summing

Text = list[str]
Scalars = Sequence[tuple[str, Tree]]


class Body:
    """How a language writes what a step is made of; `text` puts it together."""

    indent: ClassVar[str] = "    "
    once: str  # the comment above the host's scalars

    def __init__(self, listing: Listing) -> None:
        self.listing = listing

    # -- what a language says ---------------------------------------------------------------------

    def sums(self, own: Sequence[str]) -> Text:
        """Declare exact sums of nothing yet."""
        raise NotImplementedError

    def add(self, own: str, tree: Tree) -> str:
        """Add a term of one element."""
        raise NotImplementedError

    def total(self, own: str) -> str:
        """Declare a sum, rounded."""
        raise NotImplementedError

    def count(self, own: str) -> str:
        """Declare the number of a tensor's elements."""
        raise NotImplementedError

    def counting(self, own: str) -> tuple[str, str]:
        """Declare a count of nothing yet, and add a tensor's elements to it."""
        raise NotImplementedError

    def scalar(self, own: str, tree: Tree) -> str:
        """Declare what the host computes, rounded once."""
        raise NotImplementedError

    def line(self, line: Line) -> str:
        """Declare a name, or write an element of an array."""
        raise NotImplementedError

    def elements(self) -> str:
        """Begin the loop over a tensor's elements."""
        raise NotImplementedError

    def tensors(self, read: Sequence[str], *, step: bool) -> Text:
        """Begin the loop over a tree's tensors, with those of their arrays that are read."""
        raise NotImplementedError

    def fresh(self, own: str) -> str:
        """Name of the new value of a slot of one number."""
        return f"{own}_new"

    def kept(self, own: str) -> str:
        """Write the new value of a slot of one number."""
        raise NotImplementedError

    # -- put together -----------------------------------------------------------------------------

    def text(self) -> str:
        """Return the statements of the function, indented."""
        lines = self._tree() if self.listing.tree else self._tensor()
        return "".join(f"{self.indent}{line}\n" if line else "\n" for line in lines)

    def _tensor(self) -> Iterator[str]:
        for each in self.listing.rounds:
            yield from (*self._round(each), "")
        yield self.once
        yield from self._scalars(self.listing.scalars)
        yield from self._fresh(self.listing.numbers)
        if not self.listing.scalars + self.listing.numbers:
            yield ""
        yield from ("", *self._loop(map(self.line, self.listing.lines)))
        yield from (self.kept(x) for x, _ in self.listing.numbers)

    def _tree(self) -> Iterator[str]:
        for each in self.listing.rounds:
            if each.over == "tree":
                yield from (*self._tree_round(each), "")
        early, late = self._split(self.listing.scalars)
        shared, own = self._split(self.listing.numbers)
        yield from (self.once, *self._scalars(early), *self._fresh(shared))
        step = [*self._late(late + own), *self._scalars(late), *self._fresh(own)]
        loop = self._loop(map(self.line, self.listing.lines))
        read = self._read(self.listing.lines, (), late + own)
        yield ""
        yield from self._over_tensors(
            read, [*step, *loop, *(self.kept(x) for x, _ in own)], step=True
        )
        yield from (self.kept(x) for x, _ in shared)

    def _round(self, each: Summing) -> Text:
        """The loop that adds up a round's terms, and its sums."""
        if not each.sums:
            return [*map(self.count, each.counts)]
        return [
            *self.sums([own for own, _ in each.sums]),
            "{",
            *self._in(self._scalars(each.scalars) or [""]),
            *self._in(self._loop(self._terms(each))),
            "}",
            *(self.total(own) for own, _ in each.sums),
            *map(self.count, each.counts),
        ]

    def _tree_round(self, each: Summing) -> Text:
        """The loops that add up a round's terms of all tensors, and its sums."""
        early, late = self._split(each.scalars)
        counts = [self.counting(own) for own in each.counts]
        within = [*self._late(late), *self._scalars(late), *(more for _, more in counts)]
        loop = self._loop(self._terms(each)) if each.sums else []
        read = self._read(each.lines, [tree for _, tree in each.sums], late)
        loop = self._over_tensors(read, [*within, *loop], step=False)
        return [
            *(self.sums([own for own, _ in each.sums]) if each.sums else ()),
            *(declared for declared, _ in counts),
            *(["{", *self._in([*self._scalars(early), *loop]), "}"] if early else loop),
            *(self.total(own) for own, _ in each.sums),
        ]

    def _terms(self, each: Summing) -> Text:
        return [*map(self.line, each.lines), *(self.add(*pair) for pair in each.sums)]

    def _late(self, scalars: Scalars) -> Text:
        """The rounds over one tensor that `scalars` read the sums of."""
        return [line for each in self._needed(scalars) for line in (*self._round(each), "")]

    def _needed(self, scalars: Scalars) -> list[Summing]:
        read, needed = _leaves(scalars), []
        for each in reversed(self.listing.rounds):
            own = {*each.counts, *(x for x, _ in each.sums)}
            if each.over == "tensor" and own & read:
                needed.append(each)
                read |= _leaves(each.scalars)
        return needed[::-1]

    def _read(self, lines: Sequence[Line], terms: Sequence[Tree], late: Scalars) -> list[str]:
        """What the loop over tensors reads of each, in the order of its fields."""
        rounds = self._needed(late)
        trees = [*terms, *(line.tree for line in lines), *(tree for _, tree in late)]
        trees += [tree for each in rounds for _, tree in (*each.sums, *each.scalars)]
        trees += [line.tree for each in rounds for line in each.lines]
        read = set[str]().union(*map(names, trees), {x.target for x in lines if x.array})
        own = {x for x, _ in late}
        return [x for x in self.listing.fields if x in read | own]

    def _split(self, scalars: Scalars) -> tuple[list[tuple[str, Tree]], list[tuple[str, Tree]]]:
        """What is the same for all tensors of a tree, and what each has of its own."""
        late = [pair for pair in scalars if names(pair[1]) & self.listing.late]
        return [pair for pair in scalars if pair not in late], late

    def _over_tensors(self, read: Sequence[str], lines: Iterable[str], *, step: bool) -> Text:
        return [*self.tensors(read, step=step), *self._in(lines), "}"]

    def _loop(self, lines: Iterable[str]) -> Text:
        return [self.elements(), *self._in(lines), "}"]

    def _scalars(self, scalars: Scalars) -> Text:
        return [self.scalar(*pair) for pair in scalars]

    def _fresh(self, numbers: Scalars) -> Text:
        return [self.scalar(self.fresh(x), tree) for x, tree in numbers]

    def _in(self, lines: Iterable[str]) -> Text:
        return [f"{self.indent}{line}" if line else "" for line in lines]


def _leaves(scalars: Scalars) -> set[str]:
    return set[str]().union(*(names(tree) for _, tree in scalars))
