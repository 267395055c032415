"""Reasons: what explains a distance that the envelope does not hold, each proven by one of its own.

A right formula may be computed with numbers held in float32, with averages whose difference
cancels, or with subnormal numbers taken for 0. An explanation counts where it holds every result
of a case, and where the distance is of the size that it would give: what lies a thousand times
inside was no rounding of its kind.
"""

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...engine.arithmetic import HALF, Arithmetic, all_narrow
from ...rules.shapes import scope_of
from ..cases.case import Case, changed, each, rounded
from .enclosure import enclose
from .float32_scalars import held

Array = NDArray[np.float64]
# Right implementations reach 2.3, whatever the order of their operations; the classic mistakes
# reach thousands: see the figures in the documentation. The limit lies between.
LIMIT = 4.0
OWN = 2.0**-10  # of its bound; one rounding in a thousand is smaller
FIRST_STEPS = 2
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


def flushed_ratio(dialect: Any, parts: Sequence[Part], arithmetic: Arithmetic) -> float | None:
    """The worst ratio where subnormal numbers in the input are 0: None if that explains nothing."""
    tiny = float(np.finfo(arithmetic.compute).tiny) if arithmetic.compute not in HALF else 0.0
    primitives = replace(arithmetic.primitives, flush=True)
    wider = replace(arithmetic, primitives=primitives)
    zeroed = [(changed(dialect, case, partial(_without, tiny=tiny)), values)
              for case, values in parts]  # fmt: skip
    same = all(new is old for (new, _), (old, _) in zip(zeroed, parts, strict=True))
    if same:
        return None
    ratios = [enclose(dialect, case, arithmetic=wider).ratio(values) for case, values in zeroed]
    certain = [x for x in ratios if not np.all(np.isnan(x))]
    if not certain or not all(map(_inside, ratios)):
        return None
    return max(float(np.nanmax(x)) for x in certain)


def _without(case: Case, tiny: float) -> Case:
    """The case with its subnormal numbers 0: itself where it has none."""

    def flushed(x: Array) -> Array:
        return np.where((np.abs(x) < tiny) & (x != 0), np.zeros_like(x), x)

    new = replace(case, theta0=each(flushed, case.theta0), grads=each(flushed, case.grads),
                  inputs=each(flushed, case.inputs), template=None)  # fmt: skip
    pairs = zip(case.parts(), new.parts(), strict=True)
    same = all(np.array_equal(a.theta0, b.theta0) and np.array_equal(a.grads, b.grads, True)
               for a, b in pairs)  # fmt: skip
    return case if same else new


@dataclass(frozen=True)
class Told:
    """Why a case was missed by so little: `exact` are scalars whose float32 numbers give it all.

    `wide` are the reasons whose envelopes hold it, `other` is what is said where there is none.
    """

    exact: str = ""
    wide: tuple[str, ...] = ()
    other: str = ""

    def __str__(self) -> str:
        return self.exact or _joined(self.wide) or self.other


def excused(
    dialect: Any, parts: Sequence[Part], arithmetic: Arithmetic, only: Container[str] | None = None
) -> Told | None:
    """Why right values were missed by this much, or nothing: then it is another formula.

    With `only` no other reasons are tried.
    """
    case = parts[0][0]
    if case.dtype in HALF:
        return None
    every = _narrow(all_narrow(case.hyper))
    ratios = [every(dialect, *part, arithmetic) for part in parts]
    if all(np.all(np.isnan(ratio)) for ratio in ratios):
        return Told(other=NOTHING)
    within = all(map(_inside, ratios))
    names = [held(dialect, *part, arithmetic, LIMIT) for part in parts] if within else [""]
    tried = _reasons(case.hyper, case.dtype)[: None if within else 2]
    wide = tuple(
        reason.words
        for reason in tried
        if (only is None or reason.words in only)
        and all(reason.holds(dialect, *part, arithmetic) for part in parts)
    )
    exact = f"{max(names, key=len)} in float32" if all(names) else ""
    if not (exact or wide or within):
        return None
    return Told(exact, wide, UNKNOWN.format(dtype=case.dtype))


