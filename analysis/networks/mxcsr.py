"""The control register of floating point on x86, of the thread that asks."""

from typing import Any

from llvmlite import ir
from numba import types, uint32
from numba.core import cgutils
from numba.extending import intrinsic

from .compiled import compiled

FLUSH = 1 << 15 | 1 << 6  # a subnormal result is written as zero, a subnormal operand read as one


def _call(builder: Any, name: str, place: Any) -> None:
    address = ir.IntType(8).as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [address])
    function = builder.module.declare_intrinsic(f"llvm.x86.sse.{name}mxcsr", (), kind)
    builder.call(function, [builder.bitcast(place, address)])


@intrinsic  # type: ignore[untyped-decorator]  # numba ships no types
def _stored(_typing: Any) -> Any:
    """The register's value."""

    def code(_context: Any, builder: Any, _sig: Any, _args: Any) -> Any:
        place = cgutils.alloca_once(builder, ir.IntType(32))
        _call(builder, "st", place)
        return builder.load(place)

    return uint32(), code


@intrinsic  # type: ignore[untyped-decorator]  # numba ships no types
def _loaded(_typing: Any, value: Any) -> Any:
    """Put `value` into the register."""

    def code(context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        place = cgutils.alloca_once(builder, ir.IntType(32))
        builder.store(args[0], place)
        _call(builder, "ld", place)
        return context.get_dummy_value()

    return types.void(uint32), code


@compiled("uint32()")
def read() -> Any:
    """Return the register's value."""
    return _stored()


@compiled("void(uint32)")
def write(value: Any) -> None:
    """Set the register."""
    _loaded(value)
