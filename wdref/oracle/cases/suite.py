"""Cases: what an implementation under test is fed with, and why each case is there.

A case prescribes θ_0, every gradient, the hyperparameters and the schedule; nothing depends on the
implementation's own results, so that any program in any language can be fed with it. All values
come from integers by exact arithmetic: they are the same on every machine.
"""

from collections.abc import Iterator
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from ...engine.arithmetic import HALF
from ...rules.contract import Dialect
from .case import DTYPES, Case, each, noise, rounded
from .given import given
from .lives import NAMES as LIVES
from .lives import lives
from .plans import Plan, bound_plans, branching_plans, half_plans, plans
from .shapes import hyper_of, ranks, shapes, tensors, together, views


@given
def regimes(claim: str, dialect: Dialect, dtype: str) -> Iterator[Case]:
    """Yield each plan with the hyperparameters that `dialect` reads: one tensor, a few columns."""
    own = (*plans(dtype), *branching_plans(), *bound_plans(dialect)) if dtype not in HALF else ()
    for plan in own or half_plans():
        if _applies(plan, dialect):
            yield _case(plan, claim, dialect, dtype)


def _applies(plan: Plan, dialect: Dialect) -> bool:
    if plan.asks and plan.hyper[plan.asks] != hyper_of(dialect, plan.hyper).get(plan.asks):
        return False  # it is not read, or is the same in every case
    if plan.asks == "momentum" and not dialect.slots:
        return False
    if "nonfinite" in plan.flags and dialect.clip != "none":
        return False  # libraries differ in what the smaller of NaN and a bound is
    # λ/α, the coefficient of Proposition 1, has no value at α = 0
    return not (plan.id == "rate-0" and dialect.form == "scaled_l2")


def _case(plan: Plan, claim: str, dialect: Dialect, dtype: str) -> Case:
    T, n = plan.steps, plan.size
    theta = (plan.theta or (lambda T, n: noise(T, n, 99)))(1, n)[0]
    return Case(
        id=f"{plan.id}/{dtype}",
        rule=claim,
        dtype=dtype,
        theta0=rounded(theta, dtype),
        grads=rounded(plan.fill(T, n), dtype),
        hyper=MappingProxyType(hyper_of(dialect, plan.hyper)),
        eta=np.array([_short(plan.eta(t)) for t in range(1, T + 1)]),
        purpose=plan.purpose,
        flags=plan.flags,
    )


def _short(eta: float) -> float:
    # 20 bits of a cosine are the same on every machine
    return round(eta * 2**20) / 2**20


def probes(claim: str, dialect: Dialect, dtype: str) -> Iterator[Case]:
    """Yield what identification needs: no sizes."""
    yield from regimes(claim, dialect, dtype)
    yield from ranks(claim, dialect, dtype)
    yield from tensors(claim, dialect, dtype)


# Of each dtype what the others do not show: a formula shows in the widest; what programs branch on,
# a long run's roundings and the bookkeeping of several tensors in the one that every framework has.
BRIEF = {
    "float64": ("exaggerated", "wide", "sparse", "bursts", "stop", "mixed"),
    "float32": ("exaggerated", "ordinary", "wide", "sparse", "eps-rules", "subnormal", "groups",
                "late", "no-momentum", "beta1-0", "beta2-0", "pauses", "graded", "awakening",
                "no-numbers", "scalar", "tall", "filters", "groups-own", "gaps", *LIVES),
    "float16": ("exaggerated", "vanishing", "underflow"),
    "bfloat16": ("exaggerated", "vanishing", "resume"),  # which holds every usual eps
}  # fmt: skip
# Rows that share the sizes have a quarter each of these, too.
SHARED = {"float32": ("overshoot", "large", "eps-0", "undamped", "all-damped", "rate-0", "rate-2",
                      "origin", "column", "square", "broad", "cube", "tensors-many",
                      "counter")}  # fmt: skip
BRIEF_STEPS = 400  # of the longest, but for the one that counts them


def brief(
    claim: str, dialect: Dialect, dtype: str, part: tuple[int, int] = (0, 1)
) -> Iterator[Case]:
    """Yield a suite that catches what the whole one does, for many targets in little time.

    The sizes are one case where the target can take several tensors. `part` is the row's place
    among those that share them, and the number of these.
    """
    row, rows = part
    names = (*BRIEF[dtype], *SHARED.get(dtype, ())[row % 4 :: 4 if rows > 1 else 1])
    for some in (regimes, ranks, tensors, lives):
        yield from map(_shorter, (c for c in some(claim, dialect, dtype) if _named(c) in names))
    yield from together(claim, dialect, dtype, part)


def _shorter(case: Case) -> Case:
    """One coordinate and fewer steps of the cases that are long: the others say no more."""
    if not {"long", "vanishing"} & set(case.flags) or _named(case) == "counter":
        return case
    grads, eta = case.grads[:BRIEF_STEPS, :1], case.eta[:BRIEF_STEPS]
    purpose = case.purpose.replace("a thousand", str(BRIEF_STEPS))
    inputs = each(lambda x: x[:BRIEF_STEPS, :1], case.inputs)
    return replace(case, theta0=case.theta0[:1], grads=grads, inputs=inputs, eta=eta,
                   purpose=purpose)  # fmt: skip


def _named(case: Case) -> str:
    return case.id.partition("/")[0]


def cases(
    claim: str, dialect: Dialect, dtype: str, *, with_lives: bool = True, with_views: bool = False
) -> Iterator[Case]:
    """Yield the suite for a rule: regimes, then ranks, sizes, several tensors, and lives.

    Tensors that are views of others come with `with_views` alone: few users have them.
    """
    if dtype not in DTYPES:
        raise ValueError(f"dtype {dtype!r}: the suite has cases in {', '.join(DTYPES)}")
    yield from regimes(claim, dialect, dtype)
    yield from ranks(claim, dialect, dtype)
    yield from shapes(claim, dialect, dtype)
    yield from tensors(claim, dialect, dtype)
    if with_lives:
        yield from lives(claim, dialect, dtype)
    if with_views:
        yield from views(claim, dialect, dtype)
