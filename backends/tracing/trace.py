"""The trace: a kernel run once on symbols, recorded as the elementwise program it is.

A rule has no branch on data, so that one run on symbols shows every operation in order. Scalars are
inputs of the program: nothing is traced again when a hyperparameter or t changes. What is no
elementwise operation with one right answer raises `TraceError`, and the caller runs the rule plain.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from wdref.engine.half_precision import Kernel

HOST = ("weak", "number", "choice")  # dtypes of what the host computes: numbers, and comparisons
WIDTH = {"float16": 16, "bfloat16": 16, "float32": 32, "float64": 64}
ARITHMETIC = ("add", "subtract", "multiply", "divide", "negative")
COMPARISONS = ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal")


class TraceError(TypeError):
    """The rule does something that no elementwise program can hold."""


@dataclass(frozen=True)
class Node:
    """One operation: its name, the indices of its operands, and the dtype of its result."""

    op: str  # "array", "scalar", "constant", "cast", or an elementwise operation
    args: tuple[int, ...]
    dtype: str
    name: Any = None  # of an input; value of a constant


@dataclass(frozen=True)
class Program:
    """Operations in the order of the rule; `outputs` are the indices of theta and of the slots.

    `fields` are the names of the scalars that the rule takes, whether it reads them or not. The
    outputs of a program of `terms` are what a rule wants summed, and take no array's place.
    """

    nodes: tuple[Node, ...]
    outputs: tuple[int, ...]
    fields: tuple[str, ...]
    terms: bool = False

    def last_use(self) -> list[int]:
        """For each node the index of the last node that reads it; outputs are never dropped."""
        last = list(range(len(self.nodes)))
        for index, node in enumerate(self.nodes):
            for arg in node.args:
                last[arg] = index
        for index in self.outputs:
            last[index] = len(self.nodes)
        return last


@cache
def trace(
    kernel: Kernel, dtypes: tuple[str, ...], scalars: type, present: tuple[bool, ...]
) -> Program:
    """Record `kernel` for arrays of `dtypes` (theta, g, slots) and the scalars that are present."""
    recorder = Recorder()
    names = ("theta", "g", *kernel.slots)
    theta, g, *slots = (
        recorder.add("array", (), dtype, name) for name, dtype in zip(names, dtypes, strict=True)
    )
    fields: tuple[str, ...] = scalars._fields  # type: ignore[attr-defined]  # a NamedTuple
    values = (
        recorder.add("scalar", (), "weak", name) if there else None
        for name, there in zip(fields, present, strict=True)
    )
    new, new_slots = kernel(theta, g, slots, scalars(*values))
    return Program(tuple(recorder.nodes), tuple(x.index for x in (new, *new_slots)), fields)


class Recorder:
    """The operations of a rule that runs on symbols, in their order."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.namespace = Namespace(self)  # arrays that meet must name the very same object

    def add(self, op: str, args: tuple[int, ...], dtype: str, name: Any = None) -> "Symbol":
        """Record a node, and return its symbol."""
        self.nodes.append(Node(op, args, dtype, name))
        return Symbol(self, len(self.nodes) - 1)

    def apply(self, op: str, *operands: Any) -> "Symbol":
        """Record an operation."""
        symbols = [self.lift(op, x) for x in operands]
        dtypes = [x.dtype for x in symbols]
        if op == "where":
            if dtypes[0] not in ("bool", "choice"):
                raise TraceError(f"where needs a comparison as its condition, not {dtypes[0]}")
            host = "number" if dtypes[0] == "choice" else "weak"
            dtypes = [host if dtype == "weak" else dtype for dtype in dtypes[1:]]
            if host == "number" and not set(dtypes) <= {"number"}:
                raise TraceError("where of arrays by a comparison of numbers: choose a number")
        common = self._common(op, dtypes)
        result = common
        if op in COMPARISONS:
            result = "choice" if common == "number" else "bool"
        return self.add(op, tuple(x.index for x in symbols), result)

    def lift(self, op: str, x: Any) -> "Symbol":
        """Return the symbol of an operand, for a Python number a constant."""
        if isinstance(x, Symbol):
            return x
        if type(x) in (int, float):
            return self.add("constant", (), "weak", float(x))
        raise TraceError(f"{op} of a {type(x).__name__}: a rule may use arrays and Python floats")

    def _common(self, op: str, dtypes: Sequence[str]) -> str:
        arrays = {dtype for dtype in dtypes if dtype not in HOST[:2]}
        if "bfloat16" in arrays:
            raise TraceError(f"{op} on bfloat16: NumPy widens it, so cast to float32 first")
        if arrays & {"bool", "choice"}:
            raise TraceError(f"{op} of a comparison: choose with where instead")
        if len(arrays) > 1:
            raise TraceError(f"{op} of mixed dtypes {', '.join(sorted(arrays))}: cast first")
        if not arrays and "number" in dtypes:
            return "number"
        if not arrays and op not in ARITHMETIC:
            raise TraceError(f"{op} of scalars alone: compute it on the host, with the scalars")
        return arrays.pop() if arrays else "weak"


