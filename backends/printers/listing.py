"""A rule as a listing: what any language has to say to compute one step, in order.

Values that are used once are written where they are used, so that the formula can be read; what
the paper names (m̂, v̂) keeps its name. The operations and their order are the trace's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from wdref.engine.half_precision import Kernel
from wdref.rules.contract import Rule

from ..element import Element, Statement, element
from ..trace import trace
from . import host
from .expression import Tree, name, number, ops

NAMED = {"bias1": "m_hat", "bias2": "v_hat"}


@dataclass(frozen=True)
class Line:
    """``target = tree``; `array` says whether the target is an array's element or a new name."""

    target: str
    tree: Tree
    array: bool


@dataclass(frozen=True)
class Listing:
    """One step of a dialect on arrays of `dtype`.

    `scalars` are computed once a step in float64 and rounded once to `dtype`; `lines` once an
    element. Leaves of a line are arrays (theta, g, the slots), scalars and the names before it.
    """

    dialect: Rule
    dtype: str
    arrays: tuple[str, ...]
    scalars: tuple[tuple[str, Tree], ...]
    lines: tuple[Line, ...]

    @property
    def ops(self) -> frozenset[str]:
        """Every operation on elements, so that a language may bring the functions it lacks."""
        return frozenset().union(*(ops(line.tree) for line in self.lines))

    @property
    def inputs(self) -> frozenset[str]:
        """The names that the host's scalars read: hyperparameters, t, eta, eta_before."""
        found = {leaf for _, tree in self.scalars for leaf in _names(tree)}
        chosen = any("first" in ops(tree) for _, tree in self.scalars)
        return frozenset(found | {"t"} if chosen else found)

    @property
    def running(self) -> tuple[Any, ...]:
        """The running products of the host, of which a step takes the values before it."""
        return tuple(getattr(self.dialect, "running", ()))

    @property
    def hyper(self) -> tuple[str, ...]:
        """The hyperparameters that are read, in the dialect's order."""
        return tuple(key for key in self.dialect.hyper if key in self.inputs)


def listing(dialect: Rule, dtype: str, /) -> Listing:
    """Trace the dialect and put its statements into words."""
    formulas = host.scalars(dialect)
    kernel = Kernel(dialect)
    dtypes = (dtype,) * (2 + len(kernel.slots))
    kind: Any = type(dialect.scalars(dict.fromkeys(dialect.hyper, 0.5), 1, 1.0))
    present = tuple(key in formulas for key in kind._fields)
    found = element(trace(kernel, dtypes, kind, present))
    arrays = ("theta", "g", *kernel.slots)
    return _Lister(found, arrays, formulas).run(dialect, dtype)


@dataclass
class _Lister:
    element: Element
    arrays: Sequence[str]
    formulas: dict[str, Tree]
    trees: dict[str, Tree] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)

    def run(self, dialect: Rule, dtype: str) -> Listing:
        scalars = tuple(self._scalars())
        for k, own in enumerate(self.arrays):
            self.trees[f"x{k}"] = name(own)
        for i, statement in enumerate(self.element.statements):
            if self._uses(statement.target) or statement.target in self.element.stores:
                self._statement(i, statement)
        kept = [self.arrays[0], *self.arrays[2:]]
        for own, store in zip(kept, self.element.stores, strict=True):
            if self.trees[store] != name(own):
                self.lines.append(Line(own, self.trees[store], array=True))
        return Listing(dialect, dtype, tuple(self.arrays), scalars, tuple(self.lines))

    def _scalars(self) -> list[tuple[str, Tree]]:
        found = []
        for k, (i, _) in enumerate(self.element.scalars):
            node = self.element.program.nodes[i]
            own = node.name if node.op == "scalar" else f"s{k}"
            self.trees[f"s{k}"] = name(own)
            found.append((own, self._weak(i)))
        return found

    def _weak(self, i: int) -> Tree:
        node = self.element.program.nodes[i]
        if node.op == "scalar":
            return self.formulas[node.name]
        if node.op == "constant":
            return number(node.name)
        return Tree(node.op, tuple(map(self._weak, node.args)))

    def _statement(self, i: int, s: Statement) -> None:
        tree = Tree(s.op, tuple(self.trees[a] for a in s.args))
        self.trees[s.target] = tree
        stored = self._stored(i, s.target)
        known = self._known(s)
        kept = s.target in self.element.stores  # but not yet: its old value is still read
        if stored or known or kept or self._uses(s.target) > 1:
            target = stored or known or f"t{len(self.lines)}"
            self.lines.append(Line(target, tree, array=bool(stored)))
            self.trees[s.target] = name(target)

    def _known(self, s: Statement) -> str | None:
        """Return the paper's name of a corrected moment, or of the gradient with its L2 term."""
        leaves = _names(self.trees[s.target])
        if s.op == "divide" and self.trees[s.args[1]].leaf in NAMED:
            return NAMED[self.trees[s.args[1]].leaf]
        if s.op == "add" and leaves == {"g", "l2", "theta"}:
            return "gradient"
        return None

    def _uses(self, target: str) -> int:
        return sum(s.args.count(target) for s in self.element.statements)

    def _stored(self, i: int, target: str) -> str | None:
        """Return the array whose new value this is, if its old one is read no more."""
        kept = [self.arrays[0], *self.arrays[2:]]
        places = [f"x{self.arrays.index(own)}" for own in kept]
        for own, place, store in zip(kept, places, self.element.stores, strict=True):
            late = any(place in s.args for s in self.element.statements[i + 1 :])
            late = late or any(name(own).leaf in _names(tree) for tree in self._pending(i))
            late = late or (place in self.element.stores and place != store)
            if store == target and not late:
                return own
        return None

    def _pending(self, i: int) -> list[Tree]:
        """Trees not yet written down that a later statement will write."""
        later = {a for s in self.element.statements[i + 1 :] for a in s.args}
        return [self.trees[s.target] for s in self.element.statements[:i] if s.target in later]


def _names(tree: Tree) -> set[str]:
    return {tree.leaf} if tree.op == "name" else set().union(*map(_names, tree.args))
