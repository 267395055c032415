"""How each program's users write its optimizers: their names, defaults and constructors.

What they are stands in the ``programs.toml`` of the families. `read` makes a dialect and
hyperparameters of what a user gave; `Words.write` makes their words of hyperparameters, and a line
to paste.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Any

from .conventions import dialect
from .rules import registry
from .rules.contract import Dialect
from .rules.derived import derived
from .rules.programs import Program, programs


@dataclass(frozen=True, eq=False)
class Words(Program):
    """One optimizer of one program, as its users write it."""

    @property
    def optimizer(self) -> str:
        """Their name of it."""
        found = self.line.partition("(")[0]
        return found if found != "optax.chain" else "the chain of optax"

    def their(self, name: str) -> str:
        """Return their word of a hyperparameter; a beta may be one of a pair."""
        if name in ("beta1", "beta2") and "betas" in self.names:
            return f"{self.names['betas']}[{int(name == 'beta2')}]"
        return self.names.get(name, name)

    @property
    def allowed(self) -> Mapping[str, Any]:
        """What `like` may put in place of the convention's answers, and means the program by it."""
        found: dict[str, Any] = {}
        for switch in self.switches:
            found |= switch.answers
        return {**found, **self.sets, **self.beside}

    def write(self, hyper: Mapping[str, Any], found: Dialect) -> dict[str, Any]:
        """Return `hyper` and the switches that are on in their words."""
        values = dict(hyper)
        if "betas" in self.names:
            values["betas"] = (values.pop("beta1"), values.pop("beta2"))
        own: dict[str, Any] = {self.names[name]: values[name] for name in self.names}
        on = (s for s in self.switches if _holds(found, s.answers))
        return own | {switch.theirs: switch.on for switch in on}

    def constructor(self, own: Mapping[str, Any]) -> str:
        """Return the line to paste; what changes with t is named ``…_t``."""
        shown = {name: _shown(name, value) for name, value in own.items()}
        shown |= {s.theirs: "False" for s in self.switches if s.theirs not in own}
        elsewhere = {self.names.get(field or "", field)
                     for _, field, _, _ in Formatter().parse(self.line) if field}  # fmt: skip
        words = ", ".join(f"{name}={shown[name]}" for name in own if name not in elsewhere)
        by_ours = {ours: shown[theirs] for ours, theirs in self.names.items()}
        return self.line.format(words, **{**shown, **by_ours})


@derived
def table() -> Mapping[str, Mapping[str, Words]]:
    """Return the words of every convention and claim that has a constructor."""
    found = {
        convention: {claim: words for claim, words in claims.items() if words.line}
        for convention, claims in _all().items()
    }
    return {convention: claims for convention, claims in found.items() if claims}


@derived
def _all() -> Mapping[str, Mapping[str, Words]]:
    found: dict[str, dict[str, Words]] = {}
    for family in registry.families().values():
        for convention, claims in programs(family).items():
            for claim, program in claims.items():
                found.setdefault(convention, {})[claim] = Words(**vars(program))
    return found


def find(claim: str, convention: str) -> Words:
    """Return the words of `claim` under `convention`; hyphens count as underscores.

    Raises ValueError, naming what exists, for what there is not.
    """
    if claim not in registry.claims():
        raise ValueError(f"no {claim!r}: expected one of {', '.join(registry.claims())}")
    if claim not in has(convention):
        raise ValueError(f"{convention} has no {claim}: it has {', '.join(has(convention))}")
    return has(convention)[claim]


def meant(claim: str, convention: str) -> Words:
    """Return the words of `claim` under `convention`, also of a program without a constructor."""
    none = Words({}, "", {}, {}, {}, (), {}, "", {}, "", "")
    return _all().get(convention.replace("-", "_"), {}).get(claim, none)


def defaults(claim: str, convention: str) -> dict[str, Any]:
    """Return what the program takes for what is not given, as options of wdref's methods.

    Without the decay, and without what a method has only when it is asked for and the program has
    at 0, as dampening; what it has at another number, it means.
    """
    found: dict[str, Any] = dict(meant(claim, convention).defaults)
    if "beta1" in found and "beta2" in found:
        found["betas"] = (found.pop("beta1"), found.pop("beta2"))
    asked = [h.name for h in registry.claims()[claim].hyper if h.sets]
    return {k: x for k, x in found.items() if k != "weight_decay" and (k not in asked or x)}


def has(convention: str) -> Mapping[str, Words]:
    """Return the words of each claim that `convention` has."""
    known = convention.replace("-", "_")
    if known not in table():
        raise ValueError(f"no words of {convention!r}: wdref has those of {', '.join(table())}")
    return table()[known]


def read(
    claim: str, convention: str, given: Mapping[str, Any]
) -> tuple[Dialect, dict[str, Any]]:  # fmt: skip
    """Return the dialect and the hyperparameters, in wdref's words, that `given` means.

    Names are the program's own or wdref's; what is not given has the program's default. Raises
    ValueError for a name that it has not, and for one without a default that is not given.
    """
    words, found = find(claim, convention), dialect(claim, convention)
    values, on = dict(words.defaults), dict[str, bool]()
    ours = {theirs: name for name, theirs in words.names.items()}
    for name, value in given.items():
        switch = next((s for s in words.switches if name in (s.name, s.theirs)), None)
        if switch is not None:
            on[switch.name] = value not in (False, None)
            found = found.answered(**switch.answers) if on[switch.name] else found
        else:
            values |= _hyper(words, ours.get(name, name), name, value)
    absent = [words.their(name) for name in _expected(words) if name not in values]
    if absent:
        raise ValueError(f"{words.optimizer} needs {', '.join(absent)}: it has no default")
    return found, values


def _expected(words: Words) -> list[str]:
    names = [name for name in words.names if name != "betas"]
    return [*names, "beta1", "beta2"] if "betas" in words.names else names


def _hyper(words: Words, ours: str, name: str, value: Any) -> dict[str, Any]:
    if ours == "betas" and "beta2" in _expected(words):
        try:
            beta1, beta2 = value
        except (TypeError, ValueError):
            raise ValueError(f"{name}={value!r}: expected a pair of numbers") from None
        return {"beta1": beta1, "beta2": beta2}
    if ours not in _expected(words):
        theirs = [*words.names.values(), *(s.theirs for s in words.switches)]
        raise ValueError(f"{words.optimizer} has no {name!r}: it has {', '.join(theirs)}")
    return {ours: value}


def _holds(found: Dialect, answers: Mapping[str, Any]) -> bool:
    return all(getattr(found, name) == value for name, value in answers.items())


def _shown(name: str, value: Any) -> str:
    if callable(value):
        return f"{name}_t"
    if isinstance(value, tuple):
        return f"({', '.join(_shown(f'{name}{i}', x) for i, x in enumerate(value, start=1))})"
    return repr(value)
