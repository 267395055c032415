"""What stands above a printed rule: its name, its formula, its source."""

from dataclasses import dataclass
from textwrap import wrap

from wdref.rules.registry import families

from .listing import Listing

WIDTH = 92


@dataclass(frozen=True)
class Words:
    """How the rule is called, in whose convention, and the command that printed it."""

    name: str
    convention: str
    command: str


def about(listing: Listing, words: Words, /) -> list[str]:
    """Return the lines of the comment above a printed rule."""
    dialect = listing.dialect
    family = families()[dialect.family]
    whose = family.cited
    if words.convention != "paper":
        whose += f", as {words.convention} computes it"
    clock = {"t": "t = 1, 2, … the step", "eta": "eta η the schedule's multiplier",
             "eta_before": "eta_before the multiplier of the step before"}  # fmt: skip
    clock |= {r.name: f"{r.name} {r.letter} the product before the step: {r.start:g} before the "
              f"first, then {r.words}" for r in listing.running}  # fmt: skip
    letters = {h.name: h.letter for h in family.hyper}
    read = [f"{key} {letters[key]}" if letters[key] != "c" else key for key in listing.hyper]
    read += [text for key, text in clock.items() if key in listing.inputs]
    slots = ", ".join(x for x in listing.arrays[1:] if x not in listing.read) or "none"
    names = ", ".join(listing.read[1:])
    beside = [f"Given beside g: {names}; a step that does not read it takes any finite number."]
    starts = dialect.starts({h.name: h.name for h in family.hyper})  # numbers, or their names
    begin = "with " + ", ".join(map(str, starts)) if any(starts) else "as zeros"
    return [
        f"{words.name}: one step, in place, in {listing.dtype}.",
        "",
        *(f"  {line}" for line in dialect.recurrence()),
        "",
        *wrap(f"{whose}.", WIDTH),
        *wrap(f"With {'; '.join(read)}. The slots ({slots}) begin {begin}.", WIDTH),
        *(beside if names else ()),
        f"Printed by `{words.command}` from the rule's trace.",
    ]
