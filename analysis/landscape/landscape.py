"""Landscapes over learning rate and weight decay: what to run, and what the runs show."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from ..problems.problems import problem as problem_named
from ..sweep.sweep import FORMS, OPTIMIZERS, SCHEDULES, Job
from .ridge import Ridge, ridge

if TYPE_CHECKING:
    import xarray

METRICS = ("test_loss", "test_error")
PER_DECADE = 2
Ends = tuple[float, float]
# Decades of the default grids: learning rates, then weight decays. Wide enough that on the problems
# here the best decay lies inside; the output says so where it does not.
PLAIN: dict[tuple[str, str], tuple[Ends, Ends]] = {
    ("sgd", "l2"): ((-2.5, 0), (-4, 0)),
    ("sgdw", "paper"): ((-2.5, 0), (-5, -0.5)),
    ("sgdw", "lr"): ((-2.5, 0), (-3, 1)),
    ("adam", "l2"): ((-3.5, -1), (-4, 0)),
    ("adamw", "paper"): ((-3.5, -1), (-5, -0.5)),
    ("adamw", "lr"): ((-3.5, -1), (-2, 2)),
}
# Where every weight is normalised, any learning rate can work: these are so small that without
# decay the weights would hardly turn within the budget, and decay alone decides how fast they do.
NORMALISED: dict[tuple[str, str], tuple[Ends, Ends]] = {
    ("sgd", "l2"): ((-5, -2.5), (-1.5, 3.5)),
    ("sgdw", "paper"): ((-5, -2.5), (-4, 0)),
    ("sgdw", "lr"): ((-5, -2.5), (0, 4.5)),
    ("adam", "l2"): ((-3, -1), (-4.5, 2.5)),
    ("adamw", "paper"): ((-5, -2.5), (-4, 0)),
    ("adamw", "lr"): ((-5, -2.5), (0, 4.5)),
}


@dataclass(frozen=True)
class Method:
    """An optimizer, the form of its decay, and a schedule."""

    optimizer: str
    form: str
    schedule: str = "cosine"

    @property
    def name(self) -> str:
        """``adamw`` for the optimizer's own form, ``adamw:lr`` for another."""
        own = self.form == FORMS[self.optimizer][0]
        return self.optimizer if own else f"{self.optimizer}:{self.form}"


def method(text: str, schedule: str = "cosine") -> Method:
    """Read ``adamw`` or ``adamw:lr``.

    >>> method("adamw:lr").form
    'lr'
    >>> method("adam:paper")
    Traceback (most recent call last):
    ValueError: 'adam:paper': adam has the form l2; decoupled it is called adamw
    """
    optimizer, _, form = text.partition(":")
    if optimizer not in OPTIMIZERS:
        raise ValueError(f"{text!r}: expected one of {', '.join(OPTIMIZERS)}")
    if form and form not in FORMS[optimizer]:
        forms, other = " or ".join(FORMS[optimizer]), optimizer + "w"
        hint = f"; decoupled it is called {other}" if other in OPTIMIZERS else ""
        raise ValueError(f"{text!r}: {optimizer} has the form {forms}{hint}")
    if schedule not in SCHEDULES:
        raise ValueError(f"schedule {schedule!r}: expected one of {', '.join(SCHEDULES)}")
    return Method(optimizer, form or FORMS[optimizer][0], schedule)


def grid(first: float, last: float, per_decade: int = PER_DECADE) -> tuple[float, ...]:
    """Return powers of ten from 10^first to 10^last, rounded to three digits.

    >>> grid(-3, -2)
    (0.001, 0.00316, 0.01)
    """
    count = round((last - first) * per_decade)
    return tuple(float(f"{10 ** (first + k / per_decade):.3g}") for k in range(count + 1))


def jobs(
    problem: str,
    methods: Iterable[Method],
    *,
    seeds: int,
    steps: int,
    options: Mapping[str, Any] | None = None,
    learning_rates: Sequence[float] = (),
    weight_decays: Sequence[float] = (),
    **others: Any,
) -> dict[Method, list[Job]]:
    """Return the jobs of each method, one a seed, so that more seeds compute the new ones alone.

    Raises ValueError for a grid, an option or a count that cannot be.
    """
    found, grids = {}, NORMALISED if is_normalised(problem, options or {}) else PLAIN
    for one in methods:
        rates, decays = (grid(*ends) for ends in grids[one.optimizer, one.form])
        whole = Job(
            problem=problem,
            options=tuple(sorted((options or {}).items())),
            optimizer=one.optimizer,
            form=one.form,
            schedule=one.schedule,
            steps=steps,
            learning_rates=_growing(learning_rates or rates),
            weight_decays=_growing(weight_decays or decays),
            seeds=tuple(range(seeds)),
            **others,
        )
        found[one] = [replace(whole, seeds=(seed,)) for seed in whole.seeds]
    return found


def is_normalised(problem: str, options: Mapping[str, Any]) -> bool:
    """Whether every layer of the problem's network is normalised."""
    network: Any = problem_named(problem, **options).network
    layers = range(getattr(network, "depth", 0))
    return bool(layers) and all(network.is_normalised(layer) for layer in layers)


