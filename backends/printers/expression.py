"""Formulas as trees, and how a language writes them down.

A tree is printed with as few brackets as its meaning allows and never fewer: operations are
rounded one by one, so that a different bracket is a different result.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

ATOM, UNARY, PRODUCT, SUM, COMPARISON, CHOICE = range(6)
LEVEL = {
    "add": SUM, "subtract": SUM, "multiply": PRODUCT, "divide": PRODUCT,
    "remainder": PRODUCT, "negative": UNARY,
    "less": COMPARISON, "less_equal": COMPARISON, "greater": COMPARISON,
    "greater_equal": COMPARISON, "equal": COMPARISON, "not_equal": COMPARISON,
    "where": CHOICE, "select": CHOICE, "first": CHOICE,
}  # fmt: skip
SIGNS = {
    "add": "{} + {}", "subtract": "{} - {}", "multiply": "{} * {}", "divide": "{} / {}",
    "negative": "-{}", "less": "{} < {}", "less_equal": "{} <= {}", "greater": "{} > {}",
    "greater_equal": "{} >= {}", "equal": "{} == {}", "not_equal": "{} != {}",
}  # fmt: skip


@dataclass(frozen=True)
class Tree:
    """``op(args)``; a leaf has the op "name" or "number" and says which."""

    op: str
    args: tuple["Tree", ...] = ()
    leaf: Any = None


def name(text: str, /) -> Tree:
    """Return a leaf that stands for what has this name."""
    return Tree("name", leaf=text)


def number(value: float, /) -> Tree:
    """Return a constant."""
    return Tree("number", leaf=value)


def ops(tree: Tree, /) -> set[str]:
    """Return every op of the tree, those of its leaves included."""
    return {tree.op}.union(*map(ops, tree.args))


def names(tree: Tree, /) -> set[str]:
    """Return the names that the tree's leaves stand for."""
    return {tree.leaf} if tree.op == "name" else set().union(*map(names, tree.args))


@dataclass(frozen=True)
class Writing:
    """A language's way to write a tree: a template for each op, and its names and numbers.

    ``wrap`` is put around the text of each operation; what it wraps needs no bracket. Operands of
    the ops in ``tight`` (casts, methods) are bracketed unless they are one word; those of other
    functions, and of ``enclosed`` ops, whose braces part them, never; of ``raised`` ops, whose
    exponent stands apart, the base alone.
    """

    templates: Mapping[str, str]
    names: Callable[[str], str] = str
    numbers: Callable[[float], str] = repr
    wrap: str | None = None
    bracket: str = "({})"
    tight: frozenset[str] = frozenset()
    enclosed: frozenset[str] = frozenset()
    raised: frozenset[str] = frozenset()
    level: Mapping[str, int] = field(default_factory=lambda: LEVEL)

    def __call__(self, tree: Tree, /) -> str:
        """Write the tree down."""
        return self._at(tree)[0]

    def _at(self, tree: Tree) -> tuple[str, int]:
        if tree.op == "name":
            return self.names(tree.leaf), ATOM
        if tree.op == "number":
            return self.numbers(tree.leaf), ATOM
        own = self.level.get(tree.op, ATOM)
        parts = [
            text if level <= allowed else self.bracket.format(text)
            for (text, level), allowed in zip(
                map(self._at, tree.args), self._allowed(tree.op, own), strict=False
            )
        ]
        text = self.templates[tree.op].format(*parts)
        rounded = self.wrap and own in (UNARY, PRODUCT, SUM)
        return (self.wrap.format(text), ATOM) if self.wrap and rounded else (text, own)

    def _allowed(self, op: str, own: int) -> tuple[int, int, int]:
        """The level up to which each operand needs no bracket."""
        if op in self.tight:
            return ATOM, ATOM, ATOM
        if op in self.raised:
            return ATOM, CHOICE, CHOICE
        if own == ATOM or op in self.enclosed:
            return CHOICE, CHOICE, CHOICE
        # a - (b - c), a / (b * c): the right operand is bracketed at the same level already
        return own, own - 1, own - 1
