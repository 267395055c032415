"""The modules of this package that numba compiles, where the extra `fast` is installed."""

from functools import cache
from importlib import import_module
from typing import Any


@cache
def compiled_module(name: str) -> Any:
    """Return the module `name` of this package, or None without numba."""
    try:
        return import_module(f"{__package__}.{name}")
    except ModuleNotFoundError as missing:
        if missing.name not in ("llvmlite", "numba"):
            raise
        return None
