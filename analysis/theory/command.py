"""The command ``wdref theory``."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from .check import Check

EXTRA = ("ml_dtypes", "rich", "scipy")


@click.command()
@click.option("--only", multiple=True, metavar="ID", help="Only this check (3-exponent) or item "
              "(3); may be repeated.")  # fmt: skip
@click.option("--out", "--figure", "folder", metavar="DIR", type=Path, help="Write theory.json, "
              "theory.nc and theory.svg, the figure, for `wdref report`.")  # fmt: skip
@click.option("--markdown", is_flag=True, help="Print the tables as Markdown.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def theory(only: tuple[str, ...], folder: Path | None, markdown: bool, as_json: bool) -> int:
    """Do the predictions of the theory of weight decay hold?

    Each is measured on wdref's own rules and compared within a tolerance that has a reason; a
    control, where the prediction must fail, stands beside it.
    """
    from wdref.cli import emit_json, need, refuse

    for module in (*EXTRA, *(("matplotlib", "xarray") if folder else ())):
        need(module, "analysis")
    from ..report.outputs import Clock, made_by, open_folder
    from .theory import checks

    clock = Clock()
    try:
        running = checks(only)
    except ValueError as error:
        refuse(f"--only: {error}")
    if folder:
        open_folder("--out", folder)
    found = list(_tracked(running, only))
    command = ["wdref", "theory", *(word for id in only for word in ("--only", id))]
    made = made_by(command, clock)
    seeds = "each group of checks draws from a fixed seed of its own: the same bits in every run"
    document = {"checks": [asdict(check) for check in found],
                "settings": {"seeds": seeds}, "made_by": made}  # fmt: skip
    if folder:
        _keep(folder, document, found)
    if as_json:
        emit_json(document)
    elif markdown:
        from .show import markdown as text

        click.echo(text(found, made))
    else:
        from .show import print_checks

        print_checks(found)
    return 0 if all(check.holds for check in found) else 1


def _tracked(running: "Iterator[Check]", only: Sequence[str]) -> "Iterator[Check]":
    from rich.console import Console
    from rich.progress import track

    from .theory import chosen

    console = Console(stderr=True)
    return iter(track(running, "checking", len(chosen(only)), console=console, transient=True,
                      disable=not console.is_terminal))  # fmt: skip


def _keep(folder: Path, document: dict[str, Any], found: "Sequence[Check]") -> None:
    from wdref.cli import refuse

    from ..report.outputs import keep
    from .figure import dataset, draw

    data = dataset(found)
    try:
        keep(folder, "theory", document, data, draw(data))
    except OSError as error:
        refuse(f"--out {folder}: {error.strerror or error}")
