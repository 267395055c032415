"""Conventions: what each program means by its hyperparameters, as dialects.

A convention maps a claim (``sgd``, ``adamw``, …) to the dialect that the named program computes.
`dialect` looks one up and applies the caller's own answers. What each says stands in the
``programs.toml`` of the families.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from .rules import registry
from .rules.contract import Dialect
from .rules.decay import order_fault
from .rules.derived import derived
from .rules.faults import answer_fault
from .rules.programs import programs

Table = Mapping[str, Mapping[str, Dialect]]


@derived
def conventions() -> Table:
    """Return the dialect of every convention and claim."""
    found: dict[str, dict[str, Dialect]] = {}
    for family in registry.families().values():
        for convention, claims in programs(family).items():
            for claim, program in claims.items():
                found.setdefault(convention, {})[claim] = family.dialect(**program.answers)
    return MappingProxyType(found)


def __getattr__(name: str) -> Any:
    # made when it is asked for: `import wdref` reads no table
    if name == "CONVENTIONS":
        return conventions()
    if name == "CLAIMS":
        return tuple(registry.claims())
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def dialect(claim: str, convention: str = "paper", /, **answers: Any) -> Dialect:
    """Look up the dialect of `claim` under `convention`, with `answers` put in place of its own.

    Hyphens in `convention` count as underscores. Without a buffer nothing is damped, unless
    `answers` say so. Raises ValueError, naming what exists, for an
    unknown claim, convention or answer.

    >>> dialect("adamw", "pytorch").form
    'lr'
    >>> dialect("sgd", "pytorch", nesterov=True).nesterov
    True
    """
    known, table = convention.replace("-", "_"), conventions()
    if known not in table:
        raise ValueError(f"no convention {convention!r}: {_known(known, table)}")
    rules = table[known]
    if claim not in rules:
        raise ValueError(f"convention {convention!r} has no {claim!r}: it has {', '.join(rules)}")
    found = rules[claim]
    for name, answer in answers.items():
        if problem := answer_fault(found, name, answer):
            raise ValueError(problem)
    if problem := order_fault(answers.get("form", found.form), answers.get("order")):
        raise ValueError(problem)
    return found.answered(**answers)


# how libraries are called that have another name here
CALLED = {"torch": "pytorch", "jax": "optax", "tf": "tensorflow", "scikit_learn": "sklearn",
          "tfa": "tf_addons", "tf_keras": "keras", "paddlepaddle": "paddle"}  # fmt: skip


def _known(name: str, table: Table) -> str:
    if name.lower() in CALLED:
        return f"it is called {CALLED[name.lower()]} here"
    return f"wdref knows {', '.join(sorted(table))}"
