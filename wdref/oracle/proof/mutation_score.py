"""Mechanical mutants: the project's own rules, spoiled one place at a time, against the suite.

Every arithmetic operator, operand order, number, index and scalar of the rules and of the
functions that compute scalars is replaced in turn. The share that the suite catches, with its
interval, says how much the suite sees; each survivor is read: it is the same function, or the
suite must grow.
"""

import ast
import importlib
import inspect
import types
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from math import sqrt
from typing import Any

from ...dialects import AdamDialect, AdamScalars, MomentumDialect, MomentumScalars
from ..cases.suite import regimes
from ..judge.verdict import judge
from ..targets.targets import Result
from .detection import plainly

# module, the functions that are spoiled
SUBJECTS = {
    "wdref.rules.sgd": ("sgd",),
    "wdref.rules.adam": ("adam",),
    "wdref.rules.sgd_dialect": ("sgd_dialect", "_gradient", "clip"),
    "wdref.rules.adam_dialect": ("adam_dialect", "_corrected", "_denominator"),
    "wdref.dialects": ("scalars", "_weight", "_eps", "_decay", "_correction", "_read"),
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
}  # fmt: skip
FIELDS = (*AdamScalars._fields, *MomentumScalars._fields)
REGIMES = ("exaggerated", "bursts", "sparse", "first", "eps-rules")


@dataclass(frozen=True)
class Site:
    """One change: where it stands and what it does."""

    module: str
    line: int
    change: str
    source: str


@dataclass(frozen=True)
class Score:
    """Mutation score with its 95 % Wilson interval, and the survivors."""

    total: int
    killed: int
    low: float
    high: float
    survivors: tuple[Site, ...]


def score(subjects: Sequence[str] = tuple(SUBJECTS)) -> Score:
    """Spoil every subject in every place and count what the suite catches."""
    total, survivors = 0, []
    for module in subjects:
        for site, spoiled in mutations(module):
            total += 1
            if not is_caught(module, spoiled):
                survivors.append(site)
    return Score(total, total - len(survivors), *wilson(total - len(survivors), total),
                 tuple(survivors))  # fmt: skip


