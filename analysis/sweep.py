"""The batched training of a grid: every learning rate and weight decay at once, seed by seed.

A grid point is an entry of the leading axis of every array. The update is the dialect's own rule,
whose scalars are arrays with a value for each entry, computed on the host in float64.
"""

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

import wdref
from wdref.checks import check_count, check_number
from wdref.schedules import Schedule

from .data import Data, batches
from .entries import Entries
from .networks import Scratch
from .problems import Problem, problem

if TYPE_CHECKING:
    import xarray

Points = list[tuple[float, float]]  # learning rate and weight decay
Progress = Callable[[int, int], None]  # steps of grid points done, and in all

OPTIMIZERS = {"sgd": wdref.SGD, "sgdw": wdref.SGDW, "adam": wdref.Adam, "adamw": wdref.AdamW}
FORMS = {"sgd": ("l2",), "sgdw": ("paper", "lr"), "adam": ("l2",), "adamw": ("paper", "lr")}
SCHEDULES = ("fixed", "steps", "cosine", "warm-restarts")
DTYPES = ("float32", "float64")
MEASURES = ("train_loss", "train_error", "test_loss", "test_error")
BLOCK = 32  # grid points trained together: their arrays fit the cache


@dataclass(frozen=True)
class Job:
    """One optimizer and form of decay over a grid, from each seed.

    `options` are the problem's. The learning rate drops tenfold at 30, 60 and 80 % of the `steps`
    ("steps", as in the paper's Figure 1), falls as a cosine, or restarts in cycles of 1/7, 2/7 and
    4/7 of them ("warm-restarts"). `record` is the number of points in time that curves have.
    """

    problem: str
    options: tuple[tuple[str, Any], ...] = ()
    optimizer: str = "adamw"
    form: str = "paper"
    schedule: str = "cosine"
    steps: int = 1000
    batch: int = 64
    learning_rates: tuple[float, ...] = ()
    weight_decays: tuple[float, ...] = ()
    seeds: tuple[int, ...] = (0,)
    dtype: str = "float32"
    record: int = 0
    momentum: float = 0.9
    betas: tuple[float, float] = (0.9, 0.99)
    eps: float = 1e-8

    def __post_init__(self) -> None:
        """Refuse what cannot be run, naming it."""
        for name, known in (
            ("optimizer", tuple(OPTIMIZERS)),
            ("form", FORMS.get(self.optimizer, ())),
            ("schedule", SCHEDULES),
            ("dtype", DTYPES),
        ):
            if getattr(self, name) not in known:
                whose = f" of {self.optimizer}" if name == "form" else ""
                found = f"{name}={getattr(self, name)!r}{whose}"
                raise ValueError(f"{found}: expected {' or '.join(map(repr, known))}")
        check_count("steps", self.steps)
        check_count("batch", self.batch)
        for name in ("learning_rates", "weight_decays", "seeds"):
            values = getattr(self, name)
            if not values:
                raise ValueError(f"{name} is empty: expected at least one value")
            if len(set(values)) < len(values):
                raise ValueError(f"{name}={values}: a value comes twice")
        for i, value in enumerate(self.learning_rates):
            check_number(f"learning_rates[{i}]", value, above=0.0)
        for i, value in enumerate(self.weight_decays):
            check_number(f"weight_decays[{i}]", value, low=0.0)
        if not 0 <= self.record <= self.steps:
            raise ValueError(f"record={self.record}: expected 0 to {self.steps}, the steps")
        self.method(self.learning_rates[0], self.weight_decays[0])

    def method(self, learning_rate: float, weight_decay: float) -> wdref.Optimizer:
        """Return the optimizer of one grid point, as a user would write it."""
        own: dict[str, Any] = {"betas": self.betas, "eps": self.eps}
        if self.optimizer in ("sgd", "sgdw"):
            own = {"momentum": self.momentum}
        kind: Any = OPTIMIZERS[self.optimizer]
        own |= {"form": self.form, "schedule": self.multiplier()}
        found: wdref.Optimizer = kind(learning_rate=learning_rate, weight_decay=weight_decay, **own)
        return found

    def multiplier(self) -> Schedule:
        """η_t, the schedule of the learning rate."""
        if self.schedule == "fixed":
            return wdref.schedules.constant()
        if self.schedule == "steps":
            return wdref.schedules.step_drop(self.steps * share / 10 for share in (3, 6, 8))
        if self.schedule == "cosine":
            return wdref.schedules.cosine(self.steps)
        return wdref.schedules.warm_restarts(self.steps / 7, 2)

    def times(self) -> tuple[int, ...]:
        """Steps after which the curves are measured, the last step among them."""
        return tuple(round(self.steps * k / self.record) for k in range(1, self.record + 1))


