"""The oracle: certified ground truth for optimizers, and verdicts on those of others."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .shadow_entry import shadow


class Unsupported(Exception):
    """Raised by an implementation under test for a case that it cannot run; says why."""


__all__ = ["Unsupported", "shadow"]


def __getattr__(name: str) -> Any:
    if name == "shadow":  # imported when asked for: adapters need this module and nothing more
        from .shadow_entry import shadow

        return shadow
    raise AttributeError(f"module 'wdref.oracle' has no attribute {name!r}")
