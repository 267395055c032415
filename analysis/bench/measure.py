"""Measurement: all subjects take turns, round after round, so that a disturbance hits all.

A sample is the time of several steps, enough for the clock, divided by their number. What is
reported is the median of the samples, their quartiles, and the ratio to the streaming limit of
the same case in the same run.
"""

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil
from random import Random
from statistics import median, quantiles
from typing import Any

from .cases import Arrays, Case, arrays
from .subjects import LIMIT, Absent, Step, Subject

Clock = Callable[[], float]
ROOM = 3.5  # memory that all subjects of a case need at once, as a multiple of the case's own


@dataclass(frozen=True)
class Sampling:
    """How much is measured: a case takes about `budget` seconds, or `fewest` rounds."""

    rounds: int = 21
    fewest: int = 5
    seconds: float = 5e-3  # of one sample, at least
    budget: float = 20.0
    pause: float = 2e-3  # before a sample: threads of the one before may spin for a while


@dataclass(frozen=True)
class Row:
    """One subject on one case; `seconds` is None where `note` says why there is no figure.

    Seconds are those of one step: the median of `rounds` samples of `steps` each. `ratio` is to
    the median of the streaming limit. `bytes_per_parameter` is what the subject cannot avoid to
    move, `peak_bytes` what was resident while it ran (see `wdref.analysis.bench.memory`).
    """

    case: str
    rule: str
    dtype: str
    layout: str
    device: str
    tensors: int
    parameters: int
    what: str
    seconds: float | None = None
    quartiles: tuple[float, float] | None = None
    ratio: float | None = None
    bytes_per_parameter: int | None = None
    peak_bytes: int | None = None
    steps: int | None = None
    rounds: int | None = None
    note: str = ""


def measure(
    case: Case,
    subjects: Sequence[Subject],
    sampling: Sampling,
    *,
    available: float,
    clock: Clock = time.perf_counter,
) -> list[Row]:
    """Measure the subjects that suit `case`, if `available` bytes of memory are enough for all."""
    chosen = [subject for subject in subjects if subject.suits(case)]
    need = ROOM * case.held()
    if need > available:
        note = f"needs {need / 2**30:.0f} GiB of memory, {available / 2**30:.0f} GiB are free"
        return [_row(case, subject.name, note=note) for subject in chosen]
    try:
        memory = arrays(case)
    except ImportError as error:
        note = f"needs {error.name}: pip install 'wdref[bench]'"
        return [_row(case, subject.name, note=note) for subject in chosen]
    steps, notes = _started(case, chosen, memory)
    samples, counts = _sampled(steps, sampling, clock)
    rows = [
        _measured(case, subject.name, steps[subject.name], samples[subject.name],
                  counts[subject.name])
        if subject.name in steps
        else _row(case, subject.name, note=notes[subject.name])
        for subject in chosen
    ]  # fmt: skip
    return _with_ratios(rows)


def _started(
    case: Case, subjects: Sequence[Subject], memory: Arrays
) -> tuple[dict[str, Step], dict[str, str]]:
    """Make every step and run it twice: compilation and first touches are not measured."""
    steps: dict[str, Step] = {}
    notes: dict[str, str] = {}
    for subject in subjects:
        try:
            step = subject.start(case, memory)
            for _ in range(2):
                _once(step, 1)
        except Absent as reason:
            notes[subject.name] = str(reason)
        except Exception as error:  # a peer that fails costs its row, not the run
            notes[subject.name] = f"failed: {type(error).__name__}: {' '.join(str(error).split())}"
        else:
            steps[subject.name] = step
    return steps, notes


def _once(step: Step, count: int) -> None:
    step.before()
    _timed(step, count)


def _timed(step: Step, count: int) -> None:
    for _ in range(count):
        step.run()
    step.finish()


def _sampled(
    steps: dict[str, Step], sampling: Sampling, clock: Clock
) -> tuple[dict[str, list[float]], dict[str, int]]:
    counts = {name: _count(step, sampling, clock) for name, step in steps.items()}
    samples: dict[str, list[float]] = {name: [] for name in steps}
    order, shuffle = list(steps), Random(0)
    enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        begin = clock()
        for done in range(sampling.rounds):
            # the first round says what a round costs
            if done >= sampling.fewest and (clock() - begin) * (done + 1) / done > sampling.budget:
                break
            for name in shuffle.sample(order, len(order)):  # nobody always follows the same one
                time.sleep(sampling.pause)
                samples[name].append(_sample(steps[name], counts[name], clock))
    finally:
        if enabled:
            gc.enable()
    return samples, counts


def _count(step: Step, sampling: Sampling, clock: Clock) -> int:
    """How many steps a sample needs."""
    count = 1
    while (seconds := _sample(step, count, clock) * count) < sampling.seconds and count < step.most:
        enough = ceil(count * sampling.seconds / max(seconds, 1e-9))
        count = min(step.most, max(2 * count, min(enough, 10 * count)))
    return count


def _sample(step: Step, count: int, clock: Clock) -> float:
    step.before()
    if count > 1:  # what the one before left in the cache is not the subject's fault
        _timed(step, 1)
    start = clock()
    _timed(step, count)
    return (clock() - start) / count


def _measured(case: Case, what: str, step: Step, samples: list[float], count: int) -> Row:
    low, middle, high = quantiles(samples, n=4, method="inclusive")
    assert middle == median(samples)
    return _row(case, what, seconds=middle, quartiles=(low, high), steps=count,
                rounds=len(samples), note=step.note,
                bytes_per_parameter=step.traffic or case.traffic())  # fmt: skip


def _row(case: Case, what: str, **found: Any) -> Row:
    return Row(str(case), case.rule, case.dtype, case.layout, case.device, len(case.shapes),
               case.parameters, what, **found)  # fmt: skip


def _with_ratios(rows: list[Row]) -> list[Row]:
    limit = next((row.seconds for row in rows if row.what == LIMIT), None)
    if not limit:
        return rows
    return [replace(row, ratio=row.seconds / limit) if row.seconds else row for row in rows]