def _binary(op: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    def forward(self: "Symbol", other: Any) -> "Symbol":
        return self.recorder.apply(op, self, other)

    def backward(self: "Symbol", other: Any) -> "Symbol":
        return self.recorder.apply(op, other, self)

    return forward, backward


def _refuse(what: str) -> Callable[..., Any]:
    def method(self: "Symbol", *_: Any) -> Any:
        raise TraceError(f"{what} is no elementwise operation with one right answer: not traced")

    return method


def _compare(op: str) -> Callable[[Any, Any], Any]:
    return lambda self, other: self.recorder.apply(op, self, other)


class Symbol:
    """Stands for an array while a rule is traced."""

    __slots__ = ("index", "recorder")

    def __init__(self, recorder: Recorder, index: int) -> None:
        self.recorder, self.index = recorder, index

    @property
    def dtype(self) -> str:
        """Name of the dtype."""
        return self.recorder.nodes[self.index].dtype

    def __array_namespace__(self, *, api_version: str | None = None) -> "Namespace":
        """Return the functions that a rule may call."""
        return self.recorder.namespace

    __add__, __radd__ = _binary("add")
    __sub__, __rsub__ = _binary("subtract")
    __mul__, __rmul__ = _binary("multiply")
    __truediv__, __rtruediv__ = _binary("divide")
    __lt__, __le__ = _compare("less"), _compare("less_equal")
    __gt__, __ge__ = _compare("greater"), _compare("greater_equal")
    __eq__, __ne__ = _compare("equal"), _compare("not_equal")
    __hash__ = None  # type: ignore[assignment]  # as of arrays

    def __neg__(self) -> "Symbol":
        return self.recorder.apply("negative", self)

    def __abs__(self) -> "Symbol":
        return self.recorder.apply("abs", self)

    # -- numbers that follow from sums, which the host computes ---------------------------------

    def number(self) -> "Symbol":
        """Return a slot of one number, which is one already."""
        return self

    @staticmethod
    def constant(value: Any) -> Any:
        """Return a number as it is: it is recorded where it meets a symbol."""
        return value

    def sqrt(self) -> "Symbol":
        """Record √ of a number (see `wdref.rules.choice`)."""
        return self.recorder.apply("sqrt", self)

    def between(self, yes: Any, no: Any) -> "Symbol":
        """Record a choice by this comparison of numbers (see `wdref.rules.choice`)."""
        return self.recorder.apply("where", self, yes, no)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # asked by those who want to know what this is
            raise AttributeError(name)
        raise TraceError(f"an array's {name} is no part of an elementwise rule: not traced")


for _methods, _what in {
    ("pow", "rpow", "ipow"): "** (write g * g)",
    ("bool", "float", "int", "complex", "index"): "a branch on data",
    ("matmul", "rmatmul", "imatmul"): "@",
    ("getitem", "iter", "len"): "indexing",
    ("setitem", "iadd", "isub", "imul", "itruediv"): "writing in place (an input would change)",
    ("mod", "rmod", "imod", "floordiv", "rfloordiv", "ifloordiv"): "integer division",
    ("and", "rand", "or", "ror", "xor", "rxor", "invert"): "logic (nest two where)",
    ("pos",): "unary +",
}.items():
    for _method in _methods:
        setattr(Symbol, f"__{_method}__", _refuse(_what))


class Namespace:
    """The part of the Array API that a program can hold."""

    __name__ = __name__  # array_namespace wants one
    float16, bfloat16, float32, float64 = "float16", "bfloat16", "float32", "float64"
    _FUNCTIONS = ("sqrt", "abs", "sign", "negative", "where", "maximum", "minimum", "add",
                  "subtract", "multiply", "divide", *COMPARISONS)  # fmt: skip

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def astype(self, x: Symbol, dtype: str, /, *, copy: bool = True) -> Symbol:
        """Cast, rounding to nearest even; a cast to the same dtype is nothing."""
        if dtype not in WIDTH or x.dtype in HOST:
            raise TraceError(f"cast of {x.dtype} to {dtype}: not traced")
        return x if x.dtype == dtype else self._recorder.add("cast", (x.index,), dtype)

    def full_like(self, x: Symbol, value: Any, /) -> Symbol:
        """Repeat a scalar, rounded to the dtype of `x` here and not after more arithmetic."""
        scalar = self._recorder.lift("full_like", value)
        if x.dtype not in WIDTH or scalar.dtype not in HOST[:2]:
            raise TraceError(f"full_like of {x.dtype} with {scalar.dtype}: not traced")
        return self._recorder.add("cast", (scalar.index,), x.dtype)

    def __getattr__(self, name: str) -> Callable[..., Symbol]:
        if name not in self._FUNCTIONS:
            raise TraceError(
                f"{name} is no elementwise operation with one right answer: not traced"
            )
        return lambda *operands: self._recorder.apply(name, *operands)
