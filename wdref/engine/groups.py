"""Groups: which hyperparameters a leaf has, and whether it decays."""

import fnmatch
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import optree

from . import tree

Array = Any
Predicate = Callable[[str, Array], bool]


def assigned(
    groups: Sequence[tuple[str | Predicate, Mapping[str, Any]]], decay_mask: Any,
    thetas: Sequence[Array], spec: optree.PyTreeSpec,
) -> Sequence[int]:  # fmt: skip
    """Return two numbers a group for each leaf, with and without decay; group 0 is none.

    Raises ValueError for a pattern that matches no leaf, and for a mask that is no such tree.
    """
    if not groups and decay_mask is None:
        return (0,) * len(thetas)
    names = tree.paths(spec)
    decays = _decays(decay_mask, thetas, spec, names)
    chosen = [0] * len(thetas)
    for g, (pattern, _) in reversed(list(enumerate(groups, start=1))):  # the first wins
        hits = [i for i, p in enumerate(thetas) if _matches(pattern, names[i], p)]
        if not hits:
            raise ValueError(f"groups: {pattern!r} matches no leaf of {', '.join(names)}")
        for i in hits:
            chosen[i] = g
    return [2 * g + (not decay) for g, decay in zip(chosen, decays, strict=True)]


def _decays(
    mask: Any, thetas: Sequence[Array], spec: optree.PyTreeSpec, names: Sequence[str]
) -> Sequence[bool]:
    if mask is None:
        return (True,) * len(thetas)
    if callable(mask):
        return [bool(mask(*pair)) for pair in zip(names, thetas, strict=True)]
    return [bool(x) for x in tree.flatten_like("decay_mask", mask, spec)]


def _matches(pattern: str | Predicate, name: str, leaf: Array) -> bool:
    if callable(pattern):
        return bool(pattern(name, leaf))
    return fnmatch.fnmatchcase(name, pattern)
