"""The analyses' commands: ``wdref propositions``."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ..report.outputs import Clock
    from .findings import Finding


@click.command()
@click.option("--grads", metavar="FILE", help="Your own gradients: a .npy array (T, n), or a .npz "
              "with grads and perhaps theta0 (n,).")  # fmt: skip
@click.option("--out", "folder", metavar="DIR", type=Path, help="Write propositions.json, for "
              "`wdref report`.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def propositions(grads: str | None, folder: Path | None, as_json: bool) -> int:
    """Do Propositions 1 to 3 of the paper hold, and how surely?

    Each is tried on one trajectory in ball arithmetic; the bounds are proven.
    """
    from wdref.cli import emit_json, fail, need

    need("flint", "oracle")
    from ..report.outputs import Clock, open_folder
    from .propositions import findings
    from .setting import load, setting

    try:
        chosen = setting() if grads is None else setting(*load(grads))
    except ValueError as error:
        if as_json:
            emit_json({"propositions": [], "error": str(error)})
        fail(f"--grads {grads}: {error}")
    if folder:
        open_folder("--out", folder)
    clock = Clock()
    found = findings(chosen)
    if folder:
        _keep(folder, found, grads, clock)
    if as_json:
        emit_json({"propositions": [asdict(finding) for finding in found]})
    else:
        _print(found)
    return 0 if all(finding.holds for finding in found) else 1


def _keep(folder: Path, found: "Sequence[Finding]", grads: str | None, clock: "Clock") -> None:
    from wdref.cli import refuse

    from ..report.outputs import keep, made_by

    command = ["wdref", "propositions", *(("--grads", grads) if grads else ())]
    document = {"propositions": list(map(asdict, found)), "made_by": made_by(command, clock)}
    try:
        keep(folder, "propositions", document)
    except OSError as error:
        refuse(f"--out {folder}: {error.strerror or error}")


def _print(found: "Sequence[Finding]") -> None:
    from rich.console import Console

    console = Console(highlight=False)
    console.print(_statements(found))
    console.print(_solutions([f for f in found if "lambda_prime" in f.detail]))
    console.print("Bounds are proven: ≤ from above, ≥ from below. Distances of trajectories are "
                  "relative to the largest |θ| of their coordinate.", style="dim")  # fmt: skip


def _statements(found: "Sequence[Finding]") -> Any:
    from rich.table import Table

    table = Table(title="Decoupled Weight Decay Regularization: its propositions, tried")
    table.add_column("id", no_wrap=True)
    table.add_column("statement")
    table.add_column("holds")
    table.add_column("bound", no_wrap=True)
    for finding in found:
        sign = {"<=": "≤", ">=": "≥"}[finding.relation]
        bound = "" if finding.bound is None else f"{sign} {finding.bound:.2g}"
        holds = "[green]yes[/green]" if finding.holds else "[bold red]no[/bold red]"
        table.add_row(finding.id, finding.statement, holds, bound)
    return table


def _solutions(found: "Sequence[Finding]") -> Any:
    """Return the table of the λ' behind Proposition 2, a column for each preconditioner."""
    from rich.table import Table

    table = Table(title="Every λ' that makes one L2 step the decayed step, by coordinate")
    table.add_column("coordinate", justify="right")
    for finding in found:
        table.add_column(f"{finding.id}, t={finding.detail['step']}", justify="right")
    for rows in zip(*(finding.detail["lambda_prime"] for finding in found), strict=True):
        cells = [" or ".join(map(_cell, row["solutions"])) or "none" for row in rows]
        table.add_row(str(rows[0]["coordinate"]), *cells)
    return table


def _cell(interval: dict[str, float]) -> str:
    lower, upper = interval["lower"], interval["upper"]
    return f"{lower:.6g}" if f"{lower:.6g}" == f"{upper:.6g}" else f"{lower:.6g} … {upper:.6g}"
