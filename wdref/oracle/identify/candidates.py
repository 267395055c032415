"""Candidates: every dialect of a family, each function once."""

from typing import Any

from ...rules.decay import SHIPPED
from ...rules.derived import derived
from ...rules.registry import families


@derived
def candidates(family: str, *, clip: bool = False) -> tuple[Any, ...]:
    """Every dialect of the family, each function once; with `clip` those that clip g, instead.

    What is left out is another one in other words: see `plain` of the dialects. Forms that few
    programs ship are looked for as these ship them, in one order and with this step's multiplier.
    """
    known = families().get(family)
    every = known.dialect.every(clip=clip) if known else ()
    return tuple(d for d in every if d.form not in SHIPPED or _shipped(d))


def _shipped(d: Any) -> bool:
    return bool((d.order, d.schedule) == (SHIPPED[d.form], "now"))
