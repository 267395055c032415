"""The methods by name: a class for every claim of every family, as `SGD` and `AdamW`.

Stands on the rules and the optimizer. Everything above them may import it.
"""

from typing import Any

from ..rules import registry
from ..rules.derived import derived
from .method import Method, method

__all__ = ["Method"]


@derived
def methods() -> dict[str, type[Method]]:
    """Return the classes by name."""
    pairs = [(f, record) for f in registry.families().values() for record in f.claims]
    return {record.method: method(family, record) for family, record in pairs}


def __getattr__(name: str) -> Any:
    if not name.startswith("_") and name in methods():
        return methods()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *methods()})
