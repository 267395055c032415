"""The host's scalars of a dialect as formulas in its hyperparameters, the step and the schedule.

They are recorded by calling `dialect.scalars` itself on symbols, so that what is printed for
another language is what wdref computes.
"""

import operator
from collections.abc import Callable
from typing import Any

from wdref.rules.contract import Rule

from .expression import Tree, name, number, ops

FOLD: dict[str, Callable[[Any, Any], Any]] = {"add": operator.add, "subtract": operator.sub,
                                              "multiply": operator.mul}  # fmt: skip


class Host:
    """Stands for a Python float while the host's scalars are recorded."""

    __slots__ = ("tree",)

    def __init__(self, tree: Tree) -> None:
        self.tree = tree

    @staticmethod
    def constant(value: float) -> "Host":
        """Record `value` itself (see `wdref.rules.choice`)."""
        return Host(number(value))

    def __bool__(self) -> bool:
        return True  # "count > 0": the first step, where it may not hold, is recorded by itself

    def __neg__(self) -> "Host":
        return Host(Tree("negative", (self.tree,)))

    def between(self, yes: Any, no: Any) -> "Host":
        """Record a choice by this comparison (see `wdref.rules.choice`)."""
        return Host(Tree("select", (self.tree, _tree(yes), _tree(no))))


def _operator(op: str) -> tuple[Callable[..., Host], Callable[..., Host]]:
    def forward(self: Host, other: Any) -> Host:
        return Host(_apply(op, self.tree, _tree(other)))

    def backward(self: Host, other: Any) -> Host:
        return Host(_apply(op, _tree(other), self.tree))

    return forward, backward


def _comparison(op: str) -> Callable[..., Host]:
    return lambda self, other: Host(Tree(op, (self.tree, _tree(other))))


for _op, _method in {"less": "lt", "less_equal": "le", "greater": "gt",
                     "greater_equal": "ge"}.items():  # fmt: skip
    setattr(Host, f"__{_method}__", _comparison(_op))


def _raised(self: Host, other: Any) -> Host:
    """x^n: "power" for whole n, which are t and what is counted from it, else "real_power"."""
    exponent = _tree(other)
    whole = ops(exponent) <= {"name", "number", "add", "subtract"} and exponent.op != "name"
    op = "power" if whole or exponent == name("t") else "real_power"
    return Host(_apply(op, self.tree, exponent))


for _op, _method in {"add": "add", "subtract": "sub", "multiply": "mul", "divide": "truediv",
                     "remainder": "mod"}.items():  # fmt: skip
    _forward, _backward = _operator(_op)
    setattr(Host, f"__{_method}__", _forward)
    setattr(Host, f"__r{_method}__", _backward)


setattr(Host, "__pow__", _raised)  # noqa: B010  # as those above


def scalars(dialect: Rule, /) -> dict[str, Tree]:
    """Return a formula for each scalar that the rule reads.

    Leaves are the names of the hyperparameters, `t`, `eta`, `eta_before` and those of the running
    products before the step; the op "select"
    chooses by a comparison, "first" between the first step and the others.
    """
    running = [r.name for r in getattr(dialect, "running", ())]
    h = {key: Host(name(key)) for key in (*dialect.hyper, *running)}
    eta = Host(name("eta"))
    later = dialect.scalars(h, Host(name("t")), eta, before=Host(name("eta_before")), sqrt=_sqrt)  # type: ignore[arg-type]  # a symbol for t
    first = dialect.scalars(h, 1, eta, sqrt=_sqrt)
    pairs = zip(later._fields, later, first, strict=True)
    return {key: _either(_tree(a), _tree(b)) for key, a, b in pairs if a is not None}


def _either(later: Tree, first: Tree) -> Tree:
    return later if _at_first(later) == first else Tree("first", (first, later))


def _at_first(tree: Tree) -> Tree:
    """Put t = 1."""
    if tree == name("t"):
        return number(1)
    args = tuple(map(_at_first, tree.args))
    return _apply(tree.op, *args) if len(args) == 2 else Tree(tree.op, args, tree.leaf)


def _apply(op: str, a: Tree, b: Tree) -> Tree:
    """Fold what is known of the step's number: t + 0, and numbers alone."""
    if op in FOLD and a.op == b.op == "number":
        return number(FOLD[op](a.leaf, b.leaf))
    if op in ("add", "subtract") and b == number(0):
        return a
    if op == "add" and b.op == "number" and b.leaf < 0:
        return Tree("subtract", (a, number(-b.leaf)))
    return Tree(op, (a, b))


def _tree(x: Any) -> Tree:
    return x.tree if isinstance(x, Host) else number(x)


def _sqrt(x: Any) -> Host:
    return Host(Tree("sqrt", (_tree(x),)))
