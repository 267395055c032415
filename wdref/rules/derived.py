"""What is made of the families, and kept until they are looked for anew."""

from collections.abc import Callable
from functools import cache, wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


@cache
def _token() -> object:
    return object()  # until families are looked for anew


def derived(function: Callable[P, R]) -> Callable[P, R]:
    """Cache what a function makes of the families, until these are looked for anew."""

    @cache
    def remembered(token: object, *arguments: Any, **options: Any) -> Any:
        return function(*arguments, **options)

    @wraps(function)
    def current(*arguments: P.args, **options: P.kwargs) -> R:
        found: R = remembered(_token(), *arguments, **options)  # type: ignore[arg-type]  # hashable
        return found

    return current


def forget() -> None:
    """Look for families anew: what was installed meanwhile."""
    _token.cache_clear()
