"""The commands for other languages: ``wdref vectors export``, ``lint``, ``check``, ``digest``."""

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ...cli import emit_json, fail, need
from ...rules.registry import claims as known_claims
from ..report.one_of import OneOf
from .sources import DTYPES, sources

if TYPE_CHECKING:
    from .outputs import Judgement


@click.group()
def vectors() -> None:
    """Vectors for optimizers in any language: JSON files, and verdicts on what they gave."""


@vectors.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--claim", "claims", multiple=True, type=OneOf(lambda: tuple(known_claims())),
              help="Only this rule; may be repeated.")  # fmt: skip
@click.option("--convention", "conventions", multiple=True,
              type=OneOf(lambda: sorted({convention for convention, _ in sources()})),
              help="Only this meaning of the hyperparameters; may be repeated.")  # fmt: skip
@click.option("--dtype", "dtypes", multiple=True, type=click.Choice(DTYPES),
              help="Only this dtype; may be repeated.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def export(
    folder: Path, claims: tuple[str, ...], conventions: tuple[str, ...], dtypes: tuple[str, ...],
    as_json: bool,
) -> int:  # fmt: skip
    """Write the suite into DIR, one file for each rule and convention, and the schemas."""
    empty = {"directory": str(folder), "files": []} if as_json else None
    _ready(empty)
    from . import files as made

    rows = []
    try:
        wanted = list(made.selection(claims, conventions))
        made.export_schemas(folder)
        for claim, convention in _progress(wanted, "exporting"):
            path = made.export(folder, claim, convention, dtypes or DTYPES)
            tests = len(made.suite(claim, convention).of(dtypes or DTYPES))
            size = path.stat().st_size
            rows.append({"file": path.name, "tests": tests, "bytes": size, "sha256": _sha256(path)})
    except ValueError as error:
        fail(str(error), empty)
    except OSError as error:
        fail(f"{error.filename or folder}: {error.strerror}", empty)
    if as_json:
        emit_json({"directory": str(folder), "files": rows})
    else:
        _table(["file", "tests", "bytes"], rows, title=str(folder))
    return 0


@vectors.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def lint(folder: Path, as_json: bool) -> int:
    """Are the vectors in DIR well-formed, and is every expected value right?"""
    asked: dict[str, Any] = {"directory": str(folder), "holds": None, "files": []}
    empty = asked if as_json else None
    _ready(empty)
    from .lint import lint as examine

    paths = _progress(_files(folder, empty), "recomputing")
    rows = [{"file": path.name, "problems": examine(path)} for path in paths]
    holds = not any(row["problems"] for row in rows)
    if as_json:
        emit_json({"directory": str(folder), "holds": holds, "files": rows})
        return 0 if holds else 1
    for row in rows:
        for problem in row["problems"]:
            click.echo(f"{row['file']}: {problem}")
    click.echo(f"{len(rows)} files, {sum(not row['problems'] for row in rows)} without a problem")
    return 0 if holds else 1


@vectors.command()
@click.argument("outputs", type=click.Path(path_type=Path))
@click.option("--vectors", "made_from", type=click.Path(path_type=Path),
              help="The vectors that they were made from, if another wdref's.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def check(outputs: Path, made_from: Path | None, as_json: bool) -> int:
    """Do the OUTPUTS that an implementation made of the vectors conform to them?"""
    return check_outputs(outputs, None, None, as_json, made_from)


def check_outputs(
    outputs: Path,
    claim: str | None,
    convention: str | None,
    as_json: bool,
    made_from: Path | None = None,
    *,
    also: "Callable[[Judgement], dict[str, Any]] | None" = None,
) -> int:
    """Judge a file of outputs, as the claim that is given or that the file makes.

    `also` may add to the document: it returns the one to print.
    """
    document: dict[str, Any] | None = {
        "target": str(outputs), "claim": claim, "convention": convention, "dtype": None,
        "verdict": "error", "worst_ratio": None, "cases": [], "identified": None, "diagnosis": [],
    } if as_json else None  # fmt: skip
    _ready(document)
    from .outputs import judge_outputs
    from .read import VectorsError

    try:
        judged = judge_outputs(outputs, claim, convention, vectors=made_from)
    except VectorsError as error:
        fail(str(error), document)
    found = also(judged) if also else judged.as_json()
    if not as_json:
        _print(judged)
    if judged.verdict == "unsupported":
        first = judged.verdicts[0]
        why = f"{outputs}: nothing to judge: {first.id} is unsupported: {first.message}"
        fail(why, found if as_json else None)
    if as_json:
        emit_json(found)
    return 0 if judged.verdict == "conforms" else 1


@vectors.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def digest(folder: Path) -> None:
    """Print the SHA-256 of each file of vectors in DIR, in the form of sha256sum."""
    for path in _files(folder):
        click.echo(f"{_sha256(path)}  {path.name}")


def _ready(document: dict[str, Any] | None = None) -> None:
    for module in ("flint", "jsonschema"):
        need(module, "oracle", document)


def _files(folder: Path, document: dict[str, Any] | None = None) -> list[Path]:
    if not os.path.isdir(folder):  # noqa: PTH112  # Path.is_dir raises for a name that is too long
        fail(f"{folder}: no directory; `wdref vectors export {folder}` makes one", document)
    found = sorted(folder.glob("*.json"))
    if not found:
        fail(f"{folder}: no vectors; `wdref vectors export {folder}` writes them", document)
    return found


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _progress(items: Sequence[Any], title: str) -> Iterable[Any]:
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    quiet = not console.is_terminal
    return track(items, title, console=console, transient=True, disable=quiet)


def _table(columns: Sequence[str], rows: Iterable[Mapping[str, Any]], title: str) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title))  # a name in brackets is no markup
    for name in columns:
        table.add_column(name, justify="left" if name in ("file", "case", "verdict") else "right")
    for row in rows:
        table.add_row(*("" if row[name] is None else _cell(row[name]) for name in columns))
    Console().print(table)


def _cell(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _print(judged: "Judgement") -> None:
    from rich.console import Console

    from ..report.asked import not_asked
    from ..report.show import print_lines

    made, document = judged.outputs, judged.as_json()
    rows = [{"case": v.id, **vars(v)} for v in judged.verdicts]
    title = f"{made.implementation} as {made.convention} {made.claim}"
    _table(["case", "verdict", "ratio", "ulp", "step", "coordinate"], rows, title)
    worst = document["worst_ratio"]
    last = judged.verdict + ("" if worst is None else f", worst ratio {worst:.3g}")
    click.echo("; ".join(filter(None, (last, not_asked(judged.verdicts)))))
    print_lines(Console(highlight=False), made.implementation, judged.diagnosis.lines())
