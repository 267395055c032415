"""Which family's cases an optimizer is to be asked: a few probes of every claim, and the nearest.

The probes of all claims are run at once. What an optimizer has no words for it is not asked.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from ....conventions import conventions, dialect
from ....rules.contract import Dialect
from ...bugs.mutants import Twisted
from ...cases.case import Case
from ...cases.suite import regimes
from ...identify.guesses import Guess, others, usual
from ...identify.ranking import PROBES, noise, probes_of, ranked, rules
from ...targets.exchange import Result
from ...targets.targets import parse_options

DTYPES = ("float64", "float32")
UNKNOWN_WORD = "no parameter of"  # of another rule's hyperparameter: no fault of the optimizer


@dataclass(frozen=True)
class Nearest:
    """A claim, its dialect in the program whose words it has, and how far the nearest rule is."""

    guess: Guess
    rule: Dialect
    residual: float
    explained: bool  # by rounding alone
    known: bool = False  # and the rule is one that a program has


@cache
def guesses() -> tuple[tuple[Guess, Dialect], ...]:
    """Return a claim for each set of hyperparameters of each family, and those without momentum."""
    every = [*usual(), *(guess for family in others() for guess in family)]
    ruled = [(guess, dialect(*guess)) for guess in every]
    still = [((f"{claim}[buffer=False]", convention), dialect(claim, convention, buffer=False))
             for (claim, convention), rule in ruled if getattr(rule, "buffer", False)]  # fmt: skip
    return (*ruled, *still)


@cache
def probes() -> tuple[tuple[Case, ...], ...]:
    """Return the probes of each of them."""
    return tuple(
        tuple(
            case
            for dtype in DTYPES
            for case in regimes(parse_options(claim)[0], rule, dtype)
            if case.id.partition("/")[0] in PROBES
        )
        for (claim, _), rule in guesses()
    )


def nearest(name: str, results: Sequence[Result]) -> list[Nearest]:
    """Return the claims by how near an optimizer called `name` is to their families.

    Of those that rounding explains, a program's rule comes first, then that of the optimizer's own
    name, then the one that reads most.
    """
    found, answers = [], iter(results)
    for (guess, rule), cases in zip(guesses(), probes(), strict=True):
        mine = [(case, next(answers)) for case in cases]
        pairs = probes_of([(c, r) for c, r in mine if r.values is not None])
        if not pairs:
            continue
        ranks = ranked(rules(rule.family, frozenset(rule.hyper), None), pairs)
        residual = ranks[0].residual
        if np.isfinite(residual):
            near = [each.rule for each in ranks if each.residual <= noise(pairs)]
            known = any(is_known(each) for each in near)
            found.append(Nearest(guess, rule, residual, bool(near), known))
    return sorted(found, key=lambda n: _order(n, name))


def is_known(rule: Any) -> bool:
    """Whether a program has the rule, or has it with a weight decay."""
    return not isinstance(rule, Twisted) and rule.plain() in _programs()


@cache
def _programs() -> frozenset[Dialect]:
    """The rules of all programs, with their decay and without."""
    rules: list[Any] = [rule for those in conventions().values() for rule in those.values()]
    rules += [replace(rule, buffer=False) for rule in rules if getattr(rule, "buffer", False)]
    return frozenset(each.plain() for rule in rules for each in (rule, still(rule)))


def still(rule: Any) -> Any:
    """Return a rule without its weight decay."""
    return replace(rule, form="none", order=type(rule)(form="none").order)


def _order(found: Nearest, name: str) -> tuple[float, bool, int, int]:
    claim = parse_options(found.guess[0])[0]
    distance = 0.0 if found.explained else found.residual
    liked = len(claim) if claim in name.lower() else 0
    return distance, not found.known, -liked, -len(found.rule.hyper)


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
