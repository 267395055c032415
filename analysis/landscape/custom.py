"""A landscape of your own model: any library whose arrays wdref's optimizers take.

One training after another, with the optimizer that a user would write; the result is the dataset
that `analysis.sweep.run` returns, so that all that reads one reads the other.
"""

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from wdref.rules.shapes import check_gradients_alone

from ..sweep.job import Job
from ..sweep.sweep import MEASURES, dataset

if TYPE_CHECKING:
    import xarray

Tree = Any
Batch = Any
Apply = Callable[..., tuple[Tree, dict[str, Tree]]]


@dataclass(frozen=True)
class OwnModel:
    """What is to be known of a model, as functions.

    ``start(seed)`` returns the parameters, a tree of arrays. ``batches(seed)`` yields minibatches,
    of any kind. ``loss_and_grad(params, batch)`` returns a number and a tree like the parameters;
    it must not write to them. ``evaluate(params, seed)`` returns some of test_error, test_loss,
    train_error and train_loss by name; a train_loss that is not among them is the mean of the
    minibatches' losses since the last evaluation. ``decay_mask`` is that of `wdref.Optimizer`.
    ``compile`` is what the update goes through once, as ``jax.jit``.
    """

    start: Callable[[int], Tree]
    batches: Callable[[int], Iterable[Batch]]
    loss_and_grad: Callable[[Tree, Batch], tuple[Any, Tree]]
    evaluate: Callable[[Tree, int], Mapping[str, Any]]
    decay_mask: Any = None
    compile: Callable[[Apply], Apply] = lambda apply: apply


def run_own(
    job: Job, model: OwnModel, *, progress: Callable[[int, int], None] | None = None
) -> "xarray.Dataset":
    """Train `model` at every grid point from every seed, and measure.

    Of the `job` the problem is a name for the result, and its options, batch and dtype are yours.
    A training ends early where its loss is no finite number: the entry is NaN, and ``diverged``.
    `progress` is called with the trainings done and in all. Raises ValueError where `batches` ends
    before the steps do, and for measures that are unknown.
    """
    began, rows = time.perf_counter(), []
    total = len(job.seeds) * len(job.points)
    # the update of one grid point is that of all, under other scalars
    apply = model.compile(job.method(*job.points[0], decay_mask=model.decay_mask).apply)
    for seed in job.seeds:
        for point in job.points:
            rows.append(_trained(job, model, apply, seed, point))
            if progress:
                progress(len(rows), total)
    return dataset(job, np.array(rows), time.perf_counter() - began)


def _trained(job: Job, model: OwnModel, apply: Apply, seed: int, point: tuple[float, float]) -> Any:
    """Measures (times, 4) of one training."""
    optimizer = job.method(*point, decay_mask=model.decay_mask)
    check_gradients_alone(optimizer.dialect, "a landscape")
    params, losses, times = model.start(seed), [], job.times()
    slots = dict(optimizer.init(params).slots)
    table = np.full((len(times), len(MEASURES)), np.nan)
    batches = iter(model.batches(seed))
    for t in range(1, job.steps + 1):
        loss, grads = model.loss_and_grad(params, _next(batches, t, job.steps))
        losses.append(float(loss))
        if not math.isfinite(losses[-1]):
            break
        params, slots = apply(params, grads, slots, optimizer.scalars(t))
        if t in times:
            table[times.index(t)] = _measured(model, params, seed, losses)
            losses.clear()
    return table


def _next(batches: Any, t: int, steps: int) -> Batch:
    try:
        return next(batches)
    except StopIteration:
        raise ValueError(f"batches ended after {t - 1}: expected {steps}, one a step") from None


def _measured(model: OwnModel, params: Tree, seed: int, losses: list[float]) -> Any:
    found = {"train_loss": sum(losses) / len(losses), **model.evaluate(params, seed)}
    unknown = sorted(set(found) - set(MEASURES))
    if unknown:
        raise ValueError(f"evaluate returned {', '.join(unknown)}: expected {', '.join(MEASURES)}")
    values = np.array([float(found.get(name, math.nan)) for name in MEASURES])
    given = [name in found for name in MEASURES]
    # one number that is none makes the whole point diverged, as in a sweep
    return values if np.isfinite(values[given]).all() else np.full(len(MEASURES), np.nan)
