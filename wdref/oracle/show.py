"""What the oracle's commands print for people."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from .asked import not_asked
from .identify import Identity, describe
from .verdict import LIMIT, CaseVerdict


def print_check(
    document: dict[str, Any], verdicts: Sequence[CaseVerdict], identity: Identity | None
) -> None:
    """Print one row a case, and the verdict last."""
    console = Console(highlight=False)
    title = Text(f"{document['target']} as {document['convention']} {document['claim']}")
    table = Table(title=title)
    table.add_column("case", no_wrap=True)
    for name in ("verdict", "ratio", "ulp", "worst at"):
        table.add_column(name, justify="right" if name in ("ratio", "ulp") else "left")
    for row in _rows(verdicts):
        table.add_row(*row)
    console.print(table)
    console.print(
        f"ratio: |got - exact| over what correct rounding allows; up to {LIMIT:g} conforms",
        style="dim",
    )
    _print_notes(console, document, verdicts)
    worst = document["worst_ratio"]
    shown = "" if worst is None else f", worst ratio {worst:.3g}"
    refused = not_asked(verdicts)
    console.print(f"[bold]{document['verdict']}[/bold]{shown}", end="; " if refused else "\n")
    if refused:
        console.print(refused, markup=False, soft_wrap=True)
    if identity:
        print_identity(identity, document["target"])


def _rows(verdicts: Sequence[CaseVerdict]) -> Iterator[tuple[str, ...]]:
    """One row a case, but one for a run of sizes with the same verdict."""

    def kind(v: CaseVerdict) -> tuple[str, str]:
        name, _, dtype = v.id.partition("/")
        return (v.verdict, dtype) if name.startswith("size-") else (v.id, "")

    for _, run in groupby(verdicts, key=kind):
        group = list(run)
        worst = max(group, key=lambda v: -1.0 if v.ratio is None else v.ratio)
        dtype = group[0].id.partition("/")[2]
        name = group[0].id if len(group) == 1 else f"{len(group)} sizes/{dtype}"
        numbers = ("" if x is None else f"{x:.3g}" for x in (worst.ratio, worst.ulp))
        tensor = "" if worst.tensor is None else f"[{worst.tensor}]"
        place = f"t={worst.step} θ{tensor}[{worst.coordinate}]"
        yield (name, worst.verdict, *numbers, place if worst.step is not None else "")


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
    # what would explain a single case says nothing where the formula is another one
    told = ("error", "timeout", "unsupported", document["verdict"])
    notes = [v.finding for v in verdicts if v.finding]
    notes += [f"{v.verdict}: {v.message}" for v in verdicts if v.message and v.verdict in told]
    for note in dict.fromkeys(notes):
        console.print(note, markup=False)


def print_identity(identity: Identity, target: str) -> None:
    """Print the rule that was found, how sure that is, and the bug that it is."""
    console = Console(highlight=False)
    found = describe(identity.nearest.rule)
    word = "is" if identity.certified else "matches nothing known; the nearest is"
    names = f" ({', '.join(found['names'])})" if found["names"] else ""
    console.print(f"{target} {word}{names}:", markup=False)
    for line in found["recurrence"]:
        console.print(f"  {line}", markup=False)
    residual = f"residual {identity.nearest.residual:.2g}"
    if identity.runner_up:
        residual += f"; the next best rule has {identity.runner_up.residual:.2g}"
    console.print(residual)
    bug = identity.known_bug()
    if bug:
        console.print(f"known bug {bug['id']}: {bug['title']} ({bug['reference']})", markup=False)
    for rule in identity.also:
        console.print(f"also: {'; '.join(rule.recurrence())}", markup=False)
    if identity.departure:
        console.print(f"it departs from it in {identity.departure}")
    for hint in identity.hints[:4]:
        console.print(f"  {hint}", markup=False)
