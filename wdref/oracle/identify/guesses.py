"""What a target may be of which nobody says what it is: the claims that are tried, in order."""

from collections.abc import Iterator

from ...conventions import conventions
from ...rules.contract import Family
from ...rules.registry import FIRST, families

Guess = tuple[str, str]  # claim and convention


def usual() -> list[Guess]:
    """Return the claims of the paper's families: those with more state first."""
    paper = [families()[name] for name in FIRST]
    return [guess for family in sorted(paper, key=lambda f: -len(f.slots))
            for guess in _of(family)]  # fmt: skip


def others() -> list[list[Guess]]:
    """Return the claims of each other family."""
    return [list(_of(f)) for name, f in families().items() if name not in FIRST]


def _of(family: Family) -> Iterator[Guess]:
    """One claim for each set of hyperparameters that a program's dialect reads."""
    order = sorted(conventions().items(), key=lambda item: item[0] != "pytorch")
    seen = set()
    for convention, rules in order:
        for claim, d in rules.items():
            if d.family == family.name and d.hyper not in seen:
                seen.add(d.hyper)
                yield claim, convention