def run(job: Job, *, xp: Any = None, progress: Progress | None = None) -> "xarray.Dataset":
    """Train every grid point from every seed, and measure.

    Returns a dataset with the dimensions seed, learning_rate, weight_decay and, if the job records
    curves, time: losses (nats a sample) and errors (shares, 0 to 1), float64, NaN where an entry
    diverged. `xp` is an Array API library, NumPy by default. `progress` is called with the steps of
    grid points done and in all. Bits depend on no other entry. No warning is given for overflow.
    """
    xp = np if xp is None else xp
    began, found = time.perf_counter(), problem(job.problem, **dict(job.options))
    points = [(a, w) for a in job.learning_rates for w in job.weight_decays]
    total = len(job.seeds) * len(points) * job.steps
    results, done = [], 0
    for seed in job.seeds:
        for low in range(0, len(points), BLOCK):
            block = points[low : low + BLOCK]
            results.append(_trained(job, found, seed, block, xp))
            done += len(block) * job.steps
            if progress:
                progress(done, total)
    table = np.concatenate(results)  # entries, times, measures
    return _dataset(job, table, time.perf_counter() - began)


def _trained(
    job: Job, found: Problem, seed: int, points: list[tuple[float, float]], xp: Any
) -> Any:
    from threadpoolctl import threadpool_limits

    with np.errstate(all="ignore"), threadpool_limits(1):
        return _train(job, found, seed, points, xp)


def _train(job: Job, found: Problem, seed: int, points: Points, xp: Any) -> Any:
    """Train a block; measures (entries, times, 4)."""
    data = _placed(found.data(seed), xp, job.dtype)
    start = found.network.start(np.random.default_rng([seed, 1]))
    params = {name: _repeated(xp, p, len(points), job.dtype) for name, p in start.items()}
    rates, decays = np.array(points).T
    entries = Entries(job.method(*points[0]), rates, decays, params, found.network.decays, xp)
    times, rows, scratch = (*job.times(),) or (job.steps,), [], Scratch(xp)
    for t, index in zip(range(1, job.steps + 1), _order(job, seed, len(data.x)), strict=False):
        x, y = (xp.take(a, xp.asarray(index), axis=0) for a in (data.x, data.y))
        entries.step(found.network.gradients(params, x, y, scratch))
        if t in times:
            rows.append(_measured(found, params, data))
    return np.stack(rows, axis=1)


def _order(job: Job, seed: int, samples: int) -> Iterator[Any]:
    if job.batch > samples:
        raise ValueError(f"batch={job.batch}: expected at most the {samples} training samples")
    return batches(np.random.default_rng([seed, 2]), samples, job.batch)


def _placed(data: Data, xp: Any, dtype: str) -> Data:
    return Data(*(xp.asarray(x, dtype=getattr(xp, dtype)) for x in vars(data).values()))


def _repeated(xp: Any, p: Any, k: int, dtype: str) -> Any:
    return xp.asarray(np.repeat(p[None], k, axis=0), dtype=getattr(xp, dtype))


def _measured(found: Problem, params: Mapping[str, Any], data: Data) -> Any:
    """Measures (entries, 4), NaN in the rows of diverged entries."""
    values = found.network.measures(params, (data.x, data.y), (data.test_x, data.test_y))
    table = np.stack([np.asarray(_host(v), dtype=np.float64) for v in values], axis=1)
    table[~np.isfinite(table).all(axis=1)] = np.nan
    return table


def _host(x: Any) -> Any:
    return x.get() if hasattr(x, "get") else x  # CuPy's


def _dataset(job: Job, table: Any, seconds: float) -> "xarray.Dataset":
    import xarray

    shape = (len(job.seeds), len(job.learning_rates), len(job.weight_decays))
    values = table.reshape(*shape, -1, len(MEASURES))
    dims = ("seed", "learning_rate", "weight_decay")
    coords: dict[str, Any] = {
        "seed": list(job.seeds),
        "learning_rate": list(job.learning_rates),
        "weight_decay": list(job.weight_decays),
    }
    if job.record:
        coords["time"] = list(job.times())
    kept = values if job.record else values[..., 0, :]
    over = (*dims, "time") if job.record else dims
    found = {name: (over, kept[..., i]) for i, name in enumerate(MEASURES)}
    diverged = np.isnan(values[..., -1, 0])
    attrs = {
        "job": json.dumps(asdict(job)),
        "versions": json.dumps({"wdref": version("wdref"), "numpy": np.__version__}),
        "seconds": seconds,
    }
    return xarray.Dataset({**found, "diverged": (dims, diverged)}, coords, attrs)


def cost(job: Job, *, steps: int = 10) -> float:
    """Estimate the seconds that `run` takes on one core, by timing a few steps of one block."""
    from dataclasses import replace

    count = min(BLOCK, len(job.learning_rates) * len(job.weight_decays))
    points = len(job.learning_rates) * len(job.weight_decays)
    few = replace(job, steps=min(steps, job.steps), seeds=job.seeds[:1], record=0)
    found = problem(job.problem, **dict(job.options))
    block = [(a, w) for a in job.learning_rates for w in job.weight_decays][:count]
    began = time.perf_counter()
    _trained(few, found, job.seeds[0], block, np)
    each = (time.perf_counter() - began) / few.steps
    return each * job.steps * len(job.seeds) * math.ceil(points / count)
