"""What a sweep costs, beside a loop over single models: timed in turn, on one core."""

import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from ..problems.data import batches
from ..problems.problems import problem
from .job import Job
from .sweep import Training, quiet

ROUNDS, BATCHED, SINGLE = 9, 6, 40  # timings of each, and the updates in one


class Cost(NamedTuple):
    """Seconds on one core: of the whole job, and of an update of one grid point, either way."""

    job: float
    batched: float
    single: float

    @property
    def ratio(self) -> float:
        """How many times as much a loop costs."""
        return self.single / self.batched


def cost(job: Job) -> Cost:
    """Time some updates of the batched sweep and of a loop in turn, and what is measured once.

    The loop is what a user would write: one model, this library's gradients of it, the optimizer's
    own step. Both read the same minibatches from memory, on one core.
    """
    training = Training(job)
    seed, points = next(training.blocks())
    with quiet():
        block = training.start(seed, points)
        _, step = single(job)
        rounds = [_round(block.step, step) for _ in range(ROUNDS + 1)][1:]  # compiled by then
        began = time.perf_counter()
        block.measured()
        measuring = time.perf_counter() - began
    batched = median(r[0] for r in rounds) / len(points)
    ratio = median(r[1] / r[0] for r in rounds) * len(points)
    runs = len(job.seeds) * len(job.points)
    around = max(job.record, 1) * measuring / len(points)
    return Cost(runs * (job.steps * batched + around), batched, ratio * batched)


def _round(batched: Callable[[], Any], step: Callable[[], Any]) -> tuple[float, float]:
    return _timed(batched, BATCHED), _timed(step, SINGLE)


def _timed(step: Callable[[], Any], count: int) -> float:
    began = time.perf_counter()
    for _ in range(count):
        step()
    return (time.perf_counter() - began) / count


def single(job: Job) -> tuple[Mapping[str, Any], Callable[[], None]]:
    """Return the parameters of one model, the first of the grid, and what updates them."""
    found = problem(job.problem, **dict(job.options))
    model, data = found.network, found.data(job.seeds[0])
    x, y = data.x.astype(job.dtype), data.y.astype(job.dtype)
    start = model.start(np.random.default_rng([job.seeds[0], 1]))
    params = {name: p[None].astype(job.dtype) for name, p in start.items()}
    mask = {name: model.decays(name) for name in params}
    optimizer = job.method(*job.points[0], decay_mask=mask)
    state = optimizer.init(params)
    order = batches(np.random.default_rng([job.seeds[0], 2]), len(x), job.batch)

    def step() -> None:
        nonlocal state
        index = next(order)
        state = optimizer.step(params, model.gradients(params, x[index], y[index]), state)

    return params, step
