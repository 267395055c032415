"""Jobs on all cores, or on a cluster; each result is saved as it comes, none is computed twice."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .storage import StorageError, Store

if TYPE_CHECKING:
    import xarray

    from .sweep import Job

Compute = Callable[["Job"], "xarray.Dataset"]
CONNECT = 10  # seconds that a scheduler has to answer


class Stopped(Exception):
    """The sweep ended early; the message says why, and what was kept."""


@dataclass
class Sweep:
    """Results by job, the jobs that failed with the reason, what was found, and what was done."""

    results: "dict[Job, xarray.Dataset]" = field(default_factory=dict)
    failures: "dict[Job, str]" = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    computed: int = 0


def sweep(
    jobs: "Sequence[Job]",
    store: Store,
    *,
    workers: int = 1,
    scheduler: str | None = None,
    compute: Compute | None = None,
) -> Sweep:
    """Return the results of all jobs, in their order, computing those that `store` has not.

    Runs in `workers` processes, or with `scheduler` on a dask cluster (its address) or on Ray
    ("ray"). A job that raises costs itself alone. The bits are those of one process.

    Raises
    ------
    Stopped
        A worker died, the disk is full, or no scheduler answered. What was finished is kept, and
        the same call continues from there.
    """
    found = Sweep()
    missing = [job for job in dict.fromkeys(jobs) if not _known(job, store, found)]
    others = store.of_other_formats()
    if missing and others:
        found.notes.append(f"{store.folder}: {len(others)} results of another version of wdref "
                           "were not used, and left as they are")  # fmt: skip
    if missing:
        _compute(missing, store, found, workers, scheduler, compute)
    found.results = {job: found.results[job] for job in jobs if job in found.results}
    return found


def _known(job: "Job", store: Store, found: Sweep) -> bool:
    """Load what is there. A damaged file is kept under another name."""
    try:
        result = store.load(job)
    except StorageError as error:
        found.notes.append(f"{error}; kept as {store.set_aside(job).name}, computed again")
        return False
    if result is not None:
        found.results[job] = result
    return result is not None


def _compute(
    jobs: "Sequence[Job]",
    store: Store,
    found: Sweep,
    workers: int,
    scheduler: str | None,
    compute: Compute | None,
) -> None:
    from joblib import Parallel, delayed

    task, total = delayed(_Task(compute)), len(found.results) + len(jobs)
    try:
        with _backend(scheduler, workers), _bar(jobs) as advance:
            parallel = Parallel(return_as="generator_unordered", batch_size=1, pre_dispatch="all")
            for job, result in parallel(task(job) for job in jobs):
                if isinstance(result, str):
                    found.failures[job] = result
                else:
                    store.save(job, result)
                    found.results[job] = result
                    found.computed += 1
                advance(job)
    except Exception as error:
        kept = f"{len(found.results)} of {total} results are kept in {store.folder}"
        raise Stopped(f"{_reason(error, store)}; {kept}; run the same again to go on") from error


class _Task:
    """What a worker does; the error of a job is its result."""

    def __init__(self, compute: Compute | None) -> None:
        self.compute = compute

    def __call__(self, job: "Job") -> "tuple[Job, xarray.Dataset | str]":
        from threadpoolctl import threadpool_limits

        from .sweep import run

        try:
            # one thread a worker: the processes are the threads, and the bits those of one
            with threadpool_limits(1):
                return job, (self.compute or run)(job)
        except Exception as error:  # whatever it is, the other jobs go on, and its text is told
            return job, f"{type(error).__name__}: {error}"


def _reason(error: Exception, store: Store) -> str:
    name = type(error).__name__
    if name in ("TerminatedWorkerError", "BrokenProcessPool", "KilledWorker"):
        return f"a worker died (out of memory, or killed; {name})"
    if isinstance(error, OSError) and error.errno is not None:
        return f"{store.folder}: {error.strerror}"
    return f"{name}: {error}"


@contextmanager
def _backend(scheduler: str | None, workers: int) -> Iterator[None]:
    """Choose where joblib runs."""
    from joblib import parallel_config

    if scheduler is None:
        with parallel_config("loky", n_jobs=workers):
            yield
    elif scheduler == "ray":
        from ray.util.joblib import register_ray

        register_ray()
        with parallel_config("ray", n_jobs=-1):
            yield
    else:
        with _dask(scheduler):
            yield


@contextmanager
def _dask(address: str) -> Iterator[None]:
    from distributed import Client
    from joblib import parallel_config

    try:
        client = Client(address, timeout=CONNECT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ConnectionError(f"no dask scheduler answers at {address} ({error})") from None
    with client, parallel_config("dask", client=client, n_jobs=-1):
        yield


@contextmanager
def _bar(jobs: "Sequence[Job]") -> "Iterator[Callable[[Job], None]]":
    """Show progress and the time left on a terminal, a job counting for its updates."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(),
               TextColumn("left:"), TimeRemainingColumn())  # fmt: skip
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(f"{len(jobs)} jobs", total=sum(map(updates, jobs)))
        yield lambda job: progress.advance(task, updates(job))


def updates(job: "Job") -> int:
    """Return how many updates a job makes, over all its grid points and seeds."""
    return len(job.seeds) * len(job.learning_rates) * len(job.weight_decays) * job.steps
