"""The theory that came after the paper, tried: every check by the item that it belongs to.

>>> from wdref.analysis.theory import checks
>>> [check.holds for check in checks(["2-scale"])]
[True]
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from . import (
    theory_average,
    theory_ball,
    theory_cautious,
    theory_filter,
    theory_grokking,
    theory_half,
    theory_linear,
    theory_rotation,
    theory_scale,
    theory_schedule,
)
from .theory_check import Check

Group = Callable[[], Iterator[Check]]

# What each group yields stands beside it, so that one check is found without running them all.
GROUPS: Mapping[Group, tuple[str, ...]] = {
    theory_ball.box: ("1-box", "1-ridge", "1-kkt"),
    theory_ball.betas: ("1-betas",),
    theory_scale.rescaling: ("2-scale",),
    theory_scale.proximal: ("2-proximal",),
    theory_rotation.adam: ("3-adamw-norm", "3-adamw-angle", "3-l2-norm", "3-l2-angle",
                           "3-exponent"),
    theory_rotation.sgdm: ("3-sgd0-norm", "3-sgd0-angle", "3-sgd0.9-norm", "3-sgd0.9-angle"),
    theory_schedule.corrected: ("4-corrected", "4-steady"),
    theory_average.average: ("5-average",),
    theory_average.tau: ("5-tau", "5-budget"),
    theory_linear.propositions: ("6-prop1", "6-varying", "6-prop3", "6-prop2", "6-limit"),
    theory_cautious.unregularised: ("7-minimum",),
    theory_cautious.pareto: ("7-pareto",),
    theory_schedule.undecayed: ("8-rate",),
    theory_half.threshold: ("8-bfloat16-half", "8-bfloat16-above", "8-bfloat16-double",
                            "8-float16-half", "8-float16-above", "8-float16-double"),
    theory_filter.posterior: ("9-mean",),
    theory_filter.rates: ("9-root", "9-inverse"),
    theory_filter.shrinking: ("9-decay",),
    theory_grokking.law: ("12-scale", "12-decay"),
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
