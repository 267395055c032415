"""What a rule that looks at a whole tensor reads before its step, for its sums."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from wdref.sums import Count

SIZE = 64  # elements that are tried
STEP = 3  # whose correction is no 1 and whose averages began before


def reads(opt: Any) -> tuple[tuple[str, ...], ...]:
    """Return the names of the arrays that each round of sums reads: g alone, for a clip.

    Other numbers in an array change the terms that are made of it, and no others. What sums along
    rows or columns is evaluated as written: how often it reads is not known here.
    """
    d = opt.dialect
    if d.scope == "element" or set(d.shapes) - {"like", "scalar"}:
        return ()
    names = ("theta", "g", *d.slots)
    like = [name for name, kind in zip(names, ("like", "like", *d.shapes), strict=True)
            if kind == "like"]  # fmt: skip
    given = {name: _numbers(k) if name in like else 1.0 for k, name in enumerate(names)}
    plain = _terms(opt, given)
    other = {name: _terms(opt, {**given, name: _numbers(99)}) for name in like}
    return tuple(tuple(name for name in like if not _same(plain[k], other[name][k]))
                 for k in range(len(plain)))  # fmt: skip


def _numbers(seed: int) -> Any:
    """Numbers of both signs; slots that are squares have none below 0."""
    x = np.random.default_rng(seed).standard_normal(SIZE)
    return abs(x) if seed > 1 else x


def _terms(opt: Any, given: dict[str, Any]) -> list[list[Any]]:
    """The terms of every round, whose sums are taken to be 1."""
    theta, g, *slots = given.values()
    rounds = opt.dialect.rounds(theta, g, tuple(slots), opt.scalars(STEP)[0])
    asked = [next(rounds)]
    while True:
        try:
            asked.append(rounds.send([1.0] * len(asked[-1])))
        except StopIteration:
            return [[x.terms for x in each if not isinstance(x, Count)] for each in asked]


def _same(a: Sequence[Any], b: Sequence[Any]) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))
