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
from dataclasses import asdict, dataclass
from functools import cache, partial
from itertools import combinations
from math import sqrt
from typing import Any, NamedTuple

import numpy as np

from ...conventions import conventions
from ...rules.decay import SHIPPED
from ...rules.registry import families
from ...sums import alone
from ..cases.shapes import ranks
from ..cases.suite import regimes
from ..judge.verdict import judge
from ..targets.targets import Result
from .detection import plainly
from .reached import Line, lines_run, statement

SHARED = {"wdref.rules.decay": ("coefficients", "read", "clipped")}  # of every family


def subjects() -> dict[str, tuple[str, ...]]:
    """Return the functions that are spoiled, by module."""
    own = {m: names for family in families().values() for m, names in family.subjects.items()}
    return {**own, **SHARED}


OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
}  # fmt: skip
REGIMES = ("exaggerated", "bursts", "sparse", "first", "eps-rules")
SHAPED = ("tall", "cube")  # of rules that keep numbers of rows and columns
# For what survives the rest: a first step beyond its bounds, norms and a decay of 0; and with these
# all cases at a bound of a hyperparameter.
BRANCHES = ("rate-2", "origin", "no-decay")


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


def score(modules: Sequence[str] = ()) -> Score:
    """Spoil every subject in every place and count what the suite catches."""
    total, survivors = 0, []
    for module in modules or subjects():
        for site, spoiled in mutations(module):
            total += 1
            if not is_caught(site, spoiled):
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
    lines, functions = source.splitlines(), subjects()[module]
    count = len(list(_places(ast.parse(source), functions)))
    for index in range(count):
        tree = ast.parse(source)
        line, change, apply = list(_places(tree, functions))[index]
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
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
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


def is_caught(site: Site, spoiled: types.ModuleType) -> bool:
    """Whether the spoiled copy deviates, or cannot run, on some case of some dialect."""
    lines = statement(site.module, site.line)
    return any(_differs(d, subject, case, right)
               for names in (REGIMES, BRANCHES) for d, subject in _spoiled(site.module, spoiled)
               if lines & _suite(d, names).lines
               for case, right in _suite(d, names).asked)  # fmt: skip


def _differs(dialect: Any, subject: Any, case: Any, right: Any) -> bool:
    try:
        values = plainly(subject, case)
    except Exception:  # a rule that cannot run is caught
        return True
    if np.array_equal(values, right, equal_nan=True):
        return False
    verdict = judge(dialect, case, Result("ok", values), excuse=False).verdict
    return verdict not in ("conforms", "undecided")


@dataclass(frozen=True)
class _Spoiled:
    """A dialect whose rule is that of a spoiled module."""

    base: Any
    apply: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.base, name)


def _spoiled(module: str, spoiled: types.ModuleType) -> Iterator[tuple[Any, Any]]:
    """Yield each dialect that reads the module, and the same one spoiled."""
    copies = dict[str, types.ModuleType]()
    for dialect in dialects(module):
        own = type(dialect).__module__
        asks = dialect.scope != "element"
        # of the paper's own function
        name = getattr(dialect.rounds if asks else dialect.apply, "__name__", "")
        if module == own:
            yield dialect, getattr(spoiled, type(dialect).__name__)(**asdict(dialect))
        elif module in SHARED:
            copy = copies.get(own) or copies.setdefault(own, _copy(own, module, spoiled))
            yield dialect, getattr(copy, type(dialect).__name__)(**asdict(dialect))
        elif name in subjects()[module]:
            own_rule = getattr(spoiled, name)
            yield dialect, _Spoiled(dialect, partial(alone, own_rule) if asks else own_rule)


def _copy(own: str, module: str, spoiled: types.ModuleType) -> types.ModuleType:
    """A family's module on the spoiled functions that all families share."""
    copy = types.ModuleType(own)
    copy.__package__ = own.rpartition(".")[0]
    exec(inspect.getsource(importlib.import_module(own)), vars(copy))
    vars(copy).update({name: getattr(spoiled, name) for name in SHARED[module]})
    return copy


class _Suite(NamedTuple):
    """Cases with what the rule itself gives, which conforms, and the lines that it runs there."""

    asked: list[tuple[Any, Any]]
    lines: set[Line]


@cache
def _suite(dialect: Any, names: tuple[str, ...]) -> _Suite:
    found = regimes(dialect.family, dialect, "float64")
    bounds = names == BRANCHES
    asked = [x for x in found if x.id.split("/")[0] in names or (bounds and "bound" in x.flags)]
    if "row" in dialect.shapes and not bounds:
        shaped = ranks(dialect.family, dialect, "float64")
        asked += [x.parts()[0] for x in shaped if x.id.split("/")[0] in SHAPED]
    with lines_run() as lines:
        right = [(case, plainly(dialect, case)) for case in asked]
    return _Suite(right, lines)


@cache
def dialects(module: str) -> tuple[Any, ...]:
    """Return dialects that reach every line: every pair of answers, every change of a program's.

    Of the forms that few programs ship one of each family is enough: their lines are all families'.
    """
    mine = [f for f in families().values() if module in f.subjects or module in SHARED]
    pairs = (d for family in mine for clip in (False, True) for d in _pairs(family, clip))
    known = dict.fromkeys((*pairs, *(d for family in mine for d in _changed(family))))
    rare = {(d.family, d.form): d for d in reversed(known) if d.form in SHIPPED}
    return tuple(d for d in known if d.form not in SHIPPED or d is rare[d.family, d.form])


def _changed(family: Any) -> Iterator[Any]:
    known = (rules for rules in conventions().values())
    for d in dict.fromkeys(d for rules in known for d in rules.values()):
        if d.family == family.name:
            yield from (d.answered(**{name: answer}) for name, answers in d.questions().items()
                        if name != "clip" for answer in answers)  # fmt: skip


def _pairs(family: Any, clip: bool) -> Iterator[Any]:
    seen = set[Any]()
    for d in family.dialect.every(clip=clip, twins=True):
        new = set(combinations(asdict(d).items(), 2)) - seen
        if new:
            seen |= new
            yield d
