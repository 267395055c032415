"""Hints: what the cases that fail have in common, and what each answer is worth.

Every sentence is a fact about the cases: all that fail have it, and some that have it not conform.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..cases.case import Case
from ..cases.life import WORDS
from ..judge.verdict import CaseVerdict

TELLING = 0.5  # the share of the cases that conform that have not what all the others have
FEW = 8  # elements: of a case that is no size
Has = Callable[[Case], bool]


def _hyper(name: str, test: Callable[[float], bool]) -> Has:
    return lambda case: (
        name in case.hyper
        and all(test({**case.hyper, **own}[name]) for own in (case.groups or ({},)))
    )


def _array(test: Callable[[Any], Any]) -> Has:
    """Whether some part of a case passes `test`."""
    return lambda case: any(bool(test(part)) for part in case.parts())


def _some(values: Any) -> bool:
    return bool(np.any(values))


def _event(name: str) -> Has:
    return lambda case: name in case.life


# What a case has, in words, from the special to the general.
KINDS: tuple[tuple[str, Has], ...] = (
    *((words, _event(name)) for name, words in WORDS.items()),
    ("gradients that are infinite or no numbers", lambda case: "nonfinite" in case.flags),
    ("tensors that have no gradient at some steps", lambda case: "none" in case.flags),
    ("tensors that begin late", lambda case: "late" in case.flags),
    ("tensors without a gradient for a while", lambda case: bool({"none", "late"} & {*case.flags})),
    ("groups with hyperparameters of their own", lambda case: "groups" in case.flags),
    ("an empty tensor", _array(lambda part: part.theta0.size == 0)),
    ("several tensors", lambda case: "tensors" in case.flags),
    ("a tensor that is a view", lambda case: "layout" in case.flags),
    ("a tensor of two dimensions or more",
     lambda case: "shaped" in case.flags and np.ndim(case.theta0) > 1),
    ("a tensor that has not one dimension", lambda case: "shaped" in case.flags),
    ("learning rate 0", _hyper("learning_rate", lambda x: x == 0)),
    ("momentum 0", _hyper("momentum", lambda x: x == 0)),
    ("beta1 0", _hyper("beta1", lambda x: x == 0)),
    ("beta2 0", _hyper("beta2", lambda x: x == 0)),
    ("eps 0", _hyper("eps", lambda x: x == 0)),
    ("dampening 1", _hyper("dampening", lambda x: x == 1)),
    ("no weight decay", _hyper("weight_decay", lambda x: x == 0)),
    ("subnormal gradients", lambda case: "subnormal" in case.flags),
    ("a first step with a rate of 0", _array(lambda part: part.eta[:1] == 0)),
    ("steps with a rate of 0", _array(lambda part: _some(part.eta == 0))),
    ("a schedule beyond 1", _array(lambda part: _some(part.eta > 1))),
    ("more than 2,000 steps", lambda case: len(case.eta) > 2000),
    ("a thousand steps and more", lambda case: "long" in case.flags),
    ("parameters below 2^-10", _array(lambda part: _some(np.abs(part.theta0) < 2.0**-10))),
    ("a quiet start, then bursts", lambda case: "burst" in case.flags),
    ("zero gradients", _array(lambda part: _some(part.grads == 0))),
    ("gradients beyond 2", _array(lambda part: _some(np.abs(part.grads) > 2))),
    ("a schedule that is not 1 throughout", _array(lambda part: _some(part.eta != 1))),
    ("more than one step", lambda case: len(case.eta) > 1),
    ("a weight decay", _hyper("weight_decay", lambda x: x != 0)),
)  # fmt: skip


def from_cases(
    cases: Sequence[Case], verdicts: Sequence[CaseVerdict], most: int = 2
) -> tuple[str, ...]:
    """What the cases that deviate have and those that conform have not, the narrowest first."""
    pairs = [
        p for p in zip(cases, verdicts, strict=True) if p[1].verdict in ("conforms", "deviates")
    ]
    failed = [case for case, v in pairs if v.verdict == "deviates"]
    passed = [case for case, v in pairs if v.verdict == "conforms"]
    if not failed or not passed:
        return ()
    return tuple(words for _, words in sorted(_shared(failed, passed), key=lambda x: -x[0])[:most])


def _shared(failed: Sequence[Case], passed: Sequence[Case]) -> Iterator[tuple[float, str]]:
    """How telling each fact is, by how many cases it leaves out, and in words."""
    kinds = [*KINDS, *_larger(failed), *_dtypes(failed)]
    told: list[tuple[bool, ...]] = []
    for words, has in kinds:
        without = tuple(not has(case) for case in passed)
        if not any(without) or without in told or not all(has(case) for case in failed):
            continue
        told.append(without)
        share = sum(without) / len(passed)
        if share < TELLING:
            continue
        rest = "" if share == 1 else f"; {sum(without)} of {len(passed)} that conform have none"
        yield share, f"every case that deviates has {words}{rest or ', none that conforms has'}"


def _larger(failed: Sequence[Case]) -> list[tuple[str, Has]]:
    least = min(_size(case) for case in failed)
    if least <= FEW:
        return []
    return [(f"a tensor of {least:,} elements or more", lambda case: _size(case) >= least)]


def _size(case: Case) -> int:
    return max((int(part.theta0.size) for part in case.parts()), default=0)


def _dtypes(failed: Sequence[Case]) -> list[tuple[str, Has]]:
    dtypes = {case.dtype for case in failed}
    if len(dtypes) > 1:
        return []
    (dtype,) = dtypes
    return [(f"the dtype {dtype}", lambda case: case.dtype == dtype)]
