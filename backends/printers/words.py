"""What stands above a printed rule: its name, its formula, its source."""

from dataclasses import dataclass
from textwrap import wrap
from typing import Any

from wdref.rules.registry import families

from .expression import SIGNS, Writing, name
from .host import Host
from .parts import Listing

WIDTH = 92


@dataclass(frozen=True)
class Words:
    """How the rule is called, in whose convention, and the command that printed it."""

    name: str
    convention: str
    command: str

    def functions(self, listing: Listing, /) -> list[tuple[Listing, str]]:
        """Return the listings of a program's functions, each with its name."""
        return list(zip(listing.functions, (self.name, f"{self.name}_vector"), strict=False))


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
    whole = " of all tensors of a tree" if listing.tree else ""
    names = ", ".join(listing.read[1:])
    beside = [f"Given beside g: {names}; a step that does not read it takes any finite number."]
    return [
        f"{words.name}: one step{whole}, in place, in {listing.dtype}.",
        "",
        *(f"  {line}" for line in dialect.recurrence()),
        "",
        *wrap(f"{whose}.", WIDTH),
        *wrap(f"With {'; '.join(read)}. {_slots(listing)}", WIDTH),
        *wrap(_shapes(listing, words.name), WIDTH),
        *(beside if names else ()),
        f"Printed by `{words.command}` from the rule's trace.",
    ]


def _slots(listing: Listing) -> str:
    """What the slots begin with: numbers, or what the hyperparameters make of them."""
    dialect = listing.dialect
    like = listing.kept if listing.matrices is None else dialect.slots
    like = tuple(x for x in like if x not in listing.read)
    hyper = {h.name: Host(name(h.name)) for h in families()[dialect.family].hyper}
    starts = [_written(x) for x in dialect.starts(hyper)]
    given = any(x != "0.0" for x in starts)
    if len(starts) == len(like) or not given:
        begin = "with " + ", ".join(starts) if given else "as zeros"
        return f"The slots ({', '.join(like) or 'none'}) begin {begin}."
    pairs = zip(dialect.slots, starts, strict=True)
    begin = " and ".join(f"{x} ({start})" for x, start in pairs if start != "0.0")
    own = f" The whole tree has one {', one '.join(listing.shared)}." if listing.shared else ""
    return f"The slots begin as zeros, but for {begin}.{own}"


def _shapes(listing: Listing, own: str) -> str:
    """Which function steps which tensors, where rows and columns are summed."""
    if listing.matrices is None:
        return ""
    rows, columns = listing.matrices.rows, listing.matrices.columns
    numbers = f"({', '.join(rows)}) has a number a row and ({', '.join(columns)}) one a column"
    flat = ", ".join(listing.matrices.vector.kept)
    return (f"{own} steps tensors of two axes or more, as `batch` matrices of the last two: "
            f"{numbers}. {own}_vector steps the others, with ({flat}).")  # fmt: skip


def _written(start: Any) -> str:
    return Writing(SIGNS)(start.tree) if isinstance(start, Host) else str(start)
