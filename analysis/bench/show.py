"""The benchmark in tables, for the terminal and, as Markdown, for the documentation."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .subjects import LIMIT

if TYPE_CHECKING:
    from rich.console import Console

    from .measure import Row

Cell = Callable[["Row"], str]
UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
NAMES = {"adamw": "AdamW", "adam": "Adam + L2", "sgdw": "SGDW", "lamb": "LAMB",
         "adamw clipped": "AdamW, clipped by the norm of all gradients"}  # fmt: skip


def duration(seconds: float) -> str:
    """Three digits and a unit.

    >>> duration(0.01234), duration(2.5e-7), duration(12.0)
    ('12.3 ms', '250 ns', '12 s')
    """
    scale, unit = next((pair for pair in UNITS if seconds >= pair[0]), UNITS[-1])
    return f"{float(f'{seconds / scale:.3g}'):g} {unit}"


def print_rows(rows: Sequence["Row"], machine: Mapping[str, Any], console: "Console") -> None:
    """Print a table a rule and dtype, and one of the memory."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    for title, header, lines in _tables(rows, _ratio):
        table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
        for k, name in enumerate(header):
            table.add_column(name, justify="left" if k == 0 else "right")
        for line in lines:
            table.add_row(*line)
        console.print(table)
    console.print(_spread(rows), style="dim")
    for note in _notes(rows):
        console.print(note, style="dim")
    console.print(_described(machine), style="dim")
    if machine["warning"]:
        console.print(f"Warning: {machine['warning']}.", style="bold red")


def markdown(rows: Sequence["Row"], machine: Mapping[str, Any], command: str) -> str:
    """Return the same tables, with times and quartiles."""
    lines = [f"<!-- Made by `{command}`: do not edit. -->", "", _described(machine), ""]
    if machine["warning"]:
        lines += [f"**Warning: {machine['warning']}.**", ""]
    for title, header, body in _tables(rows, _times):
        lines += [f"**{title}**", "", _line(header), _line(["---", *["---:"] * (len(header) - 1)])]
        lines += [*map(_line, body), ""]
    return "\n".join([*lines, *(f"- {note}" for note in (_spread(rows), *_notes(rows)))]) + "\n"


def print_profile(found: Mapping[str, Any], machine: Mapping[str, Any], console: "Console") -> None:
    """Print what the parts of one step cost."""
    from rich.table import Table

    table = Table(title=f"One step, {found['case']}: {duration(found['seconds'])}",
                  title_justify="left")  # fmt: skip
    for name in ("part", "time", "share", "what it does"):
        table.add_column(name, justify="right" if name in ("time", "share") else "left")
    for part in found["parts"]:
        share = f"{100 * part['seconds'] / found['watched']:.0f} %"
        table.add_row(part["part"], duration(part["seconds"]), share, part["what"])
    table.add_section()
    table.add_row("sum", duration(found["watched"]), "100 %", "a step under the stopwatch")
    console.print(table)
    console.print(_described(machine), style="dim")
    if machine["warning"]:
        console.print(f"Warning: {machine['warning']}.", style="bold red")


Lines = list[list[str]]


def _tables(rows: Sequence["Row"], cell: Cell) -> Iterator[tuple[str, list[str], Lines]]:
    """Yield title, header and lines: subjects down, cases across."""
    groups = dict.fromkeys((row.rule, row.dtype, row.device) for row in rows)
    for rule, dtype, device in groups:
        own = [row for row in rows if (row.rule, row.dtype, row.device) == (rule, dtype, device)]
        where = "" if device == "cpu" else f" on the {device} device"
        title = (
            f"{NAMES.get(rule, rule)}, {dtype} parameters{where}: time as a multiple of the limit's"
        )
        yield title, *_matrix(own, cell)
    held = [row for row in rows if row.peak_bytes is not None]
    if held:
        title = "Peak memory while a step runs, bytes a parameter"
        yield title, *_matrix(held, _memory, lambda row: row.case)


def _matrix(
    rows: Sequence["Row"], cell: Cell, name: Cell = lambda row: row.layout
) -> tuple[list[str], Lines]:
    cases = list(dict.fromkeys(map(name, rows)))
    lines: dict[str, dict[str, str]] = {}
    for row in rows:
        lines.setdefault(row.what, {})[name(row)] = cell(row)
    return ["", *cases], [[what, *(own.get(c, "") for c in cases)] for what, own in lines.items()]


def _ratio(row: "Row") -> str:
    if row.seconds is None:
        return "-"
    if row.what == LIMIT or row.ratio is None:
        return duration(row.seconds)
    return f"{row.ratio:.2f}" if row.ratio < 10 else f"{row.ratio:.0f}"


def _times(row: "Row") -> str:
    if row.seconds is None:
        return "–"
    assert row.quartiles, "measured with the seconds"
    low, high = map(duration, row.quartiles)
    time = f"{duration(row.seconds)} ({low} – {high})"
    return time if row.ratio is None or row.what == LIMIT else f"**{_ratio(row)}** {time}"


def _memory(row: "Row") -> str:
    return f"{(row.peak_bytes or 0) / row.parameters:.1f}"


def _spread(rows: Sequence["Row"]) -> str:
    found = [(row.quartiles[1] - row.quartiles[0]) / row.seconds
             for row in rows if row.seconds and row.quartiles]  # fmt: skip
    if not found:
        return "Nothing was measured."
    found.sort()
    return (
        f"Medians; half of the samples lie within {100 * found[len(found) // 2]:.0f} % of each "
        f"other in the middle row, {100 * found[-1]:.0f} % in the worst."
    )


def _notes(rows: Sequence["Row"]) -> list[str]:
    """Gather the notes that several rows share."""
    where: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row.note:
            where.setdefault((row.what, row.note), []).append(row.case)
    return [
        f"{what}: {note} ({cases[0] if len(cases) == 1 else f'{len(cases)} cases'})"
        for (what, note), cases in where.items()
    ]


def _described(machine: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    gpu = f", {machine['gpu']}" if machine["gpu"] else ""
    return (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['threads']} threads{gpu}; load "
        f"{machine['load']:.1f} before the run; {machine['date']}; Python {machine['python']}, "
        f"{versions}"
    )


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
