"""A word of a command line that is one of those that there are when it is asked for."""

from collections.abc import Callable, Sequence
from typing import Any

import click


class OneOf(click.ParamType[str]):
    """Like `click.Choice`, for what families bring: looked up late, and left out of help."""

    name = "name"

    def __init__(self, choices: Callable[[], Sequence[str]]) -> None:
        self.choices = choices

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return `value`, or say what there is."""
        known = self.choices()
        if value not in known:
            self.fail(f"{value!r} is not one of {', '.join(map(repr, known))}.", param, ctx)
        return value
