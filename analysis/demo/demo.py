"""The demonstration: Adam with L2 against AdamW on handwritten digits, over a range of decays.

Run it as ``python -m wdref.analysis.demo [--out demo.png]``.
"""

import os
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, NamedTuple

from wdref.common.checks import check_count

from .training import METHODS, Outcome, Plan, train

if TYPE_CHECKING:
    from rich.table import Table

HALF_DECADE = 10**0.5
DECAYS = {
    "Adam + L2": [1e-4 * HALF_DECADE**k for k in range(7)],
    "AdamW": [1e-2 * HALF_DECADE**k for k in range(7)],
}


class Row(NamedTuple):
    """The runs of one method and decay over all seeds: means, and the range of the error."""

    method: str
    weight_decay: float
    train_loss: float
    error: float
    lowest: float
    highest: float
    decay: tuple[float, float, float]


def plans(steps: int, seeds: int) -> list[Plan]:
    """Return every run: both methods over their decays, and one without decay for comparison."""
    settings = [("AdamW", 0.0), *((method, lam) for method in METHODS for lam in DECAYS[method])]
    return [Plan(method, lam, seed, steps) for method, lam in settings for seed in range(seeds)]


def outcomes(chosen: Sequence[Plan], *, jobs: int) -> list[Outcome]:
    """Train all in `jobs` processes; the order is that of the plans."""
    from joblib import Parallel, delayed
    from rich.console import Console
    from rich.progress import track

    running = Parallel(n_jobs=jobs, return_as="generator")(delayed(train)(plan) for plan in chosen)
    console = Console(stderr=True)
    silent = not console.is_terminal
    return list(track(running, "training", len(chosen), console=console, disable=silent))


def summary(found: Sequence[Outcome]) -> list[Row]:
    """Gather the outcomes by method and decay."""
    rows = []
    for key, group in groupby(found, lambda o: (o.plan.method, o.plan.weight_decay)):
        runs = list(group)
        errors = [run.test_error for run in runs]
        low, mid, high = (mean(column) for column in zip(*(run.decay for run in runs), strict=True))
        rows.append(Row(*key, mean(run.train_loss for run in runs), mean(errors), min(errors),
                        max(errors), (low, mid, high)))  # fmt: skip
    return rows


def verdict(rows: Sequence[Row]) -> str:
    """Say what the runs show, and no more."""
    none, *rest = rows
    l2, decay = (min((r for r in rest if r.method == m), key=lambda r: r.error) for m in METHODS)
    spread = l2.decay[2] / l2.decay[0]
    apart = max(l2.lowest, decay.lowest) > min(l2.highest, decay.highest)
    better = min(l2, decay, key=lambda r: r.error).method
    claim = f"{better} is better here" if apart else "their ranges overlap"
    return (
        f"Best test error: Adam + L2 {l2.error:.1f} % at λ' = {l2.weight_decay:.2g}, AdamW "
        f"{decay.error:.1f} % at λ/α = {decay.weight_decay:.2g}, no decay {none.error:.1f} %: "
        f"{claim}. With that λ', L2 pulls a quarter of the weights about {spread:.2g} times as "
        "hard as another quarter, or harder; AdamW pulls all alike."
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Train with Adam + L2 and with AdamW, print the test errors and draw them."""
    from wdref.cli import fail, need

    for module in ("joblib", "matplotlib", "rich", "sklearn"):
        need(module, "analysis")
    from rich.console import Console

    from ..report.figures import write
    from .figure import draw_demo

    options = _parser().parse_args(arguments)
    path: Path = options.out
    with ExitStack() as stack:
        try:  # before the training, which a wrong path shall not cost
            temporary = stack.enter_context(write(path))
        except OSError as error:
            fail(f"--out {path}: {error.strerror or error}")
        rows = summary(outcomes(plans(options.steps, options.seeds), jobs=options.jobs))
        note = f"{options.steps} steps, {options.seeds} seeds"
        draw_demo(rows, note, temporary, path.suffix[1:])
    console = Console(highlight=False)
    console.print(_table(rows))
    console.print(verdict(rows))
    console.print(f"Figure: {path}")


def _parser() -> ArgumentParser:
    parser = ArgumentParser("python -m wdref.analysis.demo", description=__doc__)
    figure = "figure to write: .png, .pdf or .svg (default: %(default)s)"
    parser.add_argument("--out", type=Path, default="demo.png", metavar="FILE", help=figure)
    for name, default, text in (
        ("--steps", 1000, "updates in each run"),
        ("--seeds", 3, "runs of each setting"),
        ("--jobs", os.cpu_count() or 1, "processes"),
    ):
        parser.add_argument(name, type=_count, default=default, metavar="N",
                            help=f"{text} (default: %(default)s)")  # fmt: skip
    return parser


def _count(text: str) -> int:
    try:
        return check_count("N", float(text))
    except ValueError:
        raise ArgumentTypeError(f"{text!r}: expected a whole number >= 1") from None


def _table(rows: Sequence[Row]) -> "Table":
    from rich.table import Table

    table = Table(
        title="Digits: 500 training images, 30 % of their labels drawn at random",
        caption="Test error: mean (range) over the seeds. Decay rates: of the middle half of the "
        "weights, per unit of η α.",
    )
    for name in ("method", "weight decay", "train loss", "test error %", "decay rates"):
        table.add_column(name, justify="left" if name == "method" else "right")
    for row in rows:
        low, _, high = row.decay
        error = f"{row.error:.1f} ({row.lowest:.1f}–{row.highest:.1f})"
        pull = _short(low) if low == high else f"{_short(low)}–{_short(high)}"
        name = row.method if row.weight_decay else "no decay"
        table.add_row(name, f"{row.weight_decay:.2g}", f"{row.train_loss:.3f}", error, pull)
    return table


def _short(x: float) -> str:
    return f"{float(f'{x:.2g}'):g}"
