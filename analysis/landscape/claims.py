"""The paper's claims beyond the landscapes, as questions to runs: Figures 3 and 4, Appendix B.1.

Each answer is a number with an interval and what the claim says of it; the runs decide.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .landscape import Best, best, gathered, grid, jobs, mean_interval, method
from .ridge import Array, Ridge, ridge

if TYPE_CHECKING:
    import xarray

    from ..sweep.sweep import Job

METHODS = {"Adam + L2": "adam", "AdamW": "adamw:lr"}
RATES = grid(-3, -1)
DECAYS = {"Adam + L2": grid(-4, 0), "AdamW": grid(-2, 2)}
POINTS = 21  # of training loss at which two methods are compared
RECORD = 42  # points in time; restarts are after 1/7 and 3/7 of the budget
SHARES = (0.125, 0.25, 0.5, 1.0, 2.0)  # of the budget, for the normalised decay
BUDGET_RATE, BUDGET_DECAYS = 1e-2, grid(-4, -0.5, 4)
Results = Mapping["Job", "xarray.Dataset"]


@dataclass(frozen=True)
class Claim:
    """One claim: `holds` is whether the whole interval agrees with it, None where undecided."""

    id: str
    statement: str
    measured: float | None
    interval: tuple[float, float] | None
    unit: str
    holds: bool | None
    note: str = ""


@dataclass(frozen=True)
class Plan:
    """What is asked of which problem."""

    problem: str
    options: tuple[tuple[str, Any], ...]
    seeds: int
    steps: int

    def grids(self) -> "dict[str, list[Job]]":
        """Return the jobs of both methods over learning rates and decays, a job a seed."""
        return {name: self._jobs(text, RATES, DECAYS[name]) for name, text in METHODS.items()}

    def budgets(self) -> "dict[int, list[Job]]":
        """Return the jobs of AdamW in the paper's form for budgets from 1/8 to 2 of the steps."""
        found = {}
        for share in SHARES:
            steps = max(1, round(share * self.steps))
            one = self._jobs("adamw", (BUDGET_RATE,), BUDGET_DECAYS)
            found[steps] = [replace(job, steps=steps) for job in one]
        return found

    def curves(self, chosen: Mapping[str, Best]) -> "dict[str, list[Job]]":
        """Return the jobs that record the error over time, at the best points of the grids."""
        return {
            label: [
                replace(job, schedule=schedule, record=min(RECORD, self.steps))
                for job in self._jobs(METHODS[name], (chosen[name].learning_rate,),
                                      (chosen[name].weight_decay,))
            ]
            for label, name, schedule in (
                ("Adam + L2, cosine", "Adam + L2", "cosine"),
                ("AdamW, cosine", "AdamW", "cosine"),
                ("AdamWR, warm restarts", "AdamW", "warm-restarts"),
            )
        }  # fmt: skip

    def _jobs(self, text: str, rates: Sequence[float], decays: Sequence[float]) -> "list[Job]":
        (own,) = jobs(
            self.problem,
            [method(text)],
            options=dict(self.options),
            seeds=self.seeds,
            steps=self.steps,
            learning_rates=rates,
            weight_decays=decays,
        ).values()
        return own


def datasets(planned: "Mapping[Any, Sequence[Job]]", results: Results) -> dict[Any, Any]:
    """Return one dataset a key, over its seeds."""
    return {key: gathered([results[job] for job in own]) for key, own in planned.items()}


def generalisation(grids: "Mapping[str, xarray.Dataset]", level: float) -> Claim:
    """Claim (ii): the best AdamW generalises better than the best Adam with L2."""
    l2, decay = (best(grids[name], level=level) for name in METHODS)
    statement = "AdamW's best test error is lower than that of Adam with L2 (claim ii)"
    if l2 is None or decay is None:
        return Claim("generalisation", statement, None, None, "points", None, "all runs diverged")
    pairs = zip(decay.errors, l2.errors, strict=True)
    mean, ends = mean_interval([100 * (a - b) for a, b in pairs], level)
    note = f"AdamW {100 * decay.error:.1f} %, Adam + L2 {100 * l2.error:.1f} %"
    return Claim("generalisation", statement, mean, ends, "points", _below(ends), note)


