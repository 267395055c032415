"""What is told to the process of a target that is a class or a factory of optimizers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .synonyms import hyperparameters, synonyms, unscheduled


@dataclass(frozen=True)
class Pointing:
    """How a class or a factory is to be driven.

    `claim` and `convention` say whose words come first, `words` what a parameter is (``{"wdecay":
    ("weight_decay",)}``), `options` what it is always given, and `unread` which hyperparameters
    the claim does not read. With `lenient` a case whose hyperparameters have no words is
    unsupported, where otherwise nothing is run.
    """

    claim: str = ""
    convention: str = ""
    words: Mapping[str, Sequence[str]] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    unread: Sequence[str] = ()
    lenient: bool = False

    def request(self, options: Mapping[str, Any], adapters: Mapping[str, str]) -> dict[str, Any]:
        """Return what the target's process reads."""
        return {
            "adapters": dict(adapters),
            "synonyms": synonyms(self.claim, self.convention),
            "words": {theirs: list(ours) for theirs, ours in self.words.items()},
            "options": dict(options),
            "unread": list(self.unread),
            "unscheduled": unscheduled(),
            "lenient": self.lenient,
        }


def word(text: str) -> tuple[str, tuple[str, ...]]:
    """Read ``theirs=ours`` or ``theirs=ours,ours`` for a pair, or raise ValueError.

    >>> word("betas=beta1,beta2")
    ('betas', ('beta1', 'beta2'))
    """
    theirs, equals, ours = (part.strip() for part in text.partition("="))
    if not equals or not theirs.isidentifier() or not ours:
        raise ValueError(f"--word {text}: expected THEIRS=OURS, as wdecay=weight_decay")
    names = tuple(name.strip() for name in ours.split(","))
    known = hyperparameters()
    if unknown := [name for name in names if name not in known]:
        raise ValueError(
            f"--word {text}: no hyperparameter {unknown[0]!r}; there are {', '.join(known)}"
        )
    return theirs, names
