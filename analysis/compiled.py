"""numba's decorator for the functions of this package: kept on disk where there is a place."""

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(*signature: str, **options: Any) -> Callable[[Function], Function]:
    """Compile a function with numba, which keeps it beside the source or in the user's cache.

    Where neither can be written, every process compiles anew.
    """

    def compile_(function: Function) -> Function:
        own: Function
        try:
            own = njit(*signature, cache=True, **options)(function)
        except RuntimeError:  # numba found no place
            own = njit(*signature, **options)(function)
        return own

    return compile_
