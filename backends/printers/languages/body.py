"""The body of a printed function: its loops and what the host computes, in any language's words.

Three shapes: over the elements of one tensor; over all tensors of a tree, whose sums go through all
of them before any is stepped; over a tensor's matrices, their rows and columns.
"""

from collections.abc import Iterable, Iterator, Sequence

from ..expression import Tree, names
from ..parts import Line, Summing
from .language import COUNT, Language, Text

AROUND = {"like": "yx", "row": "y", "column": "x", "matrix": ""}  # loops within that over matrices
Scalars = Sequence[tuple[str, Tree]]


class Body(Language):
    """Puts the statements of a function together, in a language's words."""

    def text(self) -> str:
        """Return the statements of the function, indented."""
        shapes = {"tree": self._tree, "matrices": self._matrices, "tensor": self._tensor}
        lines = shapes[self._shape()]()
        return "".join(f"{self.indent}{line}\n" if line else "\n" for line in lines)

    def _shape(self) -> str:
        if self.listing.matrices is not None:
            return "matrices"
        return "tree" if self.listing.tree else "tensor"

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

    def _matrices(self) -> Iterator[str]:
        if any(each.flat for each in self.listing.rounds):
            yield from self.elements_of_all()
        for each in self.listing.rounds:
            if each.flat:
                yield from (*self._round(each), "")
            else:
                yield from (*self._nested_round(each), "")
        step = self.listing.step
        yield from (self.once, *self._scalars(step.hosted), *self._fresh(self.listing.numbers), "")
        yield from self._nested(step)
        yield from (self.kept(x) for x, _ in self.listing.numbers)

    def _nested_round(self, each: Summing) -> Text:
        """A round of sums over rows, columns or matrices, or a slot of them that is stored."""
        return [
            *(self.sums([own for own, _ in each.sums]) if each.sums else ()),
            "{",
            *self._in([*self._scalars(each.hosted), *self._nested(each)]),
            "}",
            *(self.total(own, self._zero(tree)) for own, tree in each.sums),
        ]

    def _nested(self, each: Summing) -> Text:
        """The loops over matrices, rows and columns; what is stored stands beside its sums."""
        within = self._sums_within(each, AROUND[each.kind] if each.stores else "")
        lines = self._placed(each)
        lines = self._looped(AROUND[each.kind], [*within, *lines] if each.stores else lines)
        return self._looped("k", lines if each.stores else [*within, *lines])

    def _sums_within(self, each: Summing, scope: str) -> Text:
        """The sums that `each` reads, in the loops `scope` and those over matrices."""
        text: Text = []
        for own in each.within:
            inner = "".join(i for i in AROUND[own.kind] if i not in scope)
            text += self._sums_within(own, "")
            text += self.sums([x for x, _ in own.sums])
            text += self._looped(inner, self._placed(own))
            text += [self.along(x, self._zero(tree)) for x, tree in own.sums]
        return text

    def _placed(self, each: Summing) -> Text:
        return [*([self.place()] if each.kind == "like" else ()), *self._terms(each)]

    def _looped(self, around: str, lines: Text) -> Text:
        for i in reversed(around):
            lines = [self.loop(i, COUNT[i]), *self._in(lines), "}"]
        return lines

    def _zero(self, term: Tree) -> str:
        """What makes a sum of -0 alone the 0 that it is in NumPy; squares need it not."""
        if self._shape() == "tensor" or _positive(term):
            return ""
        return " + 0.0"

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
            *(self.total(own, self._zero(tree)) for own, tree in each.sums),
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
            *(self.total(own, self._zero(tree)) for own, tree in each.sums),
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


def _positive(term: Tree) -> bool:
    """Whether a term is never -0: a square, a size, or a sum with one."""
    if term.op == "multiply":
        return term.args[0] == term.args[1]
    return term.op == "abs" or (term.op == "add" and any(map(_positive, term.args)))
