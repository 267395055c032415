"""The oracle: certified ground truth for optimizers, and verdicts on those of others."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .watch.entry import shadow


class Unsupported(Exception):
    """Raised by an implementation under test for a case that it cannot run; says why."""


__all__ = ["Unsupported", "shadow"]
__path__.append(str(Path(__file__).with_name("former")))  # names that pages once gave


def __getattr__(name: str) -> Any:
    if name == "shadow":  # imported when asked for: adapters need this module and nothing more
        from .watch.entry import shadow

        return shadow
    raise AttributeError(f"module 'wdref.oracle' has no attribute {name!r}")
