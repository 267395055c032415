"""The theory that came after the paper, tried: every check by the item that it belongs to.

>>> from wdref.analysis.theory.theory import checks
>>> [check.holds for check in checks(["2-scale"])]
[True]
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from .check import Check
from .checks import (
    average,
    ball,
    cautious,
    filter,
    grokking,
    half,
    linear,
    rotation,
    scale,
    schedule,
)

Group = Callable[[], Iterator[Check]]

# What each group yields stands beside it, so that one check is found without running them all.
GROUPS: Mapping[Group, tuple[str, ...]] = {
    ball.box: ("1-box", "1-ridge", "1-kkt"),
    ball.betas: ("1-betas",),
    scale.rescaling: ("2-scale",),
    scale.proximal: ("2-proximal",),
    rotation.adam: ("3-adamw-norm", "3-adamw-angle", "3-l2-norm", "3-l2-angle",
                           "3-exponent"),
    rotation.sgdm: ("3-sgd0-norm", "3-sgd0-angle", "3-sgd0.9-norm", "3-sgd0.9-angle"),
    schedule.corrected: ("4-corrected", "4-steady"),
    average.average: ("5-average",),
    average.tau: ("5-tau", "5-budget"),
    linear.propositions: ("6-prop1", "6-varying", "6-prop3", "6-prop2", "6-limit"),
    cautious.unregularised: ("7-minimum",),
    cautious.pareto: ("7-pareto",),
    schedule.undecayed: ("8-rate",),
    half.threshold: ("8-bfloat16-half", "8-bfloat16-above", "8-bfloat16-double",
                            "8-float16-half", "8-float16-above", "8-float16-double"),
    filter.posterior: ("9-mean",),
    filter.rates: ("9-root", "9-inverse"),
    filter.shrinking: ("9-decay",),
    grokking.law: ("12-scale", "12-decay"),
}  # fmt: skip
IDS = tuple(id for ids in GROUPS.values() for id in ids)


def checks(only: Sequence[str] = ()) -> Iterator[Check]:
    """Yield the checks, or those of `only`: ids ("3-exponent") or items ("3").

    Raises ValueError, naming what exists, where one is neither.
    """
    return _run(chosen(only))


def chosen(only: Sequence[str]) -> list[str]:
    """Return the ids of the checks that `only` means, all where it is empty."""
    for name in only:
        if not any(_is(id, name) for id in IDS):
            items = dict.fromkeys(id.partition("-")[0] for id in IDS)
            raise ValueError(f"no check {name!r}: items are {', '.join(items)}, "
                             f"checks {', '.join(IDS)}")  # fmt: skip
    return [id for id in IDS if not only or any(_is(id, name) for name in only)]


def _run(wanted: Sequence[str]) -> Iterator[Check]:
    for group, ids in GROUPS.items():
        if set(ids) & set(wanted):
            yield from (check for check in group() if check.id in wanted)


def _is(id: str, name: str) -> bool:
    return id == name or id.partition("-")[0] == name
