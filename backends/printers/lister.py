"""A program as lines that can be read: values that are used once stand where they are used.

What the paper names (m̂, v̂) keeps its name. The operations and their order are the trace's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..tracing.element import Element, Statement
from .expression import Tree, name, names, number
from .parts import Line

HOSTED = {"quotient": "divide", "where": "select"}  # of numbers: languages divide by IEEE 754
NAMED = {"bias1": "m_hat", "bias2": "v_hat"}


@dataclass
class Lister:
    """Lists an element's statements over named arrays, with the formulas of the host's scalars."""

    element: Element
    arrays: Sequence[str]
    formulas: dict[str, Tree]
    unrounded: Sequence[str] = ()
    first: int = 0  # of the scalars that have no name, where others stand beside them
    trees: dict[str, Tree] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)

    def run(self) -> tuple[tuple[tuple[str, Tree], ...], tuple[Line, ...]]:
        """Return the scalars and the lines of a step."""
        scalars = self._statements()
        kept = [self.arrays[0], *self.arrays[2:]]
        for own, store in zip(kept, self.element.stores, strict=True):
            if self.trees[store] != name(own):
                self.lines.append(Line(own, self.trees[store], array=True))
        return scalars, tuple(self.lines)

    def terms(self) -> tuple[tuple[tuple[str, Tree], ...], tuple[Line, ...], tuple[Tree, ...]]:
        """Return the scalars and the lines of a round, and the terms of its sums."""
        scalars = self._statements()
        return scalars, tuple(self.lines), tuple(self.trees[x] for x in self.element.stores)

    def _statements(self) -> tuple[tuple[str, Tree], ...]:
        scalars = tuple(self._scalars())
        for k, own in enumerate(self.arrays):
            self.trees[f"x{k}"] = name(own)
        for i, statement in enumerate(self.element.statements):
            if self._uses(statement.target) or statement.target in self.element.stores:
                self._statement(i, statement)
        return scalars

    def _scalars(self) -> list[tuple[str, Tree]]:
        found = []
        for k, (i, _) in enumerate(self.element.scalars):
            node = self.element.program.nodes[i]
            free = f"s{k + self.first}"
            own = node.name if node.op == "scalar" else free
            # a sum, or a slot of one number, has a name already that is not rounded
            own = free if own in self.unrounded else own
            self.trees[f"s{k}"] = name(own)
            found.append((own, self.weak(i)))
        return found

    def weak(self, i: int) -> Tree:
        """Return the formula of a number of the host."""
        node = self.element.program.nodes[i]
        if node.op == "scalar":
            return self.formulas[node.name]
        if node.op == "constant":
            return number(node.name)
        return Tree(HOSTED.get(node.op, node.op), tuple(map(self.weak, node.args)))

    def _statement(self, i: int, s: Statement) -> None:
        tree = Tree(s.op, tuple(self.trees[a] for a in s.args))
        self.trees[s.target] = tree
        stored = self._stored(i, s.target)
        known = self._known(s)
        # but not yet: its old value is still read; a term is written where it is added
        kept = s.target in self.element.stores and not self.element.program.terms
        if stored or known or kept or self._uses(s.target) > 1:
            target = stored or known or f"t{len(self.lines)}"
            self.lines.append(Line(target, tree, array=bool(stored)))
            self.trees[s.target] = name(target)

    def _known(self, s: Statement) -> str | None:
        """Return the paper's name of a corrected moment, or of the gradient with its L2 term."""
        leaves = names(self.trees[s.target])
        if s.op == "divide" and self.trees[s.args[1]].leaf in NAMED:
            return NAMED[self.trees[s.args[1]].leaf]
        if s.op == "add" and leaves == {"g", "l2", "theta"}:
            return "gradient"
        return None

    def _uses(self, target: str) -> int:
        return sum(s.args.count(target) for s in self.element.statements)

    def _stored(self, i: int, target: str) -> str | None:
        """Return the array whose new value this is, if its old one is read no more."""
        if self.element.program.terms:
            return None
        kept = [self.arrays[0], *self.arrays[2:]]
        places = [f"x{self.arrays.index(own)}" for own in kept]
        for own, place, store in zip(kept, places, self.element.stores, strict=True):
            late = any(place in s.args for s in self.element.statements[i + 1 :])
            late = late or any(name(own).leaf in names(tree) for tree in self._pending(i))
            late = late or (place in self.element.stores and place != store)
            if store == target and not late:
                return own
        return None

    def _pending(self, i: int) -> list[Tree]:
        """Trees not yet written down that a later statement will write."""
        later = {a for s in self.element.statements[i + 1 :] for a in s.args}
        return [self.trees[s.target] for s in self.element.statements[:i] if s.target in later]
