"""The batched training of a grid: every learning rate and weight decay at once, seed by seed.

A grid point is an entry of the leading axis of every array. The update is the dialect's own rule,
whose scalars are arrays with a value for each entry, computed on the host in float64.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from .data import Data, batches
from .entries import Entries
from .job import DTYPES, FORMS, OPTIMIZERS, SCHEDULES, Job
from .networks import Scratch
from .problems import Problem, problem

if TYPE_CHECKING:
    import xarray

__all__ = ["DTYPES", "FORMS", "OPTIMIZERS", "SCHEDULES", "Job", "cost", "dataset", "run"]

Array = Any
Progress = Callable[[int, int], None]  # steps of grid points done, and in all
Observe = Callable[[int, Entries, Mapping[str, Array]], None]  # seed, entries, their gradients
MEASURES = ("train_loss", "train_error", "test_loss", "test_error")
TOGETHER = 32  # grid points trained at once, so that what Python costs is shared,
ELEMENTS = 1 << 19  # but fewer of large models: their arrays should fit the cache
OFTEN = 50  # steps between two calls of `progress`


def run(
    job: Job,
    *,
    xp: Any = None,
    progress: Progress | None = None,
    observe: Observe | None = None,
) -> "xarray.Dataset":
    """Train every grid point from every seed, and measure.

    Returns a dataset with the dimensions seed, learning_rate, weight_decay and, if the job records
    curves, time: losses (nats a sample) and errors (shares, 0 to 1), float64, NaN where an entry
    diverged; ``diverged`` says which ended so. Attributes: the job and the versions as JSON.

    `xp` is an Array API library whose arrays can be written, NumPy by default. `progress` is called
    with the steps of grid points done and in all. `observe` is called after each step of a block of
    grid points with the seed, the entries (``params``, ``slots``, ``t``, ``hyper``) and the
    gradients that they stepped with; it must change nothing.

    All grid points of a seed have the same start and meet the same minibatches. An entry has the
    bits of its single training with ``job.method``, whatever the others are: with NumPy, that is;
    a GPU's matrix product may depend on how many there are. Overflow gives no warning.
    """
    began, training = time.perf_counter(), _Training(job, np if xp is None else xp)
    total, done = len(job.seeds) * len(job.points) * job.steps, 0

    def count(steps: int) -> None:
        nonlocal done
        done += steps
        if progress:
            progress(done, total)

    tables = [training.block(*own, count, observe) for own in training.blocks()]
    return dataset(job, np.concatenate(tables), time.perf_counter() - began)


def cost(job: Job, *, steps: int = 20) -> float:
    """Estimate the seconds that `run` takes on one core, by timing some steps of one block."""
    few = replace(job, steps=1, seeds=job.seeds[:1], record=0)
    points = job.points[: _Training(few, np).size]

    def seconds(count: int) -> float:
        training, began = _Training(replace(few, steps=count), np), time.perf_counter()
        training.block(job.seeds[0], points)
        return time.perf_counter() - began

    seconds(1)  # imports what is needed
    around = min(seconds(1) for _ in range(3))  # draws the data, measures once
    step = max(seconds(1 + steps) - around, 0.0) / steps
    blocks = len(job.seeds) * len(job.points) / len(points)
    return blocks * (step * job.steps + around * max(job.record, 1))


@dataclass(frozen=True)
class _Training:
    job: Job
    xp: Any

    @property
    def size(self) -> int:
        """Grid points in a block: of the job alone, so that no bit depends on the workers."""
        start = self._problem.network.start(np.random.default_rng(0))
        return max(1, min(TOGETHER, ELEMENTS // sum(p.size for p in start.values())))

    @cached_property
    def _problem(self) -> Problem:
        return problem(self.job.problem, **dict(self.job.options))

    def blocks(self) -> Iterator[tuple[int, list[tuple[float, float]]]]:
        """Yield seeds and grid points that are trained together."""
        points, size = self.job.points, self.size
        for seed in self.job.seeds:
            for low in range(0, len(points), size):
                yield seed, points[low : low + size]

    def block(
        self,
        seed: int,
        points: list[tuple[float, float]],
        count: Callable[[int], None] = lambda steps: None,
        observe: Observe | None = None,
    ) -> Any:
        """Train a block; measures (entries, times, 4)."""
        from threadpoolctl import threadpool_limits

        # BLAS threads cost more than they gain on products so small
        with np.errstate(all="ignore"), threadpool_limits(1):
            return self._train(seed, points, count, observe)

    def _train(self, seed: int, points: Any, count: Any, observe: Observe | None) -> Any:
        job, xp, model = self.job, self.xp, self._problem.network
        data, entries = self._data(seed), self._entries(seed, points)
        scratch, times, rows, since = Scratch(xp), set(job.times()), [], 0
        for t, index in zip(range(1, job.steps + 1), self._order(seed, data), strict=False):
            x, y = (xp.take(a, xp.asarray(index), axis=0) for a in (data.x, data.y))
            grads = model.gradients(entries.params, x, y, scratch)
            entries.step(grads)
            if observe:
                observe(seed, entries, grads)
            if t in times:
                rows.append(_measured(model, entries.params, data))
            if t % OFTEN == 0 or t == job.steps:
                count((t - since) * len(points))
                since = t
        return np.stack(rows, axis=1)

    def _data(self, seed: int) -> Data:
        dtype = getattr(self.xp, self.job.dtype)
        data = self._problem.data(seed)
        return Data(*(self.xp.asarray(x, dtype=dtype) for x in vars(data).values()))

    def _entries(self, seed: int, points: Any) -> Entries:
        model, dtype = self._problem.network, getattr(self.xp, self.job.dtype)
        start = model.start(np.random.default_rng([seed, 1]))
        params = {
            name: self.xp.asarray(np.repeat(p[None], len(points), axis=0), dtype=dtype)
            for name, p in start.items()
        }
        rates, decays = np.array(points).T
        method = self.job.method(*points[0])
        return Entries(method, rates, decays, params, model.decays, self.xp)

    def _order(self, seed: int, data: Data) -> Iterator[Any]:
        samples, batch = data.x.shape[0], self.job.batch
        if batch > samples:
            raise ValueError(f"batch={batch}: expected at most the {samples} training samples")
        return batches(np.random.default_rng([seed, 2]), samples, batch)


def _measured(model: Any, params: Mapping[str, Array], data: Data) -> Any:
    """Measures (entries, 4), NaN in the rows of entries that diverged."""
    values = model.measures(params, (data.x, data.y), (data.test_x, data.test_y))
    table = np.stack([np.asarray(_host(v), dtype=np.float64) for v in values], axis=1)
    table[~np.isfinite(table).all(axis=1)] = np.nan
    return table


def _host(x: Array) -> Any:
    return x.get() if hasattr(x, "get") else x  # CuPy's


def dataset(job: Job, table: Any, seconds: float) -> "xarray.Dataset":
    """Label the measures (entries of all seeds, times, 4); an entry without a loss diverged."""
    import xarray

    dims = ("seed", "learning_rate", "weight_decay")
    coords: dict[str, Any] = {dim: list(getattr(job, f"{dim}s")) for dim in dims}
    values = table.reshape(*(len(coords[dim]) for dim in dims), -1, len(MEASURES))
    over = (*dims, "time") if job.record else dims
    kept = values if job.record else values[..., 0, :]
    if job.record:
        coords["time"] = list(job.times())
    found = {name: (over, kept[..., i]) for i, name in enumerate(MEASURES)}
    attrs = {
        "job": json.dumps(asdict(job)),
        "versions": json.dumps({"wdref": version("wdref"), "numpy": np.__version__}),
        "seconds": seconds,
    }
    diverged = (dims, np.isnan(values[..., -1, 0]))
    return xarray.Dataset({**found, "diverged": diverged}, coords, attrs)
