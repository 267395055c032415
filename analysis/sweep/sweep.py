"""The batched training of a grid: every learning rate and weight decay at once, seed by seed.

A grid point is an entry of the leading axis of every array. The update is the dialect's own rule,
whose scalars are arrays with a value for each entry, computed on the host in float64.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from array_api_compat import array_namespace

from ..networks.scratch import Scratch
from ..networks.subnormals import flushed
from ..problems.data import Data, batches
from ..problems.problems import Problem, problem
from .entries import Entries
from .job import DTYPES, FORMS, OPTIMIZERS, SCHEDULES, Job

if TYPE_CHECKING:
    import xarray

__all__ = ["DTYPES", "FORMS", "OPTIMIZERS", "SCHEDULES", "Job", "Training", "dataset", "run"]

Array = Any
Progress = Callable[[int, int], None]  # steps of grid points done, and in all
Observe = Callable[[int, Entries, Mapping[str, Array]], None]  # seed, entries, their gradients
MEASURES = ("train_loss", "train_error", "test_loss", "test_error")
TOGETHER = 96  # grid points trained at once, so that what Python costs is shared,
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
    bits of its single training with ``job.method``, whatever the others are: with NumPy, that is,
    and in `quiet`, as here. More threads of BLAS cut a product elsewhere, with other last digits
    on some processors; subnormal numbers are zeros here, where `analysis.subnormals` can have it
    so; a GPU's matrix product may depend on how many entries there are. Overflow gives no warning.
    """
    began, training = time.perf_counter(), Training(job, np if xp is None else xp)
    total, done = len(job.seeds) * len(job.points) * job.steps, 0

    def count(steps: int) -> None:
        nonlocal done
        done += steps
        if progress:
            progress(done, total)

    tables = [training.run(*own, count, observe) for own in training.blocks()]
    return dataset(job, np.concatenate(tables), time.perf_counter() - began)


@dataclass(frozen=True)
class Training:
    """How a job is cut into blocks of grid points that are trained at once."""

    job: Job
    xp: Any = np

    @cached_property
    def _problem(self) -> Problem:
        return problem(self.job.problem, **dict(self.job.options))

    def blocks(self) -> Iterator[tuple[int, list[tuple[float, float]]]]:
        """Yield seeds and grid points that are trained together, equally many in each block.

        How many depends on the job alone, so that no bit depends on the workers.
        """
        points, start = self.job.points, self._problem.network.start(np.random.default_rng(0))
        most = max(1, min(TOGETHER, ELEMENTS // sum(p.size for p in start.values())))
        count = -(-len(points) // most)
        cuts = [len(points) * k // count for k in range(count + 1)]
        for seed in self.job.seeds:
            for low, high in pairwise(cuts):
                yield seed, points[low:high]

    def start(self, seed: int, points: Any) -> "Block":
        """Draw the data and the parameters of a block."""
        model, dtype = self._problem.network, getattr(self.xp, self.job.dtype)
        drawn = self._problem.data(seed)
        data = Data(*(self.xp.asarray(x, dtype=dtype) for x in vars(drawn).values()))
        params = {
            name: self.xp.asarray(np.repeat(p[None], len(points), axis=0), dtype=dtype)
            for name, p in model.start(np.random.default_rng([seed, 1])).items()
        }
        rates, decays = np.array(points).T
        method = self.job.method(*points[0])
        entries = Entries(method, rates, decays, params, model.decays, self.xp)
        return Block(model, data, entries, self._order(seed, data), Scratch(self.xp))

    def _order(self, seed: int, data: Data) -> Iterator[Any]:
        samples, batch = data.x.shape[0], self.job.batch
        if batch > samples:
            raise ValueError(f"batch={batch}: expected at most the {samples} training samples")
        indices = batches(np.random.default_rng([seed, 2]), samples, batch)
        return map(self.xp.asarray, indices)

    def run(self, seed: int, points: Any, count: Callable[[int], None], observe: Any) -> Any:
        """Train a block; measures (entries, times, 4)."""
        times, rows, since = set(self.job.times()), [], 0
        with quiet():
            block = self.start(seed, points)
            for t in range(1, self.job.steps + 1):
                grads = block.step()
                if observe:
                    observe(seed, block.entries, grads)
                if t in times:
                    rows.append(block.measured())
                if t % OFTEN == 0 or t == self.job.steps:
                    count((t - since) * len(points))
                    since = t
        return np.stack(rows, axis=1)


@contextmanager
def quiet() -> Iterator[None]:
    """What a training runs in: overflow is silent, subnormal numbers are zeros, BLAS has a thread.

    More threads cost more than they gain on products so small.
    """
    from threadpoolctl import threadpool_limits

    with np.errstate(all="ignore"), threadpool_limits(1), flushed():
        yield


@dataclass(frozen=True)
class Block:
    """Grid points that are trained at once from one seed."""

    model: Any
    data: Data
    entries: Entries
    order: Iterator[Array]
    scratch: Scratch

    def step(self) -> Mapping[str, Array]:
        """Train with the next minibatch, and return the gradients."""
        index = next(self.order)
        x, y = (array_namespace(a).take(a, index, axis=0) for a in (self.data.x, self.data.y))
        grads: Mapping[str, Array] = self.model.gradients(self.entries.params, x, y, self.scratch)
        self.entries.step(grads)
        return grads

    def measured(self) -> Any:
        """Return the measures (entries, 4), NaN in the rows of entries that diverged."""
        own = self.data
        values = self.model.measures(self.entries.params, (own.x, own.y), (own.test_x, own.test_y))
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
        "versions": json.dumps(dict(_versions())),
        "seconds": seconds,
    }
    diverged = (dims, np.isnan(values[..., -1, 0]))
    return xarray.Dataset({**found, "diverged": diverged}, coords, attrs)


def _versions() -> Iterator[tuple[str, str]]:
    """What the last digits depend on."""
    for name in ("wdref", "numpy", "numba"):
        with suppress(PackageNotFoundError):
            yield name, version(name)
