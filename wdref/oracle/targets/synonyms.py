"""Words for hyperparameters: those of the programs' tables, and the ones that people use."""

from collections.abc import Iterator, Sequence
from typing import Any

from ...rules.programs import Program, programs
from ...rules.registry import claims, families

Synonym = tuple[str, Sequence[str]]  # their word, our hyperparameters

# after the tables' words; of a word in several lines the first that a case has is meant
COMMON = {
    "learning_rate": "lr learning_rate learn_rate step_size rate base_lr init_lr initial_lr lr0 "
    "eta",
    "weight_decay": "weight_decay wd l2 weight_decay_rate decoupled_wd l2_reg l2_penalty "
    "l2_regularization reg lam lmbda lambda_ decay",
    "beta1,beta2": "betas",
    "beta1": "beta1 b1",
    "beta2": "beta2 b2",
    "eps": "eps epsilon adam_epsilon delta",
    "momentum": "momentum mu mom beta beta1",
    "rho": "rho alpha gamma decay decay_rate smoothing beta beta2",
    "dampening": "dampening",
    "psi": "schedule_decay",
    "initial": "initial_accumulator_value initial_accumulator initial_scale",
    "clip": "clip clipvalue clip_value",
}
# where it is nothing else
LAST = (("alpha", ("learning_rate",)), ("momentum", ("beta2",)), ("beta", ("beta2",)))


def synonyms(claim: str = "", convention: str = "") -> list[Synonym]:
    """Return words and what they mean, those of the claim's own program first.

    >>> words = synonyms("rmsprop", "pytorch")
    >>> next(ours for word, ours in words if word == "alpha")
    ('rho',)
    >>> [ours for word, ours in synonyms("adamw", "pytorch") if word == "alpha"]
    [('rho',), ('learning_rate',)]
    """
    family = claims().get(claim)
    own = programs(family).get(convention, {}).get(claim) if family else None
    common = [(word, tuple(ours.split(","))) for ours, words in COMMON.items()
              for word in words.split()]  # fmt: skip
    return [*(_of(own) if own else ()), *common, *_unambiguous({w for w, _ in common}), *LAST]


def hyperparameters() -> list[str]:
    """Return the names of all families' hyperparameters, in order."""
    return list(dict.fromkeys(h.name for family in families().values() for h in family.hyper))


def unscheduled() -> list[str]:
    """Return the claims that no schedule multiplies."""
    return [claim for _, claim, program in _programs() if program.scheduled.startswith("nothing")]


def _of(program: Program) -> Iterator[Synonym]:
    """Yield a program's words; ``etas[0]`` and ``etas[1]`` are one word for a pair."""
    pairs: dict[str, list[str]] = {}
    for ours, theirs in program.names.items():
        word, _, place = theirs.partition("[")
        names = ["beta1", "beta2"] if ours == "betas" else [ours]
        pairs.setdefault(word, []).extend(names if not place else [ours])
    yield from ((word, tuple(ours)) for word, ours in pairs.items())


def _unambiguous(known: set[str]) -> Iterator[Synonym]:
    """Yield the tables' words that mean one thing in all of them."""
    meanings: dict[str, set[Any]] = {}
    for _, _, program in _programs():
        for word, ours in _of(program):
            meanings.setdefault(word, set()).add(tuple(ours))
    last = {word for word, _ in LAST}
    yield from ((word, *ours) for word, ours in sorted(meanings.items())
                if len(ours) == 1 and len(word) > 1 and word not in known | last)  # fmt: skip


def _programs() -> Iterator[tuple[str, str, Program]]:
    for family in families().values():
        for convention, those in programs(family).items():
            yield from ((convention, claim, program) for claim, program in those.items())
