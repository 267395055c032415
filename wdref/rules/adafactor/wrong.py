"""Steps of Adafactor as bugs make them: see bugs.toml.

``(base, theta, g, slots, s)``, a generator as the rule is: it asks for the sums that the rule does.
"""

from collections.abc import Callable, Sequence
from typing import Any

from ...sums import Rounds


def summed(base: Any, theta: Any, g: Any, slots: Sequence[Any], s: Any, /) -> Rounds:
    """V̂ = R C / Σ R where R holds means: a matrix of n rows has an n-th of its V̂."""

    def of_means(asked: Sequence[Any], sums: Sequence[Any]) -> Sequence[Any]:
        alone = [each.over for each in asked] == ["columns"]
        return [sums[0] * g.shape[-2]] if alone else sums

    return _with_other_sums(base.rule()(theta, g, slots, s), of_means)


def swapped(base: Any, theta: Any, g: Any, slots: Sequence[Any], s: Any, /) -> Rounds:
    """The means of the rows over n and those of the columns over m: of a square none is other."""

    def of_the_other(asked: Sequence[Any], sums: Sequence[Any]) -> Sequence[Any]:
        if [each.over for each in asked] != ["rows", "columns"]:
            return sums
        of_rows, of_columns = sums
        n, m = g.shape[-2:]
        return [of_rows * (m / n), of_columns * (n / m)]

    return _with_other_sums(base.rule()(theta, g, slots, s), of_the_other)


def _with_other_sums(
    rounds: Rounds, other: Callable[[Sequence[Any], Sequence[Any]], Sequence[Any]]
) -> Rounds:
    sums: Any = None
    while True:
        try:
            asked = rounds.send(sums)
        except StopIteration as end:
            result: tuple[Any, tuple[Any, ...]] = end.value
            return result
        sums = other(asked, (yield asked))
