"""What the oracle's commands print for people."""

import io
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..identify.diagnosis import Diagnosis, said
from ..identify.identify import Identity
from ..judge.verdict import FAILED, LIMIT, CaseVerdict
from .asked import not_asked

HEADER = ("case", "verdict", "ratio", "ulp", "worst at")
CAPTION = f"ratio: |got - exact| over what correct rounding allows; up to {LIMIT:g} conforms"
WIDTH = 100


def title_of(document: dict[str, Any]) -> str:
    """Return what was asked: a target, as what, and against which other."""
    claimed = f"{document['target']} as {document['convention']} {document['claim']}"
    return f"{claimed}, against {document['against']}" if document.get("against") else claimed


def check_text(document: dict[str, Any], diagnosis: Diagnosis) -> str:
    """Return what `print_check` prints, without colours."""
    console = _page()
    print_check(document, diagnosis, console)
    return _text(console)


def identity_text(identity: Identity, target: str) -> str:
    """Return what `print_identity` prints."""
    console = _page()
    print_lines(console, target, said(identity))
    return _text(console)


def _page() -> Console:
    return Console(file=io.StringIO(), width=WIDTH, highlight=False)


def _text(console: Console) -> str:
    page: Any = console.file
    return str(page.getvalue()).rstrip("\n")


def print_check(
    document: dict[str, Any], diagnosis: Diagnosis, console: Console | None = None
) -> None:
    """Print one row a case, and the verdict last."""
    console = console or Console(highlight=False)
    title = Text(title_of(document))
    table = Table(title=title)
    table.add_column(HEADER[0], no_wrap=True)
    for name in HEADER[1:]:
        table.add_column(name, justify="right" if name in ("ratio", "ulp") else "left")
    verdicts = diagnosis.verdicts
    for row in rows(verdicts):
        table.add_row(*row)
    console.print(table)
    console.print(CAPTION, style="dim")
    _print_notes(console, document, verdicts)
    worst = document["worst_ratio"]
    shown = "" if worst is None else f", worst ratio {worst:.3g}"
    refused = not_asked(verdicts)
    console.print(f"[bold]{document['verdict']}[/bold]{shown}", end="; " if refused else "\n")
    if refused:
        console.print(refused, markup=False, soft_wrap=True)
    print_lines(console, document["target"], diagnosis.lines())


def rows(verdicts: Sequence[CaseVerdict]) -> Iterator[tuple[str, ...]]:
    """One row a case, but one for a run of sizes, or of errors, with the same verdict."""

    def kind(v: CaseVerdict) -> tuple[str, str]:
        name, _, dtype = v.id.partition("/")
        alike = name.startswith("size-") or v.verdict in FAILED
        return (v.verdict, dtype) if alike else (v.id, "")

    for _, run in groupby(verdicts, key=kind):
        group = list(run)
        worst = max(group, key=lambda v: -1.0 if v.ratio is None else v.ratio)
        dtype = group[0].id.partition("/")[2]
        name = group[0].id if len(group) == 1 else f"{len(group)} {_kind(group)}/{dtype}"
        numbers = ("" if x is None else f"{x:.3g}" for x in (worst.ratio, worst.ulp))
        tensor = "" if worst.tensor is None else f"[{worst.tensor}]"
        place = f"t={worst.step} θ{tensor}[{worst.coordinate}]"
        yield (name, worst.verdict, *numbers, place if worst.step is not None else "")


def _kind(group: Sequence[CaseVerdict]) -> str:
    return "sizes" if all(v.id.startswith("size-") for v in group) else "cases"


def _print_notes(
    console: Console, document: dict[str, Any], verdicts: Sequence[CaseVerdict]
) -> None:
    for dtype, p in document["primitives"].items():
        flush = "flushed" if p["flush"] else "kept"
        fused = "fused" if p["contracts"] else "rounded twice"
        text = (
            f"{dtype}: √ within {p['sqrt'] / 2:g} ulp, ÷ {p['divide'] / 2:g}, "
            f"β^t {p['power'] / 2:g}; subnormals {flush}; a·b + c {fused}"
        )
        console.print(text, style="dim", soft_wrap=True)
    undecided = sum(v.undecided for v in verdicts)
    if undecided:
        console.print(f"undecided: {undecided} values, of which nothing is certified")


def print_lines(console: Console, target: str, lines: Sequence[str]) -> None:
    """Print a diagnosis; the line that says what the target is begins with its name.

    What is unsupported stands in the last line of a verdict (`wdref.oracle.report.asked`).
    """
    for line in lines:
        if line.startswith("unsupported: "):
            continue
        named = line.startswith(("is", "matches"))
        console.print(f"{target} {line}" if named else line, markup=False)


def print_identity(identity: Identity, target: str) -> None:
    """Print the rule that was found, how sure that is, and the bug that it is."""
    print_lines(Console(highlight=False), target, said(identity))
