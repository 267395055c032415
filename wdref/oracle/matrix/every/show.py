"""A sweep on a terminal and as Markdown."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from .record import VERDICTS

Record = Mapping[str, Any]
STYLES = {"conforms": "green", "imprecise": "yellow", "deviates": "red", "unknown": "cyan",
          "not made": "dim", "timeout": "bold red", "error": "bold red"}  # fmt: skip
HEADS = ("optimizer", "verdict", "as", "what is to be said")
BAR = "\\|"


def print_sweep(document: Record, console: Console | None = None) -> None:
    """Print a table a package, and how many have each verdict."""
    console = console or Console(highlight=False)
    for name, version in document["versions"].items():
        rows = _of(document, name)
        table = Table(title=Text(f"{name} {version}"), row_styles=["", "on grey7"])
        for head in HEADS:
            table.add_column(head, no_wrap=head == "verdict", overflow="fold")
        for record in rows:
            own, verdict, called, message = _cells(record)
            table.add_row(own, Text(verdict, STYLES[verdict]), called, Text(message))
        console.print(table)
        console.print(Text(f"{name}: {counted(rows)}"))


def counted(rows: Sequence[Record]) -> str:
    """Say how many rows have each verdict.

    >>> counted([{"verdict": "unknown"}, {"verdict": "conforms"}, {"verdict": "unknown"}])
    '3 optimizers: 1 conforms, 2 unknown'
    """
    numbers = Counter(row["verdict"] for row in rows)
    said = [f"{numbers[verdict]} {verdict}" for verdict in VERDICTS if numbers[verdict]]
    return f"{len(rows)} optimizer{'s' * (len(rows) != 1)}: {', '.join(said)}"


def markdown(document: Record) -> str:
    """Return a heading and a table a package; nothing of the day or the machine."""
    parts = [line for name in document["versions"] for line in _section(document, name)]
    return "\n".join(parts).rstrip("\n") + "\n"


def _section(document: Record, name: str) -> Iterator[str]:
    rows = _of(document, name)
    yield from (f"### {name} {document['versions'][name]}".rstrip(), "", f"{counted(rows)}.", "")
    yield f"| {' | '.join(HEADS)} |"
    yield "|---" * len(HEADS) + "|"
    for record in rows:
        own, verdict, called, message = _cells(record)
        cells = (f"`{own}`", verdict, f"`{called}`" if called else "", message)
        yield f"| {' | '.join(cell.replace('|', BAR) for cell in cells)} |"
    yield ""


def _of(document: Record, package: str) -> list[Record]:
    return [row for row in document["rows"] if row["package"] == package]


def _cells(record: Record) -> tuple[str, str, str, str]:
    called = record["names"][0] if record["names"] else ""
    return record["optimizer"], record["verdict"], called, record["message"]
