"""What a program does to one element: typed statements, and the scalars rounded on the host.

A compiled backend keeps one element in registers: it loads what the rule reads, evaluates the
statements in their order, and stores what the rule writes. numba's Python and CUDA C are two
printings of the same statements.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from wdref.rules.choice import larger, quotient, root, smaller

from .trace import WIDTH, Node, Program, TraceError

HOST = {"add": "{} + {}", "subtract": "{} - {}", "multiply": "{} * {}", "divide": "{} / {}",
        "negative": "-{}",
        # of numbers that follow from sums
        "quotient": "quotient({}, {})", "sqrt": "root({})", "abs": "abs({})",
        "where": "{1} if {0} else {2}", "maximum": "larger({}, {})", "minimum": "smaller({}, {})",
        "less": "{} < {}", "less_equal": "{} <= {}", "greater": "{} > {}",
        "greater_equal": "{} >= {}", "equal": "{} == {}", "not_equal": "{} != {}"}  # fmt: skip
# as `repr` writes them, and the functions of numbers
LITERALS: dict[str, Any] = {"inf": math.inf, "nan": math.nan, "quotient": quotient, "root": root,
                            "larger": larger, "smaller": smaller}  # fmt: skip


@dataclass(frozen=True)
class Statement:
    """``target = op(args)``, evaluated in `dtype`, that of the operands; `result` is the target's.

    Names: ``x0`` is theta, ``x1`` is g, ``x2`` … are the slots; ``s0`` … the scalars; ``t0`` … what
    was computed. The result of a comparison is a "bool".
    """

    target: str
    op: str
    args: tuple[str, ...]
    dtype: str
    result: str


@dataclass(frozen=True)
class Element:
    """A program as statements; ``stores[k]`` names the new value of theta (k = 0) or of slot k - 1.

    `scalars` has for ``s0``, ``s1``, … the node that computes it on the host and the dtype that it
    is rounded to, once, as NumPy rounds a Python float that meets an array.
    """

    program: Program
    loads: tuple[str, ...]  # dtypes of theta, g and the slots
    statements: tuple[Statement, ...]
    stores: tuple[str, ...]
    scalars: tuple[tuple[int, str], ...]

    def host(self, values: Sequence[Any]) -> list[float]:
        """Evaluate the scalars, in float64 and each rounded to its dtype, as Python floats."""
        with np.errstate(over="ignore"):  # beyond the dtype's range is infinity, as in the rule
            return self._host(*values)

    def host_entries(self, values: Sequence[Any], count: int) -> Any:
        """Evaluate scalars of which some are float64 arrays (count,): float64 (count, scalars)."""
        with np.errstate(all="ignore"):
            columns = self._host_arrays(*values)
        table = np.empty((count, len(columns)))
        for k, column in enumerate(columns):
            table[:, k] = column
        return table

    @cached_property
    def _host(self) -> Callable[..., list[float]]:
        return self._printed("float({dtype}({weak}))")

    @cached_property
    def _host_arrays(self) -> Callable[..., list[Any]]:
        return self._printed("{dtype}({weak})")

    @cached_property
    def numbers(self) -> Callable[..., list[float]]:
        """The outputs of a program of the host alone, as a function of the scalars."""
        weak = _weak(self.program)
        head = ", ".join(map(scalar_name, self.program.fields))
        results = ", ".join(f"float({weak[i]})" for i in self.program.outputs)
        computed: Callable[..., list[float]] = eval(f"lambda {head}: [{results}]", dict(LITERALS))
        return computed

    def _printed(self, template: str) -> Callable[..., list[Any]]:
        weak = _weak(self.program)
        results = ", ".join(template.format(dtype=dtype, weak=weak[i]) for i, dtype in self.scalars)
        names: Any = {dtype: np.dtype(dtype).type for _, dtype in self.scalars}
        head = ", ".join(map(scalar_name, self.program.fields))
        # printed once, our own text: to interpret the nodes took longer than a small step
        host: Callable[..., list[Any]] = eval(f"lambda {head}: [{results}]", {**LITERALS, **names})
        return host


def _weak(program: Program) -> dict[int, str]:
    """Print what the host computes: expressions of Python floats alone."""
    texts: dict[int, str] = {}
    for i, node in enumerate(program.nodes):
        if node.op == "scalar":
            texts[i] = scalar_name(node.name)
        elif node.op == "constant":
            texts[i] = f"({node.name!r})"
        elif node.dtype == "weak":
            texts[i] = f"({HOST[node.op].format(*(texts[a] for a in node.args))})"
    return texts


def scalar_name(name: str) -> str:
    """Name of a scalar in printed Python."""
    return f"s_{name}"


def element(program: Program) -> Element:
    """Give each node its statement; scalars that only the host computes have none."""
    return _Lowering(program).run()


class _Lowering:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.names: dict[int, str] = {}
        self.scalars: dict[tuple[int, str], str] = {}
        self.statements: list[Statement] = []

    def run(self) -> Element:
        loads: list[str] = []
        for i, node in enumerate(self.program.nodes):
            if node.op == "array":
                self.names[i] = f"x{len(loads)}"
                loads.append(node.dtype)
            elif node.dtype != "weak":
                self._statement(i, node)
        if self.program.terms:  # of the host alone there are none
            stores = [self.names[i] for i in self.program.outputs if i in self.names]
        else:
            kept = (loads[0], *loads[2:])  # what is written has the dtype of what it replaces
            stores = [self._stored(i, to) for i, to in zip(self.program.outputs, kept, strict=True)]
        return Element(
            self.program, tuple(loads), tuple(self.statements), tuple(stores), tuple(self.scalars)
        )

    def _stored(self, i: int, dtype: str) -> str:
        own = self.program.nodes[i].dtype
        if own not in WIDTH:
            raise TraceError(f"the rule returns a {own}: an array is needed")
        if own == dtype:
            return self.names[i]
        target = f"t{len(self.statements)}"
        self.statements.append(Statement(target, "cast", (self.names[i],), own, dtype))
        return target

    def _statement(self, i: int, node: Node) -> None:
        kinds = [self.program.nodes[a].dtype for a in node.args]
        typed = [kind for kind in kinds if kind not in ("weak", "bool")]
        dtype = typed[0] if typed else node.dtype  # a scalar alone is cast to the result's
        args = tuple(self._operand(a, dtype) for a in node.args)
        self.names[i] = f"t{len(self.statements)}"
        self.statements.append(Statement(self.names[i], node.op, args, dtype, node.dtype))

    def _operand(self, a: int, dtype: str) -> str:
        if self.program.nodes[a].dtype != "weak":
            return self.names[a]
        return self.scalars.setdefault((a, dtype), f"s{len(self.scalars)}")