def _growing(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(sorted(values))


def gathered(parts: "Sequence[xarray.Dataset]") -> "xarray.Dataset":
    """Return the seeds' results as one dataset."""
    import xarray

    return xarray.concat(parts, dim="seed", combine_attrs="override").sortby("seed")


@dataclass(frozen=True)
class Best:
    """The grid point that the first half of the seeds chooses, judged by the others.

    ``errors`` are those of the other seeds there, `error` their mean, `interval` by Student's t.
    """

    learning_rate: float
    weight_decay: float
    error: float
    interval: tuple[float, float]
    errors: tuple[float, ...]


def best(result: "xarray.Dataset", *, level: float = 0.95) -> Best | None:
    """Return the best of the grid by test error, or None where every run diverged.

    The minimum of a grid is biased, the more points, the luckier it is; so who chooses does not
    judge. Leaving out one seed after the other would waste less, but its errors depend on each
    other: on a grid of pure noise the interval of five, stated 95 %, covers 77 %.
    """
    errors = result["test_error"].values
    bad = ~np.isfinite(errors).all(axis=0)
    if len(errors) < 2 or bad.all():
        return None
    half = len(errors) // 2
    means = np.where(bad, np.inf, errors[:half].mean(axis=0))
    i, j = np.unravel_index(int(means.argmin()), bad.shape)
    rate, decay = result["learning_rate"].values[i], result["weight_decay"].values[j]
    judged = errors[half:, i, j].tolist()
    mean, interval = mean_interval(judged, level)
    return Best(float(rate), float(decay), mean, interval, tuple(judged))


def mean_interval(values: Sequence[float], level: float) -> tuple[float, tuple[float, float]]:
    """Return the mean and its interval, by Student's t; without end for a single value."""
    from scipy.stats import t

    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, (-math.inf, math.inf)
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    half = float(t.ppf((1 + level) / 2, len(values) - 1)) * error
    return mean, (mean - half, mean + half)


@dataclass(frozen=True)
class Inside:
    """How much worse the best point is that has neighbours on all sides than the one at an end.

    `difference` is the mean over the seeds of the loss inside minus that at the end. ``as_good``
    where 0 is in its interval: then chance may have put the best point where the grid ends.
    """

    difference: float
    interval: tuple[float, float]

    @property
    def as_good(self) -> bool:
        """Whether the seeds cannot tell the two apart."""
        return self.interval[0] <= 0 <= self.interval[1]


def inside(losses: np.ndarray[Any, Any], *, level: float = 0.95) -> Inside | None:
    """Compare the best inside the grid with the best at its ends; None where that is inside.

    `losses` are (seeds, learning rates, weight decays). None, too, where every run of one of the
    two kinds diverged.
    """
    means = np.where(np.isfinite(losses).all(axis=0), losses.mean(axis=0), np.inf)
    within = np.full_like(means, np.inf)
    within[1:-1, 1:-1] = means[1:-1, 1:-1]
    end, other = int(means.argmin()), int(within.argmin())
    if end == other or not np.isfinite(within.flat[other]):
        return None
    each = losses.reshape(len(losses), -1)
    return Inside(*mean_interval((each[:, other] - each[:, end]).tolist(), level))


def difference(one: Best, other: Best, *, level: float = 0.95) -> dict[str, Any]:
    """Return the mean difference of the errors, seed by seed, so that the data's share cancels."""
    pairs = zip(one.errors, other.errors, strict=True)
    mean, interval = mean_interval([a - b for a, b in pairs], level)
    return {"difference": mean, "interval": interval}


def differences(found: "Mapping[str, Found]", *, level: float = 0.95) -> list[dict[str, Any]]:
    """Compare the best of each grid with that of every other method of the same schedule."""
    known = [(name, one.method.schedule, one.best) for name, one in found.items() if one.best]
    return [
        {"one": name, "other": other, **difference(best_one, best_other, level=level)}
        for (other, schedule, best_other), (name, same, best_one) in combinations(known, 2)
        if schedule == same
    ]


@dataclass(frozen=True)
class Found:
    """What the runs of one method show."""

    method: Method
    result: "xarray.Dataset"
    ridge: Ridge
    best: Best | None
    inside: Inside | None = None


def landscape(
    one: Method,
    parts: "Sequence[xarray.Dataset]",
    *,
    metric: str = "test_loss",
    level: float = 0.95,
) -> Found:
    """Measure the ridge of a method's landscape, and the best of its grid."""
    result = gathered(parts)
    rates, decays = result["learning_rate"].values, result["weight_decay"].values
    losses = result[metric].values
    found = ridge(losses, rates, decays, level=level)
    return Found(one, result, found, best(result, level=level), inside(losses, level=level))


def document(found: Found) -> dict[str, Any]:
    """Return what is found as plain numbers, for JSON."""
    result = found.result
    means = {name: _table(result[name]) for name in METRICS}
    diverged = int(result["diverged"].sum())
    return {
        "optimizer": found.method.optimizer,
        "form": found.method.form,
        "schedule": found.method.schedule,
        **ridge_and_best(found),
        "ridge": [vars(row) for row in found.ridge.rows],
        "diverged": diverged,
        "grid": {
            "learning_rates": result["learning_rate"].values.tolist(),
            "weight_decays": result["weight_decay"].values.tolist(),
            **means,
        },
    }


def ridge_and_best(found: Found) -> dict[str, Any]:
    """Return slope, angle and the best of the grid as plain numbers."""
    own = found.ridge
    return {
        "coupling": own.slope,
        "interval": own.interval,
        "angle": own.angle,
        "angle_interval": own.angle_interval,
        "coupling_fewer_and_more_rows": own.scales,
        "edges": list(own.edges),
        "inside": vars(found.inside) | {"as_good": found.inside.as_good} if found.inside else None,
        "note": own.note,
        "best": None if found.best is None else vars(found.best),
    }


def _table(values: "xarray.DataArray") -> list[list[float | None]]:
    mean = values.mean("seed", skipna=False).values
    return [[float(x) if math.isfinite(x) else None for x in row] for row in mean]
