"""Arrays of one program as another's: library, device and sign change, the dtype does not."""

from typing import Any

import numpy as np
from array_api_compat import array_namespace, device, is_array_api_obj

from ..checkpoint.tree import held
from ..engine import tree
from ..rules.contract import Shape
from ..rules.shapes import slot_shape

Array = Any


def check_array(x: Array, theta: Array, where: str, kind: Shape = "like") -> None:
    """Refuse what is no array of the shape that a slot of `kind` has beside the parameter."""
    if not is_array_api_obj(x):
        raise ValueError(f"{where} is a {type(x).__name__}: expected an array")
    shape = slot_shape(kind, theta.shape)
    if tuple(x.shape) != shape:
        wanted = "the parameter has" if kind == "like" else "expected"
        raise ValueError(f"{where}: shape {tuple(x.shape)}, {wanted} {shape}")


def dtype_of(like: Array, theta: Array) -> Any:
    """Return the dtype of `like` as the library of `theta` has it."""
    name = tree.dtype_name(like)
    if name == tree.dtype_name(theta):
        return theta.dtype
    return getattr(array_namespace(theta), name, like.dtype)


def placed(x: Array, like: Array, dtype: Any, sign: int) -> Array:
    """Return a copy of `x`, times `sign`, in the library and device of `like`."""
    xp = array_namespace(like)
    found = xp.astype(_moved(x, xp, like), dtype, copy=True)
    return -found if sign < 0 else found


def _moved(x: Array, xp: Any, like: Array) -> Array:
    try:
        if array_namespace(x) is xp:
            return x
        return xp.from_dlpack(x)
    except (TypeError, BufferError, RuntimeError, AttributeError, ValueError):
        # a dtype that the other library has not, or a device that cannot be exported
        values = held(x)
        if tree.dtype_name(x) == "bfloat16":  # its bits; in float32 they are the upper half
            values = np.asarray(values.astype(np.uint32) << np.uint32(16)).view(np.float32)
        return xp.asarray(values, device=device(like))
