"""What an analysis leaves in a folder, for `wdref report` and for whoever draws it anew.

``NAME.json`` is the command's document, with what made it; ``NAME.nc`` the dataset behind the
figure; ``NAME.svg`` the figure. Each is written whole or not at all.
"""

import platform
import shlex
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

LIBRARIES = ("wdref", "numpy", "scipy", "scikit-learn", "xarray", "matplotlib")


class Clock:
    """Seconds since it was made, on the wall and of the processor."""

    def __init__(self) -> None:
        self._start = perf_counter(), process_time()

    def read(self) -> tuple[float, float]:
        """Return both."""
        return perf_counter() - self._start[0], process_time() - self._start[1]


def made_by(command: Sequence[str], clock: Clock) -> dict[str, Any]:
    """Return what a reader needs to make a document again: command, versions, date, duration."""
    seconds, processor = clock.read()
    versions = {"python": platform.python_version()}
    for name in LIBRARIES:
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    return {
        "command": shlex.join(command),
        "versions": versions,
        "machine": f"{platform.system()} {platform.machine()}",
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "seconds": round(seconds, 1),
        "processor_seconds": round(processor, 1),
    }


def open_folder(option: str, folder: Path) -> None:
    """Make the folder, before the work that would be lost without it; exit 2 where that fails."""
    from wdref.cli import refuse

    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".wdref.part"
        probe.touch()
        probe.unlink()
    except OSError as error:
        refuse(f"{option} {folder}: {error.strerror or error}")


def keep(
    folder: Path,
    name: str,
    document: dict[str, Any],
    dataset: "xarray.Dataset | None" = None,
    figure: "Figure | None" = None,
) -> None:
    """Write the files of the analysis `name`. Raises OSError; what was there then stays."""
    from wdref.cli import json_text

    from ..sweep import storage
    from .figures import write

    if dataset is not None:
        storage.write(dataset, folder / f"{name}.nc")
    if figure is not None:
        save(figure, folder / f"{name}.svg")
    with write(folder / f"{name}.json", (".json",)) as file:
        file.write_text(json_text(document) + "\n", "utf-8")


def save(figure: "Figure", path: Path) -> None:
    """Write a figure as .svg, .png or .pdf: the same figure, the same bytes."""
    from matplotlib import rc_context

    from .figures import write

    form = path.suffix[1:]
    with write(path) as file, rc_context({"svg.hashsalt": "wdref"}):
        figure.savefig(file, format=form, dpi=200, metadata={"Date": None} if form == "svg" else {})
