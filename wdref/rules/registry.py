"""The families: those of the folders here, and those of other packages, found by entry point.

A family of another package is named in the group ``wdref.families``: the value leads to its
`Family` record. What cannot be used is left out, with one line that says why; the others work.
"""

import warnings
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules
from types import MappingProxyType
from typing import Any

from .contract import Claim, Family
from .derived import derived
from .derived import forget as forget
from .faults import faults

GROUP = "wdref.families"
FIRST = ("sgd", "adam")  # the paper's come before the others


class FamilyWarning(UserWarning):
    """A family that is left out, and why."""


@derived
def families() -> Mapping[str, Family]:
    """Return the families by name: the paper's, the others of wdref, those of other packages."""
    found: dict[str, Family] = {}
    for where, family in _loaded():
        problem = f"the name {family.name!r} is taken" if family.name in found else faults(family)
        problem = problem or _taken(family, found.values())
        if problem:
            _left_out(where, problem)
        else:
            found[family.name] = family
    return MappingProxyType(found)


def _loaded() -> Iterator[tuple[str, Family]]:
    own = sorted((m.name for m in iter_modules(import_module(__package__).__path__) if m.ispkg),
                 key=lambda name: (name not in FIRST, FIRST.index(name) if name in FIRST else 0,
                                   name))  # fmt: skip
    for name in own:
        yield f"{__package__}.{name}", import_module(f"{__package__}.{name}").FAMILY
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        try:
            family = point.load()
        except Exception as error:  # whatever another package raises
            _left_out(point.value, f"it raises {type(error).__name__}: {error}")
            continue
        if isinstance(family, Family):
            yield point.value, family
        else:
            _left_out(point.value, f"it is a {type(family).__name__}, not a Family")


def _taken(family: Family, others: Any) -> str:
    for other in others:
        for name in ("name", "method"):
            mine, theirs = ({getattr(c, name) for c in f.claims} for f in (family, other))
            same = mine & theirs
            if same:
                return f"claims: {', '.join(sorted(same))} is one of the family {other.name!r}"
    return ""


def _left_out(where: str, problem: str) -> None:
    words = " ".join(problem.split())
    warnings.warn(f"the family {where} is left out: {words}", FamilyWarning, stacklevel=3)


@derived
def claims() -> Mapping[str, Family]:
    """Return the family of every claim."""
    return MappingProxyType(
        {c.name: family for family in families().values() for c in family.claims}
    )


def claim(name: str) -> Claim:
    """Return the record of a claim that is there."""
    return next(c for c in claims()[name].claims if c.name == name)
