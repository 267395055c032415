"""Candidates: every dialect of a family, each function once."""

from typing import Any

from ...rules.derived import derived
from ...rules.registry import families


@derived
def candidates(family: str, *, clip: bool = False) -> tuple[Any, ...]:
    """Every dialect of the family, each function once; with `clip` those that clip g, instead.

    What is left out is another one in other words: see `plain` of the dialects.
    """
    known = families().get(family)
    return tuple(known.dialect.every(clip=clip)) if known else ()