def _reasons(hyper: Any, dtype: str) -> list[Reason]:
    """Explanations, the tightest first; after the first two they are of scalars."""
    averages = {"beta1", "beta2"} <= set(hyper)
    single = [name for name in hyper if not name.startswith("beta")]
    reasons = [
        Reason(SINGLE, _in_float32 if dtype == "float64" else _never),
        Reason(CANCELS, _of_its_size(_cancelling) if averages else _never),
        *(Reason(f"{name} in float32", _of_its_size(_narrow((name,)))) for name in single),
        Reason(SCALARS, _of_its_size(_narrow(all_narrow(hyper)))),
    ]
    betas = [Reason(BIAS, _of_its_size(_narrow(("bias",)))),
             Reason(BETAS, _of_its_size(_narrow(("beta1", "beta2"))))]  # fmt: skip
    return [*reasons[:2], *(betas if averages else []), *reasons[2:]]


def common(told: Iterable[Told]) -> tuple[str, ...]:
    """The reasons that all of them have: one of some alone is none."""
    first, *others = (one.wide for one in told)
    return tuple(words for words in first if all(words in wide for wide in others))


def agreed(told: Sequence[Told], shared: tuple[str, ...]) -> list[str]:
    """What is said of each of these cases where all of them have the reasons `shared`."""
    return [one.exact or _joined(shared) or one.other for one in told]


def _joined(wide: Sequence[str]) -> str:
    """The reasons but for those that contain another of them."""
    if SINGLE in wide:  # the results themselves are float32 numbers
        return SINGLE
    larger = {SCALARS} if len(set(wide) - {CANCELS}) > 1 else set()
    larger |= {BETAS} if BIAS in wide else set()
    return ", or ".join(words for words in wide if words not in larger)


BIAS = "bias corrections computed in float32"
BETAS = "betas in float32"
SINGLE = "computed in float32"
CANCELS = "averages made as β m + (g - β g), which cancels"
SCALARS = "scalars in float32"


def _never(*_: Any) -> bool:
    return False


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
        return _ratios(dialect, case, values, arithmetic.with_narrow(*names))

    return ratios


def _cancelling(dialect: Any, case: Case, values: Array, arithmetic: Arithmetic) -> Array:
    return _ratios(dialect, case, values, replace(arithmetic, cancels=True))


def _ratios(dialect: Any, case: Case, values: Array, wider: Arithmetic) -> Array:
    """The ratios, of the first steps alone where one is beyond the limit: those cost little."""
    if _alone(dialect, case):
        some = _shortened(case, FIRST_STEPS)
        early = enclose(dialect, some, arithmetic=wider).ratio(values[:FIRST_STEPS])
        if not _inside(early):
            return early
    return enclose(dialect, case, arithmetic=wider).ratio(values)


def _alone(dialect: Any, case: Case) -> bool:
    """Whether a tensor's steps are its own, and not its tree's."""
    return case.whole is None or scope_of(dialect) != "tree"


def _in_float32(dialect: Any, case: Case, values: Array, arithmetic: Arithmetic) -> bool:
    """Whether float64 results are float32 numbers, and right as such."""
    with np.errstate(all="ignore"):
        if not np.array_equal(values, values.astype(np.float32), equal_nan=True):
            return False
    wider = replace(Arithmetic.of("float32"), primitives=arithmetic.primitives)
    single = changed(dialect, case, _single)
    ratio = _ratios(dialect, single, values, wider)
    return _inside(ratio) and not np.all(np.isnan(ratio))


def _single(case: Case) -> Case:
    """The case with float32 numbers."""
    hyper = {**case.hyper, **({"eps": 0.0} if _lost(case.hyper.get("eps", 1.0)) else {})}
    narrow = partial(rounded, dtype="float32")
    return replace(case, dtype="float32", theta0=each(narrow, case.theta0),
                   grads=each(narrow, case.grads), inputs=each(narrow, case.inputs), hyper=hyper,
                   template=case.template and _single(case.template))  # fmt: skip


def _shortened(case: Case, steps: int) -> Case:
    return replace(case, grads=case.grads[:steps], eta=case.eta[:steps],
                   inputs=each(lambda x: x[:steps], case.inputs),
                   template=case.template and _shortened(case.template, steps))  # fmt: skip


def _lost(eps: float) -> bool:
    return bool(np.float32(eps) == 0)
