"""What the primitives of a target do: its √, ÷ and products, in units of rounding.

Runs in a target's process, where wdref may be missing.
"""

import math
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np

from .worker import describe

PRIMITIVES = {"sqrt": 1, "divide": 2, "multiply": 2, "fused": 3}  # with their arguments


def probe_all(module: Any, dtypes: list[str]) -> dict[str, Any]:
    """Measure the module's primitives in each dtype that NumPy and the module have.

    Raises TypeError or ValueError, naming what is wrong with them.
    """
    own = [x for x in dtypes if x != "bfloat16" and hasattr(module, "primitives")]
    offered = {dtype: offered_in(module, dtype) for dtype in own}
    return {dtype: probe(f, dtype) for dtype, f in offered.items() if f}


def offered_in(module: Any, dtype: str) -> dict[str, Any]:
    """Return the module's primitives in `dtype`, nothing where it lacks that, or raise."""
    place = f"primitives({dtype!r})"
    try:
        functions = module.primitives(dtype)
        missing = [name for name in PRIMITIVES if name not in functions]
        odd = [name for name, count in PRIMITIVES.items() if name not in missing
               and not is_elementwise(functions[name], count, dtype)]  # fmt: skip
    except Exception as error:
        if "Unsupported" in [kind.__name__ for kind in type(error).__mro__]:
            return {}  # its cases will say so
        why = f"{place} raises {describe(error)['message']}"
        raise ValueError(f"{why}; raise Unsupported for a dtype that it lacks") from error
    if missing:
        raise ValueError(f"{place} lacks {', '.join(missing)}: expected {', '.join(PRIMITIVES)}")
    if odd:
        raise ValueError(f"{place}: {', '.join(odd)} should give an array like its arguments'")
    return dict(functions)


def is_elementwise(f: Any, arity: int, dtype: str) -> bool:
    """Whether a primitive gives a NumPy array of the shape and dtype of its arguments."""
    ones = np.ones(2, dtype)
    got = f(*(ones,) * arity)
    return isinstance(got, np.ndarray) and (got.dtype, got.shape) == (ones.dtype, ones.shape)


def probe(f: dict[str, Any], dtype: str) -> dict[str, Any]:
    """What √, ÷ do in halves of a unit in the last place, the share that is not nearest, and more.

    `f` has ``sqrt(x)``, ``divide(x, y)``, ``multiply(x, y)`` and ``fused(x, y, z)`` = x y + z.
    """
    kind = np.dtype(dtype).type
    rng = np.random.default_rng(0)
    x = (rng.uniform(1, 4, 20_000) * 2.0 ** rng.integers(-8, 8, 20_000)).astype(dtype)
    y = rng.uniform(1, 2, 20_000).astype(dtype)
    wide = np.longdouble if dtype == "float64" else np.float64
    roots, quotients = np.sqrt(x.astype(wide)), x.astype(wide) / y.astype(wide)
    least, ulp = np.finfo(dtype).smallest_subnormal, np.finfo(dtype).eps
    near, far = np.full(8, 1 + ulp, dtype), np.full(8, -(1 + 2 * ulp), dtype)
    return {
        "sqrt": halves(f["sqrt"](x), roots, dtype),
        "sqrt_not_nearest": float(np.mean(f["sqrt"](x) != roots.astype(dtype))),
        "divide": halves(f["divide"](x, y), quotients, dtype),
        "divide_not_nearest": float(np.mean(f["divide"](x, y) != quotients.astype(dtype))),
        "power": host_power(),
        "flush": bool(np.any(f["multiply"](np.full(8, least), np.ones(8, dtype)) == kind(0))),
        "contracts": bool(np.any(f["fused"](near, near, far) != kind(0))),
    }


@cache
def host_power() -> float:
    """Worst error of Python's β^t in float64, in halves of a unit in the last place."""
    worst = 1.0
    for beta in (0.7, 0.8, 0.9, 0.95, 0.99, 0.999):
        for t in range(2, 101):
            got = beta**t
            error = abs(Fraction(got) - Fraction(beta) ** t) / Fraction(math.ulp(got) / 2)
            worst = max(worst, float(error))
    return round(worst, 3)


def halves(got: Any, exact: Any, dtype: str) -> float:
    """Worst error in halves of a unit in the last place; 1 for what is correctly rounded."""
    unit = np.spacing(exact.astype(dtype)).astype(exact.dtype) / 2
    return round(max(1.0, float(np.max(np.abs(got.astype(exact.dtype) - exact) / unit))), 3)
