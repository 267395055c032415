"""Which family's cases an optimizer is to be asked: a few probes of every claim, and the nearest.

The probes of all claims are run at once. What an optimizer has no words for it is not asked.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from ....conventions import dialect
from ....rules.contract import Dialect
from ...cases.case import Case
from ...cases.suite import regimes
from ...identify.guesses import Guess, others, usual
from ...identify.ranking import PROBES, noise, probes_of, ranked, rules
from ...targets.exchange import STATE, Result

DTYPES = ("float64", "float32")
UNKNOWN_WORD = "no parameter of"  # of another rule's hyperparameter: no fault of the optimizer


@dataclass(frozen=True)
class Nearest:
    """A claim, its dialect in the program whose words it has, and the nearest rule to it."""

    guess: Guess
    rule: Dialect
    nearest: Any
    residual: float
    explained: bool  # by rounding alone


@cache
def guesses() -> tuple[tuple[Guess, Dialect], ...]:
    """Return a claim for each set of hyperparameters of each family."""
    every = [*usual(), *(guess for family in others() for guess in family)]
    return tuple((guess, dialect(*guess)) for guess in every)


@cache
def probes() -> tuple[Case, ...]:
    """Return the probes of all of them."""
    return tuple(
        case
        for (claim, _), rule in guesses()
        for dtype in DTYPES
        for case in regimes(claim, rule, dtype)
        if case.id.partition("/")[0] in PROBES
    )


def nearest(name: str, results: Sequence[Result]) -> list[Nearest]:
    """Return the claims by how near an optimizer called `name` is to their families.

    Of those that rounding explains, that of its own name comes first, then the one that reads most.
    """
    found = []
    for guess, rule in guesses():
        mine = [(c, r) for c, r in zip(probes(), results, strict=True) if r.values is not None
                and (c.rule, tuple(c.hyper)) == (guess[0], rule.hyper)]  # fmt: skip
        pairs = probes_of(mine)
        if not pairs:
            continue
        ranks = ranked(rules(rule.family, frozenset(rule.hyper), None), pairs)
        residual = ranks[0].residual
        if np.isfinite(residual):
            explained = residual <= noise(pairs)
            found.append(Nearest(guess, rule, ranks[0].rule, residual, explained))
    return sorted(found, key=lambda n: _order(n, name))


def _order(found: Nearest, name: str) -> tuple[float, bool, int]:
    distance = 0.0 if found.explained else found.residual
    return distance, found.guess[0] not in name.lower(), -len(found.rule.hyper)


def why_not(results: Sequence[Result]) -> tuple[str, str]:
    """Return the verdict on what gave no number, and why: what most probes say."""
    said = [r.message.removeprefix("Unsupported: ") for r in results if r.message]
    telling = [message for message in said if UNKNOWN_WORD not in message]
    if telling:
        return "not made", Counter(telling).most_common(1)[0][0]
    if not said:
        return "unknown", "no probe gave a finite result"
    has = said[0].partition("; it has ")[2].partition(": --word")[0]
    return "unknown", f"no rule that is known here has these words: {has}"
