"""A program printed as CUDA C: one kernel that updates a whole table of tensors.

The text alone, without CuPy: what it compiles to is checked where there is no GPU. A block takes
one chunk of a tensor after another, a thread keeps its elements in registers: memory is read and
written once, 16 bytes at a time. Floating point is IEEE 754's, to nearest, each operation rounded
by itself: `OPTIONS` forbid the compiler fused multiply-adds, flushed subnormals and approximations.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..tracing.element import Element, Statement
from .text import DEVICE, ENTRIES, FUNCTIONS, RUN

OPTIONS = ("--std=c++17", "--fmad=false", "--ftz=false", "--prec-div=true", "--prec-sqrt=true")
PARAMETERS = 32_764  # bytes that a launch may pass by value: sm_70 and later, CUDA 12.1 and later
GROUPS = 32  # of scalars in one launch

MEMORY = {"float64": "double", "float32": "float", "float16": "Half", "bfloat16": "Half"}
SIZE = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2}
TEMPLATES = {
    "add": "{} + {}", "subtract": "{} - {}", "multiply": "{} * {}", "divide": "{} / {}",
    "negative": "-{}", "abs": "magnitude({})", "sqrt": "root({})", "sign": "signum({})",
    "where": "{} ? {} : {}", "less": "{} < {}", "less_equal": "{} <= {}", "greater": "{} > {}",
    "greater_equal": "{} >= {}", "equal": "{} == {}", "not_equal": "{} != {}",
    # a NaN is what differs from itself; of two zeros NumPy takes the second on x86 ...
    "maximum": "{0} > {1} || {0} != {0} ? {0} : {1}",
    "minimum": "{0} < {1} || {0} != {0} ? {0} : {1}",
}  # fmt: skip
# ... but of float16 the first
HALF_TEMPLATES = {
    "maximum": "{0} >= {1} || {0} != {0} ? {0} : {1}",
    "minimum": "{0} <= {1} || {0} != {0} ? {0} : {1}",
}
ROUNDED = ("add", "subtract", "multiply", "divide", "sqrt")  # what leaves the format of its inputs


@dataclass(frozen=True)
class Tuning:
    """What changes the speed and no bit: threads a block, elements a chunk, bytes a load.

    `parameters` are the bytes by value, which bound the tensors of a launch.
    """

    block: int = 256
    chunk: int = 4096
    vector: int = 16
    parameters: int = PARAMETERS


DEFAULT = Tuning()


@dataclass(frozen=True, eq=False)  # told apart by identity: the program would be hashed whole
class Printed:
    """A kernel as text, and how its arguments lie in memory.

    ``step(table, groups)`` takes both by value. ``replay(table, rows, count, ring)`` takes the
    scalars from device memory, row `count` modulo `ring`, so that a CUDA graph can be replayed.
    """

    element: Element
    tuning: Tuning = DEFAULT

    @cached_property
    def reads(self) -> tuple[int, ...]:
        """Indices among theta, g and the slots of the arrays that are read."""
        used = {name for s in self.element.statements for name in s.args}
        used |= set(self.element.stores)
        return tuple(k for k in range(len(self.element.loads)) if f"x{k}" in used)

    @property
    def writes(self) -> tuple[int, ...]:
        """Likewise of those written: theta and the slots."""
        return (0, *range(2, len(self.element.loads)))

    @cached_property
    def vector(self) -> int:
        """Elements that a thread takes at once: `tuning.vector` bytes of the narrowest array."""
        touched = {*self.reads, *self.writes}
        return max(1, self.tuning.vector // min(SIZE[self.element.loads[k]] for k in touched))

    @cached_property
    def scalars(self) -> np.dtype[Any]:
        """The scalars of one group."""
        kinds = [(f"s{k}", _kind(dtype)) for k, (_, dtype) in enumerate(self.element.scalars)]
        return np.dtype(kinds or [("none", "i4")], align=True)

    @cached_property
    def groups(self) -> np.dtype[Any]:
        """The scalars of all groups of a launch."""
        return np.dtype([("at", self.scalars, (GROUPS,))], align=True)

    @cached_property
    def capacity(self) -> int:
        """Tensors that one launch takes."""
        row = 8 * self._pointers + 16  # addresses, size, chunk, group
        return (self.tuning.parameters - self.groups.itemsize - 32) // row

    @cached_property
    def table(self) -> np.dtype[Any]:
        """Where the tensors of a launch are: `Table` in the source."""
        n = self.capacity
        return np.dtype(
            [("at", "u8", (self._pointers, n)), ("size", "i8", n), ("first", "i4", n + 1),
             ("group", "i4", n), ("tensors", "i4"), ("chunks", "i4")], align=True,
        )  # fmt: skip

    @cached_property
    def itemsizes(self) -> np.ndarray[Any, Any]:
        """Bytes an element of what is read, then of what is written."""
        return np.array([SIZE[self.element.loads[k]] for k in (*self.reads, *self.writes)], "u8")

    @property
    def _pointers(self) -> int:
        return len(self.reads) + len(self.writes)

    @cached_property
    def source(self) -> str:
        """The text."""
        return "\n".join(
            [DEVICE, FUNCTIONS, self._constants(), _element(self), _run(self), ENTRIES]
        )

    def _constants(self) -> str:
        fields = "".join(
            f" {'double' if self.scalars[name] == 'f8' else 'float'} {name};"
            for name in self.scalars.names or ()
            if name != "none"
        )
        return "\n".join(
            [
                f"constexpr int BLOCK = {self.tuning.block}, CHUNK = {self.tuning.chunk};",
                f"constexpr int VECTOR = {self.vector}, CAPACITY = {self.capacity};",
                f"constexpr int ARRAYS = {self._pointers}, GROUPS = {GROUPS};",
                f"struct Scalars {{{fields or ' int none;'} }};",
            ]
        )


def _kind(dtype: str) -> str:
    return "f8" if dtype == "float64" else "f4"


def _register(dtype: str) -> str:
    """Type of a value in a register: a half is kept as the float that it is equal to."""
    return {"float64": "double", "bool": "bool"}.get(dtype, "float")


def _element(p: Printed) -> str:
    """``element(s, x0, …, y0, …)``: the rule on one element of each array."""
    loads = p.element.loads
    heads = [
        "const Scalars& s",
        *(f"{_register(loads[k])} x{k}" for k in p.reads),
        *(f"{MEMORY[loads[k]]}& y{k}" for k in p.writes),
    ]
    lines = [f"    const {_register(s.result)} {s.target} = {_value(s)};"
             for s in p.element.statements]  # fmt: skip
    kinds = {f"x{k}": dtype for k, dtype in enumerate(loads)}
    kinds |= {s.target: s.result for s in p.element.statements}
    for k, name in zip(p.writes, p.element.stores, strict=True):
        rounded = _cast(name, kinds[name], loads[k])
        lines.append(f"    y{k} = {_stored(rounded, loads[k])};")
    head = f"INLINE void element({', '.join(heads)})"
    return "\n".join([head, "{", *lines, "}"])


def _value(s: Statement) -> str:
    args = [f"s.{name}" if name[0] == "s" else name for name in s.args]
    if s.op == "cast":
        return _cast(args[0], s.dtype, s.result)
    half = s.dtype == "float16"
    template = (HALF_TEMPLATES if half else {}).get(s.op, TEMPLATES[s.op])
    text = template.format(*args)
    return f"round_float16({text})" if half and s.op in ROUNDED else text


def _cast(text: str, source: str, target: str) -> str:
    """Round a value to another dtype; a half that is widened already is the float it shall be."""
    if source in (target, "bool"):  # a comparison, or a scalar that the host has rounded
        return f"({_register(target)}){text}" if source == "bool" else text
    if target == "float16":
        return f"round_float16({text})"
    if target == "bfloat16":  # from float64 by way of float32, as NumPy's bfloat16 is
        return f"round_bfloat16((float){text})"
    return f"({_register(target)}){text}"


def _stored(text: str, dtype: str) -> str:
    return f"to_{dtype}({text})" if MEMORY[dtype] == "Half" else text


def _run(p: Printed) -> str:
    """The loops of a block over its chunks, with the arrays' types filled in."""
    loads = p.element.loads
    heads = [
        *(f"const auto* x{k} = ({MEMORY[loads[k]]}*)table.at[{i}][tensor] + start;"
          for i, k in enumerate(p.reads)),
        *(f"auto* y{k} = ({MEMORY[loads[k]]}*)table.at[{i}][tensor] + start;"
          for i, k in enumerate(p.writes, len(p.reads))),
    ]  # fmt: skip
    return RUN.format(
        heads="\n        ".join(heads),
        vector=_loop(p, "[k]", "packed"),
        loads="\n                ".join(
            f"const auto packed_x{k} = load(x{k} + i);" for k in p.reads
        ),
        places="\n                ".join(
            f"Pack<{MEMORY[loads[k]]}> packed_y{k};" for k in p.writes
        ),
        stores="\n                ".join(f"store(y{k} + i, packed_y{k});" for k in p.writes),
        scalar=_loop(p, "[i]", ""),
    )


def _loop(p: Printed, index: str, packed: str) -> str:
    """The call of `element` on registers (``packed_x0.at[k]``) or on memory (``x0[i]``)."""
    place = "packed_{}.at" if packed else "{}"
    values = []
    for k in p.reads:
        text, dtype = place.format(f"x{k}") + index, p.element.loads[k]
        values.append(f"from_{dtype}({text})" if MEMORY[dtype] == "Half" else text)
    outputs = [place.format(f"y{k}") + index for k in p.writes]
    return f"element(s, {', '.join([*values, *outputs])});"
