"""A rule as a listing: what any language has to say to compute one step, in order."""

from typing import Any

from wdref.engine.half_precision import Kernel
from wdref.rules.contract import Rule

from ..tracing.axes import AXES
from ..tracing.element import element
from ..tracing.phases import phases
from ..tracing.trace import TraceError, trace
from . import host
from .lister import Lister
from .matrices import in_matrices
from .parts import Line, Listing, Summing
from .rounds import in_rounds

__all__ = ["Line", "Listing", "Summing", "listing"]


def listing(dialect: Rule, dtype: str, /) -> Listing:
    """Trace the dialect and put its statements into words.

    Raises ValueError for a rule that no program can be: one that asks for what has no operation
    with one right answer.
    """
    try:
        return _listed(dialect, dtype, Kernel(dialect))
    except TraceError as error:
        raise ValueError(f"{dialect.family} is not printed: {error}") from None


def _listed(dialect: Rule, dtype: str, kernel: Kernel) -> Listing:
    formulas = host.scalars(dialect)
    scalars: Any = type(dialect.scalars(dict.fromkeys(dialect.hyper, 0.5), 1, 1.0))
    present = tuple(key in formulas for key in scalars._fields)
    kinds = dict(zip(kernel.slots, kernel.shapes, strict=True))
    if AXES & set(kinds.values()):
        return in_matrices(dialect, dtype, kernel, scalars, present, formulas)
    like = [x for x, kind in kinds.items() if kind == "like"]
    dtypes = (dtype,) * (2 + len(like))
    if kernel.scope != "element":
        plan = phases(kernel, dtypes, scalars, present)
        idle = kernel.scope == "tensor"  # all that such a rule asks for is shown
        return in_rounds(dialect, dtype, plan, kinds, formulas, idle=idle)
    arrays = ("theta", "g", *like)
    program = element(trace(kernel, dtypes, scalars, present))
    return Listing(dialect, dtype, arrays, *Lister(program, arrays, formulas).run())
