"""What the commands that train many settings share: their options, costs, runs and refusals."""

import ast
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from wdref.common.optional import installed

if TYPE_CHECKING:
    from .jobs import Sweep
    from .storage import Store
    from .sweep import Job

MODULES = ("joblib", "matplotlib", "rich", "scipy", "sklearn", "threadpoolctl", "xarray")
OUT = Path("wdref-results")


def runs_jobs(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a command that runs jobs."""
    for add in (
        click.option("--scheduler", metavar="ADDRESS",
                     help="Run on dask at this address, or on `ray`."),
        click.option("--jobs", "workers", default=os.cpu_count() or 1, metavar="N",
                     help="Processes (default: one a core)."),
        click.option("--out", default=OUT, show_default=True, metavar="DIR", type=Path,
                     help="Results, one file a job; what is there is not computed again."),
        click.option("--explain", is_flag=True, help="Say what it would cost, and stop."),
    ):  # fmt: skip
        command = add(command)
    return command


def needed(options: Mapping[str, Any]) -> None:
    """Fail with what to install where a library is missing."""
    from wdref.cli import need

    for module in MODULES:
        need(module, "analysis", _empty(options))
    scheduler = options["scheduler"]
    if scheduler:
        module = "ray" if scheduler == "ray" else "distributed"
        if not installed(module):
            stop(f"--scheduler {scheduler} needs {module}: pip install {module}", options)


def _empty(options: Mapping[str, Any]) -> dict[str, Any] | None:
    return options.get("empty", {"optimizers": {}}) if options["as_json"] else None


def stop(message: str, options: Mapping[str, Any]) -> NoReturn:
    """Exit with status 2 and one line."""
    from wdref.cli import fail

    fail(message, _empty(options))


def option(text: str) -> tuple[str, Any]:
    """Read NAME=VALUE.

    >>> option("label_noise=0.3"), option("data=cifar-10-batches-bin")
    (('label_noise', 0.3), ('data', 'cifar-10-batches-bin'))
    """
    name, sign, value = text.partition("=")
    if not (name and sign):
        raise ValueError(f"--option {text}: expected NAME=VALUE")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value


def explained(planned: "Mapping[Any, Sequence[Job]]", options: Mapping[str, Any]) -> int:
    """Say what the jobs would cost: runs, updates, seconds, and what is there already."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from wdref.cli import emit_json

    try:
        rows = [_cost(getattr(key, "name", str(key)), own, options) for key, own in planned.items()]
    except ValueError as error:  # what only the data tell, as a batch that is too large
        stop(str(error), options)
    seconds = sum(row["seconds"] for row in rows)
    wall = seconds / min(options["workers"], max(1, sum(row["jobs"] for row in rows)))
    if options["as_json"]:
        emit_json({"optimizers": {}, "explain": rows, "core_seconds": seconds, "seconds": wall})
        return 0
    table = Table(title=f"What it would cost: about {_minutes(wall)} with {options['workers']} "
                  "processes, if nothing else runs here", title_justify="left",
                  caption="µs: of one core, for an update of one grid point; loop: the same, of "
                  "single models. Both timed in turn, here and now.",
                  box=SIMPLE_HEAD, padding=(0, 1, 0, 0))  # fmt: skip
    for name in ("method", "grid", "seeds", "runs", "updates", "stored", "to compute", "µs",
                 "loop", "times"):  # fmt: skip
        table.add_column(name, justify="left" if name == "method" else "right")
    for row in rows:
        table.add_row(row["method"], "×".join(map(str, row["grid"])), str(row["seeds"]),
                      str(row["runs"]), f"{row['updates']:,}", f"{row['stored']} jobs",
                      _minutes(row["seconds"]), *_both(row))  # fmt: skip
    Console(highlight=False).print(table)
    return 0


def _cost(name: str, own: "Sequence[Job]", options: Mapping[str, Any]) -> dict[str, Any]:
    from .costs import cost
    from .jobs import updates
    from .storage import located

    stored = sum(located(options["out"], job).exists() for job in own)
    first = own[0]
    points = len(first.learning_rates), len(first.weight_decays)
    left = len(own) - stored
    found = cost(first) if left else None
    return {
        "method": name,
        "grid": list(points),
        "seeds": len(own),
        "runs": len(own) * points[0] * points[1],
        "updates": sum(map(updates, own)),
        "stored": stored,
        "jobs": left,
        "seconds": left * found.job if found else 0.0,
        "batched_update_seconds": found and found.batched,
        "single_update_seconds": found and found.single,
        "loop_costs_times": found and found.ratio,
    }


def _both(row: Mapping[str, Any]) -> tuple[str, str, str]:
    """Microseconds of an update, and of one in a loop; dashes where all is stored."""
    if row["loop_costs_times"] is None:
        return "–", "–", "–"
    batched, single = (1e6 * row[f"{name}_update_seconds"] for name in ("batched", "single"))
    return f"{batched:.0f}", f"{single:.0f}", f"{row['loop_costs_times']:.1f}"


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def target(stack: ExitStack, options: Mapping[str, Any], name: str = "figure") -> Path | None:
    """Open a file before the runs, which a wrong path shall not cost."""
    from ..report.figures import FORMATS, write

    path: Path | None = options[name]
    if path is None:
        return None
    try:
        return stack.enter_context(write(path, FORMATS if name == "figure" else (".md",)))
    except OSError as error:
        stop(f"--{name} {path}: {error.strerror or error}", options)


def opened(kind: "type[Store]", options: Mapping[str, Any]) -> "Store":
    """Open the folder of results."""
    try:
        return kind(options["out"])
    except OSError as error:
        stop(f"--out {options['out']}: {error.strerror or error}", options)


def computed(jobs: "Sequence[Job]", store: "Store", options: Mapping[str, Any]) -> "Sweep":
    """Run what is missing; a job that fails ends it, after the others."""
    from .jobs import Stopped, sweep

    try:
        found = sweep(jobs, store, workers=options["workers"], scheduler=options["scheduler"])
    except Stopped as error:
        stop(str(error), options)
    for note in found.notes:
        click.echo(f"wdref: {note}", err=True)
    if found.failures:
        job, reason = next(iter(found.failures.items()))
        name = f"{job.optimizer}, {job.form}, seed {job.seeds[0]}"
        stop(f"{len(found.failures)} of {len(jobs)} jobs failed, the first ({name}) with {reason}; "
             f"{len(found.results)} results are kept in {store.folder}", options)  # fmt: skip
    return found
