"""Right implementations, drawn from seeds: where each is worst in the suite, and how bad.

None may be accused. There are formulas of Adam and SGD in other orders, of every family its rule in
other ways, and forms by hand.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np

from ....engine.arithmetic import Primitives
from ....rules.derived import derived
from ....rules.shapes import scope_of
from ...cases.case import Case, each
from ...cases.suite import cases, probes
from ...judge.verdict import judge
from ...targets.targets import Result
from . import by_hand, orders, ways
from .claims import CLAIMS, claims_of, kind_of, known_families

DTYPES = ("float64", "float32")
RIGHTS = 400  # formulas of Adam and SGD
LONG = range(0, 364, 91)  # of these the ones that meet a thousand steps: one a family and dtype
SUMMING = 2  # ways for each claim of a rule that sums, in each dtype


@dataclass(frozen=True)
class Right:
    """A right implementation: where it is worst, and how bad."""

    family: str
    dtype: str
    order: Any  # `orders.Order`, `ways.Way`, or the name of a form
    case: str
    ratio: float


def rights() -> Iterator[Right]:
    """Yield every right implementation."""
    yield from (worst_right(seed, long=seed in LONG) for seed in range(RIGHTS))
    yield from map(worst_way, range(len(implementations())))
    yield from (worst_form(name, dtype) for name in by_hand.CLAIMS for dtype in DTYPES)


# -- formulas -------------------------------------------------------------------------------------


def worst_right(seed: int, *, long: bool = False) -> Right:
    """Return where the formula number `seed` is worst in the suite.

    The seed says which claim it implements, in which dtype and order. Of the short cases it meets
    every second, as does the next one of its claim and dtype the others; every fortieth meets the
    sizes too, and with `long` the cases of a thousand steps.
    """
    claim, dtype, turn = implemented(seed)
    order = orders.Order.draw(seed)
    met = _met(claim, dtype, sizes=seed % 40 == 0)
    taken = [case for i, case in enumerate(met)
             if (long if "long" in case.flags else (i + turn) % 2 == 0)]  # fmt: skip
    right = Right(claim.family, dtype, order, "", 0.0)
    return _worst(right, taken, claim, lambda case: orders.run(order, case, claim))


def implemented(seed: int) -> tuple[Any, str, int]:
    """Return the claim and the dtype of a formula, and its place among theirs."""
    claims = [claim for pair in zip(*CLAIMS.values(), strict=True) for claim in pair]
    turn, pair = divmod(seed, 2 * len(claims))
    return claims[pair % len(claims)], DTYPES[pair // len(claims)], turn


# -- every family ---------------------------------------------------------------------------------


@derived
def implementations() -> tuple[tuple[Any, str], ...]:
    """Return the claim and the dtype of every way, whose seed is its place here."""
    return tuple(pair for family in known_families() for claim in claims_of(family)
                 for pair in product([claim], DTYPES)
                 for _ in range(1 if scope_of(claim) == "element" else SUMMING))  # fmt: skip


def worst_way(seed: int, *, share: int = 1) -> Right:
    """Return where the way number `seed` is worst; of the cases it meets every `share`-th.

    The first of a kind in a dtype meet the sizes and the cases of a thousand steps, too.
    """
    claim, dtype = implementations()[seed]
    way = ways.Way.draw(seed)
    whole = share == 1 and claim == _first(kind_of(claim))
    taken = [case for i, case in enumerate(_met(claim, dtype, sizes=whole))
             if ("long" not in case.flags or whole) and (i + seed) % share == 0
             and (not way.flush or _defined(way, case, claim))]  # fmt: skip
    right = Right(kind_of(claim), dtype, way, "", 0.0)
    return _worst(right, taken, claim, lambda case: ways.run(way, case, claim))


@derived
def _first(kind: str) -> Any:
    return next(claim for claim, _ in implementations() if kind_of(claim) == kind)


def _defined(way: ways.Way, case: Case, claim: Any) -> bool:
    """Whether the claim has a value where subnormal numbers are 0: without ε it may be 0/0.

    No machine that flushes them can have another one.
    """
    tiny = np.finfo(case.dtype).tiny

    def zeroed(x: Any) -> Any:
        return np.where(np.abs(x) < tiny, np.zeros_like(x), x)

    read = replace(case, theta0=each(zeroed, case.theta0), grads=each(zeroed, case.grads))
    path = ways.run(replace(way, flush=False), read, claim)
    return "nonfinite" in case.flags or all(np.isfinite(x).all() for x in path)


def worst_form(name: str, dtype: str, *, share: int = 1) -> Right:
    """Return where a form by hand is worst, of every `share`-th case."""
    claim = by_hand.CLAIMS[name]
    taken = [case for case in _met(claim, dtype, sizes=False) if "long" not in case.flags][::share]
    right = Right(claim.family, dtype, name, "", 0.0)
    return _worst(right, taken, claim, lambda case: by_hand.run(name, case))


def _worst(right: Right, taken: list[Case], claim: Any, run: Callable[[Case], Any]) -> Right:
    primitives = Primitives(flush=getattr(right.order, "flush", False))
    for case in taken:
        verdict = judge(claim, case, Result("ok", run(case)), primitives=primitives)
        if verdict.ratio is not None and not verdict.ratio <= right.ratio:
            right = replace(right, case=case.id, ratio=verdict.ratio)
    return right


@lru_cache(maxsize=4)
def _met(claim: Any, dtype: str, *, sizes: bool) -> tuple[Case, ...]:
    return tuple((cases if sizes else probes)(claim.family, claim, dtype))
