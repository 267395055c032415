"""Programs: what each one computes under a claim, and how its users write it.

Read from a family's ``programs.toml``, a table ``[convention.claim]`` each:

| key | says |
|---|---|
| answers | the dialect, where its answers are not the defaults |
| line | the constructor: {} takes the hyperparameters as keywords, {name} one of them elsewhere |
| names | the hyperparameters: wdref's word, or wdref's word = theirs |
| defaults | what the program takes for those not given, in wdref's words |
| switches | options that are on or off: name, name=value when on, wdref's name:theirs |
| beside | answers that another constructor of the program has; `like` takes them |
| scheduled | what to do at step t under a schedule, where it is not to multiply the learning rate |
| slots | its names of the state arrays: ours=theirs, with - before theirs where the sign differs |
| counter | what it calls the count of steps, where its state has one a parameter |
| source | where the recurrence is written down, of what `wdref vectors export` has |

A program without a line is one whose steps are no constructor's: `like` knows it, `convert` not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .contract import Family
from .derived import derived
from .tables import TableError, program_tables

KEYS = {"answers": dict, "line": str, "names": str, "defaults": dict, "switches": str,
        "beside": dict, "scheduled": str, "slots": str, "counter": str, "source": str}  # fmt: skip


@dataclass(frozen=True)
class Switch:
    """An option that is on or off, and the dialect's answers that it changes when it is on."""

    name: str
    theirs: str
    on: Any
    answers: Mapping[str, Any]

    @staticmethod
    def parse(text: str, family: Family) -> "Switch":
        """Read ``name``, ``name=value when on`` or ``name:theirs``."""
        pair, _, value = text.partition("=")
        name, _, theirs = pair.partition(":")
        return Switch(name, theirs or name, value or True, family.switches.get(name, {name: True}))


@dataclass(frozen=True, eq=False)
class Program:
    """One claim of one program: a table of ``programs.toml``."""

    answers: Mapping[str, Any]
    line: str
    names: Mapping[str, str]  # wdref's to theirs, in their order
    sets: Mapping[str, Any]  # what those of them answer that a user may leave out
    defaults: Mapping[str, Any]
    switches: tuple[Switch, ...]
    beside: Mapping[str, Any]
    scheduled: str
    slots: Mapping[str, str]
    counter: str
    source: str


@derived
def programs(family: Family) -> Mapping[str, Mapping[str, Program]]:
    """Return the programs of `family`: by convention, and by claim. Raises TableError."""
    return {
        convention: {
            claim: _program(f"{convention}.{claim}", entry, family)
            for claim, entry in claims.items()
        }
        for convention, claims in program_tables(family.package).items()
    }


def _program(where: str, entry: Any, family: Family) -> Program:
    for key, value in entry.items() if isinstance(entry, dict) else (("", entry),):
        if not isinstance(value, KEYS.get(key, ())):
            kind = KEYS[key].__name__ if key in KEYS else f"one of {', '.join(KEYS)}"
            raise TableError(f"programs.toml, {where}: {key or value!r}: expected {kind}")
    pairs = (word.partition("=") for word in entry.get("names", "").split())
    names = {ours: theirs or ours for ours, _, theirs in pairs}
    default = f"multiply {names.get('learning_rate', 'the rate')} by η_t at step t"
    slots = (word.partition("=") for word in entry.get("slots", "").split())
    return Program(
        answers=entry.get("answers", {}),
        line=entry.get("line", ""),
        names=names,
        sets={q: a for h in family.hyper if h.name in names for q, a in h.sets.items()},
        defaults=entry.get("defaults", {}),
        switches=tuple(Switch.parse(x, family) for x in entry.get("switches", "").split()),
        beside=entry.get("beside", {}),
        scheduled=entry.get("scheduled", default),
        slots={ours: theirs for ours, _, theirs in slots},
        counter=entry.get("counter", ""),
        source=entry.get("source", ""),
    )