def wilson(hits: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """95 % interval of a share, after Wilson (1927)."""
    p = hits / total
    centre = (p + z * z / (2 * total)) / (1 + z * z / total)
    half = z * sqrt(p * (1 - p) / total + z * z / (4 * total * total)) / (1 + z * z / total)
    return centre - half, centre + half


def mutations(module: str) -> Iterator[tuple[Site, types.ModuleType]]:
    """Yield every spoiled copy of `module`."""
    source = inspect.getsource(importlib.import_module(module))
    lines = source.splitlines()
    count = len(list(_places(ast.parse(source), SUBJECTS[module])))
    for index in range(count):
        tree = ast.parse(source)
        line, change, apply = list(_places(tree, SUBJECTS[module]))[index]
        apply()
        spoiled = types.ModuleType(module)
        spoiled.__package__ = module.rpartition(".")[0]
        exec(compile(ast.fix_missing_locations(tree), module, "exec"), vars(spoiled))
        yield Site(module, line, change, lines[line - 1].strip()), spoiled


def _places(tree: ast.Module, functions: Sequence[str]) -> Iterator[tuple[int, str, Any]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name in functions:
            for statement in node.body:
                for inner in ast.walk(statement):
                    yield from _changes(inner)


def _changes(node: ast.AST) -> Iterator[tuple[int, str, Any]]:
    """Yield (line, what changes, the change itself) for one node."""
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        new = OPERATORS[type(node.op)]
        yield node.lineno, f"{type(node.op).__name__} to {new.__name__}", _setter(node, "op", new())
        if isinstance(node.op, ast.Sub | ast.Div | ast.Pow):
            yield node.lineno, f"operands of {type(node.op).__name__}", _swapper(node)
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        more = node.value + 1
        if not isinstance(node.value, bool):  # 2 is as true as True
            yield node.lineno, f"{node.value} to {more}", _setter(node, "value", more)
    if isinstance(node, ast.Attribute) and node.attr in FIELDS and isinstance(node.ctx, ast.Load):
        for other in ("step", "beta1", "eps"):
            if other != node.attr and isinstance(node.value, ast.Name) and node.value.id == "s":
                yield node.lineno, f"s.{node.attr} to s.{other}", _setter(node, "attr", other)
    if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.Gt):
        yield node.lineno, "comparison reversed", _setter(node, "ops", [ast.NotEq()])


def _setter(node: ast.AST, name: str, value: Any) -> Any:
    return lambda: setattr(node, name, value)


def _swapper(node: ast.BinOp) -> Any:
    def swap() -> None:
        node.left, node.right = node.right, node.left

    return swap


def is_caught(module: str, spoiled: types.ModuleType) -> bool:
    """Whether the spoiled copy deviates, or cannot run, on some case of some dialect."""
    for dialect in DIALECTS:
        subject = _spoil(dialect, module, spoiled)
        if subject is None:
            continue
        for case in _suite(dialect):
            try:
                values = plainly(subject, case)
            except Exception:  # a rule that cannot run is caught
                return True
            if judge(dialect, case, Result("ok", values)).verdict not in ("conforms", "undecided"):
                return True
    return False


@dataclass(frozen=True)
class _Spoiled:
    """A dialect whose rule or whose scalars are those of a spoiled module."""

    slots: tuple[str, ...]
    apply: Any
    scalars: Any


def _spoil(dialect: Any, module: str, spoiled: types.ModuleType) -> Any:
    if module == "wdref.dialects":
        twin = getattr(spoiled, type(dialect).__name__)(**asdict(dialect))
        return _Spoiled(dialect.slots, dialect.apply, twin.scalars)
    name = module.rpartition(".")[2]
    rule = dialect.apply
    if getattr(rule, "func", rule).__name__ != name:
        return None
    own = getattr(spoiled, name)
    apply = (lambda *args: own(dialect, *args)) if name.endswith("_dialect") else own
    return _Spoiled(dialect.slots, apply, dialect.scalars)


def _suite(dialect: Any) -> list[Any]:
    found = regimes(dialect.family, dialect, "float64")
    return [case for case in found if case.id.split("/")[0] in REGIMES]


def _dialects() -> Iterator[Any]:
    """Dialects that reach every line of the subjects."""
    for form in ("l2", "paper", "lr", "fixed", "initial_lr", "scaled_l2", "none"):
        yield MomentumDialect(form=form)
        yield AdamDialect(form=form)
        yield AdamDialect(form=form, eps="hat", bias="ahead")
    adam, sgd = AdamDialect(form="lr"), MomentumDialect(form="lr", lr="outside")
    yield from (replace(adam, eps=eps) for eps in ("inside", "both", "clamp"))
    yield from (replace(adam, bias=b) for b in ("none", "first", "behind", "in_place"))
    yield from (replace(adam, amsgrad=a, order="after") for a in ("raw", "hat"))
    yield replace(adam, amsgrad="raw", bias="in_place")
    yield replace(adam, schedule="late")
    yield from (AdamDialect(form="l2", clip=c) for c in ("sum", "gradient"))
    yield from (AdamDialect(form="scaled_l2", amsgrad=a, eps="hat") for a in ("raw", "hat"))
    yield AdamDialect(form="scaled_l2", bias="in_place")
    yield AdamDialect(form="scaled_l2", bias="behind", eps="hat")
    yield from (replace(sgd, order=order, nesterov=True) for order in ("together", "after"))
    yield replace(sgd, damping="dampening", first="gradient")
    yield replace(sgd, lr="inside", damping="ema", nesterov=True, schedule="late")
    yield replace(sgd, buffer=False)
    l2 = MomentumDialect(form="l2", lr="outside")
    yield from (replace(l2, nesterov=n) for n in ("twice", "reread"))
    yield from (replace(l2, clip=c) for c in ("sum", "gradient"))


DIALECTS = tuple(_dialects())
