"""What a program calls the slots of a family, and whether they hold the same."""

from typing import Any

from ..conventions import conventions, dialect
from ..rules.contract import Rule
from ..rules.registry import families
from ..words import Words, meant


def words_of(d: Rule, framework: str) -> Words:
    """Return the words of the claim of `claim_of`."""
    return meant(claim_of(d, framework), framework)


def claim_of(d: Rule, framework: str) -> str:
    """Return the claim that `framework` has with its slots, and that is most like the dialect."""
    claims = [c.name for c in families()[d.family].claims]
    known = [name for name in claims if meant(name, framework).slots] or claims[:1]
    return min(known, key=lambda name: _unlike(d, name, framework))


def _unlike(d: Rule, claim: str, framework: str) -> int:
    """How many answers the framework gives otherwise."""
    theirs = conventions().get(framework, {}).get(claim)
    return sum(getattr(d, name) != getattr(theirs, name, None) for name in d.questions())


def names(d: Rule, framework: str) -> dict[str, str]:
    """Return the program's name of each slot of the family; ValueError where it has none."""
    own = words_of(d, framework).slots
    if not own and d.slots:
        raise ValueError(f"wdref does not know how {framework} keeps the state of {d.family}")
    return {name: theirs.removeprefix("-") for name, theirs in own.items()}


def others(d: Rule, framework: str) -> list[str]:
    """Return the program's names of slots that families have and this one has not."""
    own = set(names(d, framework).values())
    known = (meant(c.name, framework).slots.values() for f in families().values() for c in f.claims)
    every = dict.fromkeys(theirs.removeprefix("-") for slots in known for theirs in slots)
    return [theirs for theirs in every if theirs not in own]


def signs_of(d: Rule, framework: str) -> dict[str, int]:
    """Return the sign of each slot of the program against wdref's."""
    own = words_of(d, framework).slots
    return {name: -1 if theirs.startswith("-") else 1 for name, theirs in own.items()}


def check_kept(d: Rule, name: str, framework: str) -> None:
    """Refuse a dialect whose slots hold something else than the program's."""
    for question, kept in families()[d.family].keeps.items() if d.slots else ():
        own, theirs = getattr(d, question), _theirs(d, framework, question)
        if own not in (*kept.free, theirs):
            raise ValueError(kept.text.format(program=framework, name=name, own=own, theirs=theirs))


def _theirs(d: Rule, framework: str, question: str) -> Any:
    allowed = words_of(d, framework).allowed
    if question in allowed:
        return allowed[question]
    return getattr(dialect(claim_of(d, framework), framework), question)
