"""What ``wdref matrix --all`` asks: the document of a sweep of packages."""

import datetime
import platform
import sys
import time
from collections.abc import Sequence
from typing import Any

from ..pool import Settings
from .entries import Entry, packages
from .sweep import sweep

DTYPES = ("float64", "float32")
FAULTS = ("deviates", "timeout", "error")  # a rule of a family that is not known is none


class Refused(ValueError):
    """A package that cannot be swept, in one line."""


def swept(names: Sequence[str], settings: Settings, document: dict[str, Any]) -> None:
    """Add to `document` what every optimizer of the packages `names` is.

    Raises Refused, before anything runs, where one of them cannot be.
    """
    if not names:
        raise Refused("--all: which packages? as in `wdref matrix --all torch.optim`")
    began = time.monotonic()
    found = packages(names, settings)
    if problems := [package.problem for package in found if package.problem]:
        raise Refused("; ".join(problems))
    entries = [Entry(package, *own) for package in found for own in package.optimizers.items()]
    rows = _tracked(entries, settings)
    place = {entry.text: i for i, entry in enumerate(entries)}
    document |= {
        "date": datetime.date.today().isoformat(),
        "python": platform.python_version(),
        "versions": {package.name: package.version for package in found},
        "rows": sorted(rows, key=lambda row: place[row["target"]]),
        "wall": round(time.monotonic() - began, 1),
        "cores": settings.cores,
    }


def _tracked(entries: Sequence[Entry], settings: Settings) -> list[dict[str, Any]]:
    """The records as they come, with a bar for people that goes on twice over the optimizers."""
    from rich.console import Console
    from rich.progress import Progress

    quiet = not sys.stderr.isatty()
    with Progress(console=Console(stderr=True), transient=True, disable=quiet) as progress:
        task = progress.add_task("probed", total=2 * len(entries))

        def said(what: str, done: int, of: int) -> None:
            before = 0 if what == "probed" else 2 * len(entries) - of
            progress.update(task, description=f"{what} {done} of {of}", completed=before + done)

        return list(sweep(entries, settings, said))
