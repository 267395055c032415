"""The kill table: is every mutant caught and named, and how far are right and wrong apart?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from ...conventions import dialect
from ...engine.arithmetic import Primitives
from ..bugs import tensor_bugs
from ..bugs.gallery import gallery
from ..bugs.mutants import Mutant
from ..cases.case import Array, Case
from ..cases.suite import cases, probes
from ..cases.trajectory import trajectory
from ..identify.identify import Identity, identify
from ..judge.verdict import CaseVerdict, judge, judge_all, overall
from ..targets.targets import Result
from .rights.orders import Order, run

DTYPES = ("float64", "float32")
RIGHTS = 400  # right implementations
LONG = range(0, 364, 91)  # of these the ones that meet a thousand steps: one a family and dtype
LATE = ("ordinary/float64", "counter/float32")


@dataclass(frozen=True)
class Row:
    """One mutant: the verdict on it and the best ratio it reaches in each dtype.

    `agrees`: identification certifies a rule where every case conforms to it, and nowhere else.
    """

    id: str
    title: str
    reference: str
    caught: bool
    named: bool
    agrees: bool
    ratios: dict[str, float]


def kill_table(convention: str = "pytorch") -> Iterator[Row]:
    """Judge and identify every mutant of the gallery, as the dialect that it claims to be."""
    yield from map(row_of, gallery(convention))
    yield from (row_of(bug, convention) for bug in tensor_bugs.GALLERY)


def row_of(bug: Any, convention: str = "pytorch") -> Row:
    """Judge and identify one mutant."""
    if isinstance(bug, Mutant):
        cases = suite(bug.claim, late=bug.late)
        return _row(bug, bug.claim, cases, [simulated(bug.rule, case) for case in cases])
    claim = dialect("adamw", convention)
    cases = suite(claim)
    return _row(bug, claim, cases, [simulated(claim, case, bug) for case in cases])


def suite(claim: Any, *, late: bool = False) -> list[Case]:
    """Every case but the sizes and the longest, in both dtypes; `late` has one long one in each."""
    found = [case for dtype in DTYPES for case in probes(claim.family, claim, dtype)]
    return [case for case in found if "long" not in case.flags or (late and case.id in LATE)]


def simulated(rule: Any, case: Case, bug: Any = None) -> Result:
    """Run a rule, or a bug of several tensors, in NumPy in the dtype of the case."""
    if "tensors" in case.flags:
        paths = tensor_bugs.simulate(rule, case, bug, dtype=case.dtype)
        return Result("ok", [path.astype(np.float64) for path in paths])
    return Result("ok", plainly(rule, case))


def plainly(rule: Any, case: Case) -> Array:
    """Trajectory of a rule as written, in the dtype of the case: (T, n)."""
    path = [theta for theta, _ in trajectory(rule, case)]
    return np.array(path).astype(np.float64).reshape(len(path), -1)


def _row(bug: Any, claim: Any, cases: Sequence[Case], results: Sequence[Result]) -> Row:
    verdicts = [judge(claim, case, result) for case, result in zip(cases, results, strict=True)]
    identity = identify(cases, results, claim.family, claim=claim)
    named = identity is not None and bug.id in [found.id for found in identity.bugs]
    agrees = identity is None or identity.certified == _conforms(identity, cases, results)
    ratios = {dtype: _largest(verdicts, dtype) for dtype in DTYPES}
    caught = overall(verdicts) == "deviates"
    return Row(bug.id, bug.title, bug.reference, caught, named, agrees, ratios)


def _conforms(identity: Identity, cases: Sequence[Case], results: Sequence[Result]) -> bool:
    return overall(judge_all(identity.nearest.rule, cases, results, {})) == "conforms"


def _largest(verdicts: Sequence[CaseVerdict], dtype: str) -> float:
    found = [v.ratio for v in verdicts if v.id.endswith(dtype) and v.ratio is not None]
    return max(found)


@dataclass(frozen=True)
class Margin:
    """Right and wrong of one family in one dtype: the worst right ratio, the best wrong one."""

    family: str
    dtype: str
    right: float
    wrong: float
    rights: int
    wrongs: int


def margins(count: int = RIGHTS, convention: str = "pytorch") -> list[Margin]:
    """Return the margin of each family and dtype: `count` right implementations, every mutant."""
    rights = [worst_right(seed, long=seed in LONG) for seed in range(count)]
    rows = list(_families(convention))
    found = []
    for family in CLAIMS:
        for dtype in DTYPES:
            right = [r.ratio for r in rights if (r.family, r.dtype) == (family, dtype)]
            wrong = [row.ratios[dtype] for kind, row in rows if kind == family]
            found.append(Margin(family, dtype, max(right), min(wrong), len(right), len(wrong)))
    return found


def _families(convention: str) -> Iterator[tuple[str, Row]]:
    kinds = [mutant.claim.family for mutant in gallery(convention)]
    rows = list(kill_table(convention))
    yield from zip([*kinds, *("adam" for _ in tensor_bugs.GALLERY)], rows, strict=True)


# what right implementations implement: every form, and the answers that programs differ in
CLAIMS = {
    "adam": (
        dialect("adamw", "pytorch"),
        dialect("adam", "pytorch"),
        dialect("adamw", "paper"),
        dialect("adamw", "keras"),
        dialect("adamw", "tf_addons"),
        dialect("adamw", "thinc"),
        dialect("adamw", "mlx"),
    ),
    "sgd": (
        dialect("sgd", "pytorch"),
        dialect("sgd", "pytorch", nesterov=True),
        dialect("sgd", "paper"),
        dialect("sgdw", "paper"),
        dialect("sgdw", "keras", nesterov=True),
        dialect("sgdw", "tf_addons"),
        dialect("sgdw", "paper", order="after"),
    ),
}


@dataclass(frozen=True)
class Right:
    """A right implementation: where it is worst, and how bad."""

    family: str
    dtype: str
    order: Order
    case: str
    ratio: float


def worst_right(seed: int, *, long: bool = False) -> Right:
    """Return where the right implementation number `seed` is worst in the suite.

    The seed says which claim it implements, in which dtype and order. Of the short cases it meets
    every second, as does the next one of its claim and dtype the others; every fortieth meets the
    sizes too, and with `long` the cases of a thousand steps.
    """
    claim, dtype, turn = implemented(seed)
    order = Order.draw(seed)
    worst = Right(claim.family, dtype, order, "", 0.0)
    for i, case in enumerate(_met(claim, dtype, sizes=seed % 40 == 0)):
        if long if "long" in case.flags else (i + turn) % 2 == 0:
            result = Result("ok", run(order, case, claim))
            verdict = judge(claim, case, result, primitives=Primitives(flush=order.flush))
            if verdict.ratio is not None and not verdict.ratio <= worst.ratio:
                worst = replace(worst, case=case.id, ratio=verdict.ratio)
    return worst


def implemented(seed: int) -> tuple[Any, str, int]:
    """Return the claim and the dtype of a right implementation, and its place among theirs."""
    claims = [claim for pair in zip(*CLAIMS.values(), strict=True) for claim in pair]
    turn, pair = divmod(seed, 2 * len(claims))
    return claims[pair % len(claims)], DTYPES[pair // len(claims)], turn


@lru_cache(maxsize=4)
def _met(claim: Any, dtype: str, *, sizes: bool) -> tuple[Case, ...]:
    return tuple((cases if sizes else probes)(claim.family, claim, dtype))
