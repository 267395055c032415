"""The gallery: real weight-decay bugs, each with its public reference, as mutants.

They stand in the ``bugs.toml`` of the families, a table ``[[bug]]`` each:

| key | says |
|---|---|
| id, title, reference | its number in the collection, what is wrong, where it was reported |
| claim, of | what it claims to be, and the answers that the claim has there beside a convention's |
| convention | whose claim it is, where that is not the one asked for |
| change | answers that are given instead |
| scalars, step, schedule | a function that makes other scalars, another step, another schedule |
| words | what is other, where it is a function |
| late | hundreds of steps go by before it shows |

A function is one of `wdref.oracle.bugs.twists`, or "module:function" of another package; `scalars`
may be a table of formulas in the scalars, h and t: ``scalars = { decay = "8 * decay" }``. Several
numbers in one id are several reports of the same deviation.

The oracle must catch each of them and name it. What is configuration and no mathematics (a default,
M36) is not here; M20 and M21 are properties of half precision (`wdref.oracle.judge.half`), those of
several tensors are in `wdref.oracle.bugs.tensor_bugs`, and M37 needs an orthogonalised rule that
wdref does not have.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from ...conventions import conventions
from ...rules.contract import Family
from ...rules.derived import derived
from ...rules.registry import families
from ...rules.tables import bug_tables
from . import twists
from .mutants import Formulas, Mutant, Twisted


@derived
def gallery(convention: str = "pytorch") -> tuple[Mutant, ...]:
    """Every mutant of one tensor, of the rules of `convention`; the paper's where it has none."""
    return tuple(m for family in families().values() for m in _of_family(family, convention))


def _of_family(family: Family, convention: str) -> Iterator[Mutant]:
    for bug in bug_tables(family.package):
        table = conventions()
        known = table[bug.get("convention", convention)]
        claim = known.get(bug["claim"]) or table["paper"][bug["claim"]]
        claim = claim.answered(**bug.get("of", {}))
        yield Mutant(bug["id"], bug["title"], bug["reference"], claim, _rule(claim, bug),
                     bug.get("late", False))  # fmt: skip


def _rule(claim: Any, bug: Mapping[str, Any]) -> Any:
    if "change" in bug:
        return claim.answered(**bug["change"])
    scalars = bug.get("scalars")
    if isinstance(scalars, dict):
        scalars = Formulas(tuple(scalars.items()))
    other = {"step": _function(bug.get("step")), "reads": _function(bug.get("schedule"))}
    return Twisted(claim, bug["words"], _function(scalars), **other)


def _function(name: Any) -> Any:
    if not isinstance(name, str):
        return name
    module, _, own = name.rpartition(":")
    return getattr(import_module(module) if module else twists, own)
