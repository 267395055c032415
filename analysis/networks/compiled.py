"""What numba compiles in this package: its decorator, and the modules that need it."""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any, TypeVar

from wdref.common.optional import optional

Function = TypeVar("Function", bound=Callable[..., Any])


@cache
def compiled_module(name: str) -> Any:
    """Return the module `name` of this package, or None without numba (the extra `fast`)."""
    if optional("numba") is None:
        return None
    return import_module(f"{__package__}.{name}")


def compiled(*signature: str, **options: Any) -> Callable[[Function], Function]:
    """Compile a function with numba, which keeps it beside the source or in the user's cache.

    Where neither can be written, every process compiles anew.
    """
    from numba import njit

    def compile_(function: Function) -> Function:
        own: Function
        try:
            own = njit(*signature, cache=True, **options)(function)
        except RuntimeError:  # numba found no place
            own = njit(*signature, **options)(function)
        return own

    return compile_
