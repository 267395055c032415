"""Reasons: what explains a distance that the envelope does not hold, each proven by one of its own.

A right formula may be computed with numbers held in float32, with averages whose difference
cancels, or with subnormal numbers taken for 0. An explanation counts where it holds every result
of a case, and where the distance is of the size that it would give: what lies a thousand times
inside was no rounding of its kind.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arithmetic import HALF, Arithmetic, all_narrow
from .case import Case, rounded
from .enclosure import enclose
from .held import held

Array = NDArray[np.float64]
# Right implementations reach 2.3, whatever the order of their operations; the classic mistakes
# reach thousands: see the figures in the documentation. The limit lies between.
LIMIT = 4.0
OWN = 2.0**-10  # of its bound; one rounding in a thousand is smaller
NOTHING = "a scalar in float32 could give anything here"  # whose eps is 0 there: an excuse beside
FLUSHED = "subnormal numbers are taken for 0"
UNKNOWN = "more than roundings of {dtype} explain, no more than scalars in float32 would: why is "
UNKNOWN += "not known"

Part = tuple[Case, Array]  # one tensor of a case, flat, and what came of it
Holds = Callable[[Any, Case, Array, Arithmetic], bool]


@dataclass(frozen=True)
class Reason:
    """An explanation in words, and whether it holds a tensor's results."""

    words: str
    holds: Holds


def flushes(dialect: Any, parts: Sequence[Part], arithmetic: Arithmetic) -> bool:
    """Whether subnormal numbers in the input that were taken for 0 explain the results."""
    tiny = float(np.finfo(arithmetic.compute).tiny) if arithmetic.compute not in HALF else 0.0
    primitives = replace(arithmetic.primitives, flush=True)
    wider = replace(arithmetic, primitives=primitives)
    zeroed = [(_without(case, tiny), values) for case, values in parts]
    same = all(new is old for (new, _), (old, _) in zip(zeroed, parts, strict=True))
    return not same and all(
        _inside(enclose(dialect, case, arithmetic=wider).ratio(values)) for case, values in zeroed
    )


def _without(case: Case, tiny: float) -> Case:
    """The case with its subnormal numbers 0: itself where it has none."""
    small = [(np.abs(x) < tiny) & (x != 0) for x in (case.theta0, case.grads)]
    if not any(map(np.any, small)):
        return case
    theta0, grads = (np.where(s, np.zeros_like(x), x)
                     for s, x in zip(small, (case.theta0, case.grads), strict=True))  # fmt: skip
    return replace(case, theta0=theta0, grads=grads, template=None)


def excused(dialect: Any, parts: Sequence[Part], arithmetic: Arithmetic) -> str:
    """Why right values were missed by this much, or nothing: then it is another formula."""
    case = parts[0][0]
    if case.dtype in HALF:
        return ""
    every = _narrow(all_narrow(case.hyper))
    wide = [every(dialect, *part, arithmetic) for part in parts]
    if all(np.all(np.isnan(ratio)) for ratio in wide):
        return NOTHING
    within = all(map(_inside, wide))
    names = [held(dialect, *part, arithmetic, LIMIT) for part in parts] if within else [""]
    if all(names):
        return f"{max(names, key=len)} in float32"
    kinds = _kinds(case.hyper, case.dtype)
    if told := [
        r.words for r in _holding(dialect, parts, arithmetic, kinds if within else kinds[:-1])
    ]:
        return OR.join(told)
    return UNKNOWN.format(dtype=case.dtype) if within else ""


def _holding(
    dialect: Any, parts: Sequence[Part], arithmetic: Arithmetic, kinds: Sequence[list[Reason]]
) -> Iterator[Reason]:
    """Explanations that hold all parts: one that is certain, or of each kind the tightest."""
    for kind in kinds:
        for reason in kind:
            if all(reason.holds(dialect, *part, arithmetic) for part in parts):
                yield reason
                if reason.words == SINGLE:
                    return
                break


def _kinds(hyper: Any, dtype: str) -> list[list[Reason]]:
    """Explanations of each kind, the tightest first; the last kind is of scalars."""
    averages = [Reason(CANCELS, _of_its_size(_cancelling))]
    betas = [Reason("bias corrections computed in float32", _of_its_size(_narrow(("bias",)))),
             Reason("betas in float32", _of_its_size(_narrow(("beta1", "beta2"))))]  # fmt: skip
    single = [name for name in hyper if not name.startswith("beta")]
    scalars = [Reason(f"{name} in float32", _of_its_size(_narrow((name,)))) for name in single]
    scalars += [Reason(SCALARS, _of_its_size(_narrow(all_narrow(hyper))))]
    adam = "beta1" in hyper
    return [
        [Reason(SINGLE, _in_float32)] if dtype == "float64" else [],
        averages if adam else [],
        [*(betas if adam else []), *scalars],
    ]


def common(told: Sequence[str]) -> str:
    """The reasons that every one of the texts has."""
    sets = [set(words.split(OR)) for words in told]
    return OR.join(w for w in told[0].split(OR) if all(w in one for one in sets))


def agreed(told: Sequence[str]) -> list[str]:
    """The reasons of cases without a common one: a reason of some alone is none."""
    unknown = next((words for words in told if words.endswith(UNKNOWN[-9:])), None)
    if unknown:
        return [unknown] * len(told)
    vague = any(OR in words for words in told)
    narrow = all("in float32" in words for words in told)
    return [SCALARS] * len(told) if narrow and vague else list(told)


SINGLE = "computed in float32"
CANCELS = "averages made as β m + (g - β g), which cancels"
SCALARS = "scalars in float32"
OR = ", or "


def _inside(ratio: Array) -> bool:
    return bool(np.all(np.isnan(ratio) | (ratio <= LIMIT)))


def _of_its_size(ratios: Callable[..., Array]) -> Holds:
    def holds(dialect: Any, case: Case, values: Array, arithmetic: Arithmetic) -> bool:
        ratio = ratios(dialect, case, values, arithmetic)
        if np.all(np.isnan(ratio)) or not _inside(ratio):
            return False
        return float(np.nanmax(ratio)) >= OWN

    return holds


def _narrow(names: tuple[str, ...]) -> Callable[..., Array]:
    def ratios(dialect: Any, case: Case, values: Array, arithmetic: Arithmetic) -> Array:
        wider = arithmetic.with_narrow(*names)
        return enclose(dialect, case, arithmetic=wider).ratio(values)

    return ratios


def _cancelling(dialect: Any, case: Case, values: Array, arithmetic: Arithmetic) -> Array:
    wider = replace(arithmetic, cancels=True)
    return enclose(dialect, case, arithmetic=wider).ratio(values)


def _in_float32(dialect: Any, case: Case, values: Array, arithmetic: Arithmetic) -> bool:
    """Whether float64 results are float32 numbers, and right as such."""
    with np.errstate(all="ignore"):
        if not np.array_equal(values, values.astype(np.float32), equal_nan=True):
            return False
    hyper = {**case.hyper, **({"eps": 0.0} if _lost(case.hyper.get("eps", 1.0)) else {})}
    theta0, grads = rounded(case.theta0, "float32"), rounded(case.grads, "float32")
    single = replace(case, dtype="float32", theta0=theta0, grads=grads, hyper=hyper, template=None)
    wider = replace(Arithmetic.of("float32"), primitives=arithmetic.primitives)
    ratio = enclose(dialect, single, arithmetic=wider).ratio(values)
    return _inside(ratio) and not np.all(np.isnan(ratio))


def _lost(eps: float) -> bool:
    return bool(np.float32(eps) == 0)
