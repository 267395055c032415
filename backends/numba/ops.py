"""What the generated numba code is made of: typed memory by address, casts of half precision.

Loads and stores say which array they touch and that no other array shares its memory, which the
caller has checked: LLVM then vectorises without comparing every pair of addresses first.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from llvmlite.binding import get_host_cpu_features
from numba import float32, njit, types, uint16, uint32, void
from numba.extending import intrinsic

MEMORY = {"float64": types.float64, "float32": types.float32, "float16": types.uint16,
          "bfloat16": types.uint16}  # fmt: skip
ARRAYS = 16  # that one leaf reads and writes, at most


def _place(builder: Any, context: Any, sig: Any, args: Any, value: Any) -> Any:
    kind = context.get_value_type(value).as_pointer()
    base = builder.inttoptr(args[2], kind)
    return builder.gep(base, [args[3]])


def _mark(instruction: Any, module: Any, number: int) -> None:
    """Tell LLVM that array `number` shares no memory with another."""
    domain = module.add_metadata([ir.MetaDataString(module, "wdref leaf")])
    scopes = [
        module.add_metadata([ir.MetaDataString(module, f"wdref array {k}"), domain])
        for k in range(ARRAYS)
    ]
    others = [scope for k, scope in enumerate(scopes) if k != number]
    instruction.set_metadata("alias.scope", module.add_metadata([scopes[number]]))
    instruction.set_metadata("noalias", module.add_metadata(others))


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]  # numba ships no types
def load(_typing: Any, dtype: Any, number: Any, address: Any, index: Any) -> Any:
    """Element `index` of array `number`, which has `dtype` and starts at `address`."""
    value = MEMORY[dtype.literal_value]

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        found = builder.load(_place(builder, context, sig, args, value))
        _mark(found, builder.module, number.literal_value)
        return found

    return value(dtype, number, types.int64, types.int64), codegen


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]  # numba ships no types
def store(_typing: Any, dtype: Any, number: Any, address: Any, index: Any, x: Any) -> Any:
    """Write `x` as element `index` of array `number`."""
    value = MEMORY[dtype.literal_value]

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        done = builder.store(args[4], _place(builder, context, sig, args, value))
        _mark(done, builder.module, number.literal_value)
        return context.get_dummy_value()

    return void(dtype, number, types.int64, types.int64, value), codegen


def _reinterpret(source: Any, target: Any) -> Any:
    @intrinsic  # type: ignore[untyped-decorator]  # numba ships no types
    def same_bits(_typing: Any, x: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return builder.bitcast(args[0], context.get_value_type(target))

        return target(source), codegen

    return same_bits


bits = _reinterpret(types.float32, types.uint32)
single = _reinterpret(types.uint32, types.float32)

INFINITY = np.uint32(0x7F800000)


@njit(inline="always")  # type: ignore[untyped-decorator]  # numba ships no types
def from_bfloat16(x: Any) -> Any:
    """Widen: a bfloat16 is the upper half of a float32."""
    return single(uint32(x) << uint32(16))


@njit(inline="always")  # type: ignore[untyped-decorator]  # numba ships no types
def to_bfloat16(x: Any) -> Any:
    """Round to nearest, ties to even; NaN stays NaN."""
    b = bits(x)
    rounded = (b + uint32(0x7FFF) + ((b >> uint32(16)) & uint32(1))) >> uint32(16)
    nan = (b & uint32(0x7FFFFFFF)) > INFINITY
    return uint16(uint32(0x7FC0) if nan else rounded)


@njit(inline="always")  # type: ignore[untyped-decorator]  # numba ships no types
def _widened(x: Any) -> Any:
    """Widen: the exponent moves from bias 15 to 127 by a product with 2^112, which is exact."""
    magnitude = (uint32(x) & uint32(0x7FFF)) << uint32(13)
    scaled = bits(single(magnitude) * float32(2.0**112))
    special = magnitude >= uint32(0x7C00 << 13)
    sign = (uint32(x) & uint32(0x8000)) << uint32(16)
    return single(sign | (magnitude | INFINITY if special else scaled))


@njit(inline="always")  # type: ignore[untyped-decorator]  # numba ships no types
def _narrowed(x: Any) -> Any:
    """Round to nearest, ties to even; beyond the range infinity; NaN stays NaN."""
    b = bits(x)
    magnitude = b & uint32(0x7FFFFFFF)
    # adding 1/2 leaves exactly the subnormals' bits in the mantissa, rounded by the sum
    small = bits(single(magnitude) + float32(0.5)) - uint32(0x3F000000)
    odd = (magnitude >> uint32(13)) & uint32(1)
    normal = (magnitude - uint32(112 << 23) + uint32(0xFFF) + odd) >> uint32(13)
    large = uint32(0x7E00) if magnitude > INFINITY else uint32(0x7C00)
    finite = small if magnitude < uint32(0x38800000) else normal
    half = large if magnitude >= uint32(0x47800000) else finite
    return uint16(half | ((b >> uint32(16)) & uint32(0x8000)))


def _by_hardware(source: Any, target: Any, convert: str) -> Any:
    """A cast of float16 by the processor's instruction, which LLVM has vectors of."""

    @intrinsic  # type: ignore[untyped-decorator]  # numba ships no types
    def cast(_typing: Any, x: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            place = ir.HalfType() if convert == "fptrunc" else context.get_value_type(target)
            value = args[0] if convert == "fptrunc" else builder.bitcast(args[0], ir.HalfType())
            found = getattr(builder, convert)(value, place)
            return builder.bitcast(found, context.get_value_type(target))

        return target(source), codegen

    return cast


# without the instruction LLVM would call a function that is not there
HARDWARE = bool(get_host_cpu_features().get("f16c"))
from_float16 = _by_hardware(types.uint16, types.float32, "fpext") if HARDWARE else _widened
to_float16 = _by_hardware(types.float32, types.uint16, "fptrunc") if HARDWARE else _narrowed

__all__ = ["from_bfloat16", "from_float16", "load", "store", "to_bfloat16", "to_float16"]
