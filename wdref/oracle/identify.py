"""Identification: which dialect a target is, found among all of them and then certified.

Every dialect of the family runs on the probing cases in float64; the one with the smallest residual
is judged by its enclosures on every case. What no enclosure holds is said to match nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from itertools import product
from typing import Any, get_args

import numpy as np

from ..conventions import CONVENTIONS
from ..dialects import AdamDialect, Dialect, Form, MomentumDialect
from .cases import Case
from .targets import Result
from .verdict import LIMIT, judge

PROBES = ("exaggerated", "bursts", "shrinking", "sparse")


@dataclass(frozen=True)
class Candidate:
    """A dialect and how far the target is from it, relative to the size of the parameters."""

    dialect: Dialect
    residual: float


@dataclass(frozen=True)
class Identity:
    """The answer: the match, or None with the nearest dialect in `nearest`; both have residuals."""

    nearest: Candidate
    certified: bool
    runner_up: Candidate | None
    also: tuple[Dialect, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the keys of ``wdref identify --json`` but the target's name."""
        runner_up = self.runner_up
        return {
            "match": describe(self.nearest.dialect) if self.certified else None,
            "nearest": describe(self.nearest.dialect),
            "residual": self.nearest.residual,
            "runner_up": runner_up
            and {**describe(runner_up.dialect), "residual": runner_up.residual},
            "known_bug": None,
            "also": [describe(d) for d in self.also],
        }


def identify(cases: Sequence[Case], results: Sequence[Result], family: str) -> Identity | None:
    """Return what `results` on `cases` are, or None where no probe gave a finite result."""
    pairs = [(c, r) for c, r in zip(cases, results, strict=True) if r.values is not None]
    probes = _probes(pairs)
    if not probes:
        return None
    given = set(probes[0][0].hyper)
    found = sorted(
        (Candidate(d, _residual(d, probes)) for d in candidates(family) if given >= set(d.hyper)),
        key=lambda c: (c.residual, _oddity(c.dialect)),
    )
    if not np.isfinite(found[0].residual):
        return None
    tied = [c for c in found if c.residual <= max(10 * found[0].residual, _noise(probes))]
    tied.sort(key=lambda c: _oddity(c.dialect))
    best = next((c for c in tied if _certified(c.dialect, pairs)), None)
    nearest = best or found[0]
    also = tuple(c.dialect for c in tied if best and c is not best and _certified(c.dialect, pairs))
    others = [c for c in found if c is not nearest and c.dialect not in also]
    return Identity(nearest, best is not None, others[0] if others else None, also)


@cache
def candidates(family: str) -> tuple[Dialect, ...]:
    """Every dialect of the family, without those that are another one in other words."""
    return tuple(_adams() if family == "adam" else _momenta())


def _decays() -> Iterator[dict[str, Any]]:
    for form in get_args(Form):
        yield {"form": form}
        if form in ("paper", "lr", "fixed"):  # the others have no decay after the step
            yield {"form": form, "order": "after"}


def _adams() -> Iterator[AdamDialect]:
    eps_at = ("outside", "hat", "inside", "both", "clamp")
    bias = ("both", "none", "first", "ahead", "in_place")
    for decay, eps, b, a in product(_decays(), eps_at, bias, ("none", "raw", "hat")):
        if b in ("none", "first") and (eps == "hat" or a == "hat"):
            continue  # without a correction of v there is nothing before or after it
        yield AdamDialect(**decay, eps=eps, bias=b, amsgrad=a)


def _momenta() -> Iterator[MomentumDialect]:
    damping = (("none", "damped"), ("dampening", "damped"), ("dampening", "gradient"),
               ("ema", "damped"), ("ema", "gradient"))  # fmt: skip
    for decay, lr, (d, first), nesterov in product(
        _decays(), ("inside", "outside"), damping, (False, True)
    ):
        yield MomentumDialect(**decay, lr=lr, damping=d, first=first, nesterov=nesterov)
    for decay in _decays():
        yield MomentumDialect(**decay, buffer=False)


def describe(dialect: Dialect) -> dict[str, Any]:
    """Return the answers, the conventions that give them, and the recurrence."""
    answers = asdict(dialect)
    if "bias" in answers:
        answers["bias_correction"] = answers.pop("bias")
    names = [
        f"{convention} {claim}"
        for convention, rules in CONVENTIONS.items()
        for claim, d in rules.items()
        if d == dialect
    ]
    recurrence = list(dialect.recurrence())
    return {"rule": dialect.family, **answers, "names": names, "recurrence": recurrence}


def run_plain(dialect: Dialect, case: Case) -> Any:
    """Trajectory of a dialect on a case in float64 NumPy, (T, n)."""
    theta = case.theta0.astype(np.float64)
    slots: Sequence[Any] = [np.zeros_like(theta) for _ in dialect.slots]
    path = []
    with np.errstate(all="ignore"):
        for t, (g, eta) in enumerate(
            zip(case.grads.astype(np.float64), case.eta.tolist(), strict=True), 1
        ):
            theta, slots = dialect.apply(theta, g, slots, dialect.scalars(case.hyper, t, eta))
            path.append(theta)
    return np.array(path)


def _probes(pairs: Sequence[tuple[Case, Result]]) -> list[tuple[Case, Result]]:
    """Probing cases in the widest dtype that gave results."""
    for dtype in ("float64", "float32"):
        found = [p for p in pairs if p[0].id in [f"{name}/{dtype}" for name in PROBES]]
        if found:
            return found
    return []


def _noise(probes: Sequence[tuple[Case, Result]]) -> float:
    """Residual that rounding alone explains in the dtype of the probes."""
    return float(np.finfo(probes[0][0].dtype).eps) * 64


def _residual(dialect: Dialect, probes: Sequence[tuple[Case, Result]]) -> float:
    worst = 0.0
    for case, result in probes:
        mine = run_plain(dialect, case)
        with np.errstate(all="ignore"):
            scale = np.maximum(np.max(np.abs(mine)), 1e-300)
            far = float(np.max(np.abs(result.values - mine)) / scale)
        worst = max(worst, far if np.isfinite(far) else np.inf)
    return worst


def _certified(dialect: Dialect, pairs: Sequence[tuple[Case, Result]]) -> bool:
    """Whether the enclosures of `dialect` hold every result; float32 may be imprecise."""
    widest = max(case.dtype for case, _ in pairs)  # "float64" sorts last
    # short cases first: the first that no enclosure holds is the last that is computed
    wide = sorted((p for p in pairs if p[0].dtype == widest), key=lambda p: p[0].grads.size)
    verdicts = (judge(dialect, case, result) for case, result in wide)
    return all(v.ratio is None or v.ratio <= LIMIT or v.verdict == "imprecise" for v in verdicts)


def _oddity(dialect: Dialect) -> int:
    """How many answers are not the paper's, form aside: ties go to the plainest name."""
    plain = type(dialect)(form=dialect.form)
    return sum(
        a != b for a, b in zip(asdict(dialect).values(), asdict(plain).values(), strict=True)
    )
