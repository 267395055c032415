"""The modules of this package that numba compiles, where the extra `fast` is installed."""

from functools import cache
from importlib import import_module
from typing import Any

from wdref.optional import optional


@cache
def compiled_module(name: str) -> Any:
    """Return the module `name` of this package, or None without numba."""
    if optional("numba") is None:
        return None
    return import_module(f"{__package__}.{name}")
