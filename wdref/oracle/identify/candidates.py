"""Candidates: every dialect of a family, each function once."""

from typing import Any

from ...conventions import conventions
from ...rules.clip import NORMS
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


@derived
def by_norm(family: str) -> tuple[Any, ...]:
    """Every dialect that a program ships, with its gradient clipped by a norm."""
    known = families().get(family)
    if known is None or "clip" not in known.dialect.questions():
        return ()
    bases = [d for rules in conventions().values() for d in rules.values() if d.family == family]
    found = [d.answered(clip=clip).plain() for d in bases for clip in NORMS]
    return tuple(dict.fromkeys(d for d in found if d.clip in NORMS))


def _shipped(d: Any) -> bool:
    return bool((d.order, d.schedule) == (SHIPPED[d.form], "now"))
