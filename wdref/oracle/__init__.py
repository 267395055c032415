"""The oracle: certified ground truth for optimizers, and verdicts on those of others."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .check.within import assert_within, make_case, tolerance
    from .watch.entry import shadow


class Unsupported(Exception):
    """Raised by an implementation under test for a case that it cannot run; says why."""


__all__ = ["Unsupported", "assert_within", "make_case", "shadow", "tolerance"]
__path__.append(str(Path(__file__).with_name("former")))  # names that pages once gave


def __getattr__(name: str) -> Any:
    # imported when asked for: adapters need this module and nothing more
    if name == "shadow":
        from .watch.entry import shadow

        return shadow
    if name in ("assert_within", "make_case", "tolerance"):
        from .check import within

        return getattr(within, name)
    raise AttributeError(f"module 'wdref.oracle' has no attribute {name!r}")
