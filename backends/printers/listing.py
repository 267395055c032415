"""A rule as a listing: what any language has to say to compute one step, in order.

Values that are used once are written where they are used, so that the formula can be read; what
the paper names (m̂, v̂) keeps its name. The operations and their order are the trace's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from wdref.engine.half_precision import Kernel
from wdref.rules.contract import Rule
from wdref.sums import Over

from ..tracing.element import Element, Statement, element
from ..tracing.phases import Round, needed, phases, sum_name, sum_names
from ..tracing.trace import TraceError, trace
from . import host
from .expression import Tree, name, names, number, ops

HOSTED = {"quotient": "divide", "where": "select"}  # of numbers: languages divide by IEEE 754
NAMED = {"bias1": "m_hat", "bias2": "v_hat"}


@dataclass(frozen=True)
class Line:
    """``target = tree``; `array` says whether the target is an array's element or a new name."""

    target: str
    tree: Tree
    array: bool


@dataclass(frozen=True)
class Summing:
    """A round of a rule that asks for sums: its scalars and lines, and each sum with its term.

    `counts` are the names of what is the number of elements; `over` says of what all are.
    """

    scalars: tuple[tuple[str, Tree], ...]
    lines: tuple[Line, ...]
    sums: tuple[tuple[str, Tree], ...]
    counts: tuple[str, ...] = ()
    over: Over = "tensor"


@dataclass(frozen=True)
class Listing:
    """One step of a dialect on arrays of `dtype`.

    `scalars` are computed once a step in float64 and rounded once to `dtype`; `lines` once an
    element. Leaves of a line are arrays (theta, g, the slots), scalars and the names before it.
    `rounds` come first, and their sums are scalars after them. `numbers` are the slots of one
    number, which the host reads and writes, with their new values.
    """

    dialect: Rule
    dtype: str
    arrays: tuple[str, ...]
    scalars: tuple[tuple[str, Tree], ...]
    lines: tuple[Line, ...]
    rounds: tuple[Summing, ...] = ()
    numbers: tuple[tuple[str, Tree], ...] = ()

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
        return (*self.arrays, *(x for x, _ in self.numbers if not self.tree or x in self.late))

    @property
    def shared(self) -> tuple[str, ...]:
        """The slots of one number that all tensors of a tree share."""
        return tuple(x for x, _ in self.numbers if x not in self.fields)

    @property
    def ops(self) -> frozenset[str]:
        """Every operation on elements, so that a language may bring the functions it lacks."""
        lines = [line for each in self.rounds for line in each.lines] + [*self.lines]
        terms = [tree for each in self.rounds for _, tree in each.sums]
        return frozenset().union(*(ops(tree) for tree in (*(x.tree for x in lines), *terms)))

    @property
    def hosted(self) -> tuple[tuple[str, Tree], ...]:
        """Everything that the host computes, with its name."""
        rounds = tuple(pair for each in self.rounds for pair in each.scalars)
        return (*rounds, *self.scalars, *self.numbers)

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
        return tuple(key for key in self.dialect.hyper if key in self.inputs)


def listing(dialect: Rule, dtype: str, /) -> Listing:
    """Trace the dialect and put its statements into words.

    Raises ValueError for a rule that no program can be: one that sums along rows and columns, or
    asks for what has no operation with one right answer.
    """
    kernel = Kernel(dialect)
    if {"row", "column"} & set(kernel.shapes):
        raise ValueError(
            f"{dialect.family} is not printed: sums along rows and columns are no part of a program"
        )
    formulas = host.scalars(dialect)
    kind: Any = type(dialect.scalars(dict.fromkeys(dialect.hyper, 0.5), 1, 1.0))
    present = tuple(key in formulas for key in kind._fields)
    if kernel.scope != "element":
        return _in_rounds(dialect, dtype, kernel, kind, present, formulas)
    dtypes = (dtype,) * (2 + len(kernel.slots))
    try:
        found = element(trace(kernel, dtypes, kind, present))
    except TraceError as error:
        raise ValueError(f"{dialect.family} is not printed: {error}") from None
    arrays = ("theta", "g", *kernel.slots)
    scalars, lines = _Lister(found, arrays, formulas).run()
    return Listing(dialect, dtype, arrays, scalars, lines)


def _in_rounds(
    dialect: Rule, dtype: str, kernel: Kernel, kind: Any, present: Any, formulas: dict[str, Tree]
) -> Listing:
    like = [name for name, own in zip(kernel.slots, kernel.shapes, strict=True) if own == "like"]
    single = [x for x in kernel.slots if x not in like]
    try:
        plan = phases(kernel, (dtype,) * (2 + len(like)), kind, present)
    except TraceError as error:
        raise ValueError(f"{dialect.family} is not printed: {error}") from None
    arrays = ("theta", "g", *like)
    exact = (*single, *sum_names(plan))
    formulas = {**formulas, **{x: name(x) for x in exact}}
    parts = [(i, each, over) for i, each in enumerate(plan.rounds)
             for over in dict.fromkeys(each.over)]  # fmt: skip
    rounds = [_summing(*part, arrays, formulas, exact) for part in parts]
    scalars, lines = _Lister(element(plan.last), arrays, formulas, exact).run()
    own = _Lister(element(plan.numbers), arrays, formulas, exact)
    numbers = tuple((x, own.weak(i)) for x, i in zip(single, plan.numbers.outputs, strict=True))
    return Listing(dialect, dtype, arrays, scalars, lines, tuple(rounds), numbers)


def _summing(
    i: int, each: Round, over: Over, arrays: Sequence[str], formulas: dict[str, Tree],
    exact: Sequence[str],
) -> Summing:  # fmt: skip
    """What a round sums over `over`."""
    own = [k for k, x in enumerate(each.over) if x == over]
    summed = [k for k, counted in enumerate(each.counts) if not counted]
    outputs = [x for k, x in zip(summed, each.program.outputs, strict=True) if k in own]
    program = needed(each.program.nodes, outputs, each.program.fields, terms=True)
    scalars, lines, terms = _Lister(element(program), arrays, formulas, exact).terms()
    sums = zip((sum_name(i, k) for k in summed if k in own), terms, strict=True)
    counts = tuple(sum_name(i, k) for k in own if each.counts[k])
    return Summing(scalars, lines, tuple(sums), counts, over)


@dataclass
class _Lister:
    element: Element
    arrays: Sequence[str]
    formulas: dict[str, Tree]
    unrounded: Sequence[str] = ()
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
            own = node.name if node.op == "scalar" else f"s{k}"
            # a sum, or a slot of one number, has a name already that is not rounded
            own = f"s{k}" if own in self.unrounded else own
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