def equal_training_loss(grids: "Mapping[str, xarray.Dataset]", level: float) -> Claim:
    """Figure 3: at equal training loss AdamW has the lower test error.

    Each seed's test error is interpolated over ln(training loss) along the decays, at the method's
    best learning rate, and compared where both methods have been.
    """
    statement = "At equal training loss AdamW has the lower test error (Figure 3)"
    lines = [at_best_rate(grids[name]) for name in METHODS]
    gaps = [_gap(*pair) for pair in zip(*lines, strict=True)]
    known = [gap for gap in gaps if gap is not None]
    if len(known) < 2:
        return Claim("equal-loss", statement, None, None, "points", None,
                     "their training losses do not overlap")  # fmt: skip
    mean, ends = mean_interval([100 * gap for gap in known], level)
    return Claim("equal-loss", statement, mean, ends, "points", _below(ends))


def at_best_rate(result: "xarray.Dataset") -> list[tuple[Array, Array]]:
    """Return ln(training loss) and test error over the decays, a pair a seed."""
    means = result["test_error"].mean("seed", skipna=False).values
    row = int(np.nanmin(np.where(np.isfinite(means), means, np.inf), axis=1).argmin())
    own = result.isel(learning_rate=row)
    pairs = zip(own["train_loss"].values, own["test_error"].values, strict=True)
    return [(np.log(np.maximum(loss, 1e-9)), error) for loss, error in pairs]


def _gap(l2: tuple[Array, Array], decay: tuple[Array, Array]) -> float | None:
    """Return the mean of AdamW's error less that of Adam with L2, over the common losses."""
    lines = []
    for loss, error in (l2, decay):
        order = np.argsort(np.where(np.isfinite(loss), loss, np.inf))
        known = order[: int(np.isfinite(loss).sum())]
        lines.append((loss[known], error[known]))
    if min(len(loss) for loss, _ in lines) < 2:
        return None
    low, high = max(loss[0] for loss, _ in lines), min(loss[-1] for loss, _ in lines)
    if low >= high:
        return None
    at = np.linspace(low, high, POINTS)
    first, second = (np.interp(at, loss, error) for loss, error in lines)
    return float((second - first).mean())


def anytime(curves: "Mapping[str, xarray.Dataset]", level: float) -> Claim:
    """Figure 4: with warm restarts a good error is there sooner.

    The error is averaged over the time of training, which is what a user sees who may stop at any.
    """
    names = ("AdamW, cosine", "AdamWR, warm restarts")
    half = curves[names[0]].sizes["seed"] // 2  # those before have chosen
    cosine, restarts = (curves[name]["test_error"].isel(seed=slice(half, None)).squeeze(drop=True)
                        for name in names)  # fmt: skip
    gaps = 100 * (restarts - cosine).mean("time").values
    statement = "AdamWR's error, averaged over training, is lower than AdamW's (Figure 4)"
    if not np.isfinite(gaps).all():
        return Claim("anytime", statement, None, None, "points", None, "a run diverged")
    mean, ends = mean_interval(gaps.tolist(), level)
    last = 100 * float((restarts - cosine).isel(time=-1).mean())
    return Claim("anytime", statement, mean, ends, "points", _below(ends),
                 f"at the end {last:+.2f} points")  # fmt: skip


def _below(ends: tuple[float, float]) -> bool | None:
    return True if ends[1] < 0 else False if ends[0] > 0 else None


def budget(results: "Mapping[int, xarray.Dataset]", level: float) -> tuple[Claim, Ridge]:
    """Appendix B.1: λ* falls with the root of the budget, so that λ_norm need not be tuned anew."""
    statement = "d log λ* / d log(budget) is -1/2, as the normalised decay has it (Appendix B.1)"
    losses = np.stack([one["test_loss"].values[:, 0] for one in results.values()], axis=1)
    decays = next(iter(results.values()))["weight_decay"].values
    found = ridge(losses, np.array(list(results), dtype=float), decays, level=level)
    holds = None
    if found.interval is not None:
        holds = found.interval[0] <= -0.5 <= found.interval[1]
    note = found.note or "; ".join(f"best at the {e.replace('learning_rate', 'budget')}"
                                   for e in found.edges)  # fmt: skip
    return Claim("budget", statement, found.slope, found.interval, "slope", holds, note), found
