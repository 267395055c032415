"""The command ``wdref matrix``."""

import datetime
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ...cli import emit_json, fail, need
from ...common.whole import write_text

if TYPE_CHECKING:
    from .matrix import Settings
    from .rows import Row

FILE = click.Path(dir_okay=False, allow_dash=True)
HELD = ("conforms", "missing")  # a framework that is not installed says nothing


@click.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="NAME is a package, or a file: which rule is "
              "each optimizer that it exports?")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.option("--markdown", "markdown_to", type=FILE, help="Write a Markdown page; - is stdout.")
@click.option("--html", "html_to", type=FILE, help="Write a page that sorts and filters.")
@click.option("--compare", "earlier", type=click.Path(exists=True, dir_okay=False),
              help="Ask instead whether all is as in this earlier Markdown page, whatever was "
              "measured aside.")  # fmt: skip
@click.option("--row", "only", multiple=True, metavar="NAME:OPTIMIZER",
              help="Only this row; may be repeated.")  # fmt: skip
@click.option("--timeout", type=click.FloatRange(min=0.0, min_open=True), default=None,
              help="Seconds a row; by default 300, with --all 60.")  # fmt: skip
@click.option("--memory", type=click.FloatRange(min=0.0, min_open=True), default=16.0,
              show_default=True, help="GiB that a process may allocate.")  # fmt: skip
@click.option("--jobs", type=click.IntRange(min=1), default=None,
              help="Frameworks at once; by default one a core.")  # fmt: skip
def matrix(
    names: tuple[str, ...], every: bool, as_json: bool, markdown_to: str | None,
    html_to: str | None, earlier: str | None, only: tuple[str, ...], timeout: float | None,
    memory: float, jobs: int | None,
) -> int:  # fmt: skip
    """What does each installed framework do?

    NAME is an adapter: torch, optax, keras, …; by default all. Exit status: 0 each row conforms to
    what it is said to be, or with --compare, all is as it was; 1 not so; 2 nothing could be asked.

    With --all NAME is a package, as torch.optim or timm.optim. Each optimizer that it exports
    conforms to a rule, deviates from it, is of no family that is known here, or cannot be made.
    Exit status: 0 none deviates, 1 one does, crashes or hangs.
    """
    document: dict[str, Any] = {"date": "", "python": "", "versions": {}, "rows": []}
    printed = document if as_json else None
    need("flint", "oracle", printed)
    from .markdown import changes, markdown
    from .matrix import Settings

    targets = {"--json": as_json, "--markdown -": markdown_to == "-", "--html -": html_to == "-"}
    if sum(targets.values()) > 1:
        fail(f"{' and '.join(t for t, on in targets.items() if on)}: stdout is for one of them")
    settings = Settings(timeout=timeout or (60.0 if every else 300.0), memory=memory)
    if jobs is not None:
        settings = replace(settings, cores=jobs)
    if every:
        others = {"--row": only, "--compare": earlier, "--html": html_to}
        return _sweep(names, settings, document, as_json, markdown_to, others)
    wanted = _rows(names, only, printed)
    document |= {"date": datetime.date.today().isoformat(), "python": platform.python_version()}
    began = time.monotonic()
    document["rows"] = _run(wanted, settings)
    document |= {"wall": round(time.monotonic() - began, 1), "cores": settings.cores}
    document["versions"] = {
        row["framework"]: row["version"] for row in document["rows"] if row["version"]
    }
    _write(document, markdown_to, html_to, document if as_json else None)
    failed = _failed(document["rows"])
    if as_json:
        emit_json(document | ({"error": failed} if failed else {}))
    elif not any(targets.values()) and not (markdown_to or html_to or earlier):
        from .show import print_matrix

        print_matrix(document)
    if failed:
        return fail(failed)
    if earlier is None:
        return 0 if all(row["verdict"] in HELD for row in document["rows"]) else 1
    found = changes(Path(earlier).read_text("utf-8"), markdown(document), (*names, *only))
    for line in found:
        click.echo(line, err=True)
    return 1 if found else 0


def _sweep(
    names: Sequence[str], settings: "Settings", document: dict[str, Any], as_json: bool,
    markdown_to: str | None, others: dict[str, Any],
) -> int:  # fmt: skip
    """Say of each optimizer of a package which rule it is."""
    from .every.ask import DTYPES, FAULTS, Refused, swept
    from .every.show import markdown, print_sweep

    printed = document if as_json else None
    if unfit := [name for name, given in others.items() if given]:
        fail(f"--all: {unfit[0]} is not for it", printed)
    try:
        swept(names, replace(settings, dtypes=DTYPES), document)
    except Refused as error:
        fail(str(error), printed)
    if markdown_to is not None:
        _put(markdown_to, markdown(document), printed)
    if as_json:
        emit_json(document)
    elif markdown_to is None:
        print_sweep(document)
    return int(any(row["verdict"] in FAULTS for row in document["rows"]))


def _rows(
    names: Sequence[str], only: Sequence[str], document: dict[str, Any] | None
) -> "list[Row]":
    from .rows import rows

    try:
        found = rows([*names, *(name.partition(":")[0] for name in only)])
    except ValueError as error:
        fail(str(error), document)
    known = {row.name for row in found}
    for name in only:
        if name not in known:
            fail(f"--row {name}: no such row; {name.partition(':')[0]} has "
                 f"{', '.join(sorted(known))}", document)  # fmt: skip
    found = [row for row in found if not only or row.name in only or row.framework in names]
    return found or fail("no adapter says which optimizers it has", document)


def _run(rows: "Sequence[Row]", settings: "Settings") -> list[dict[str, Any]]:
    """Records in the order of the rows, whichever came first."""
    from rich.console import Console
    from rich.progress import track

    from .matrix import matrix as run

    console = Console(stderr=True)
    records = track(run(rows, settings), "rows", total=len(rows), console=console, transient=True,
                    disable=not sys.stderr.isatty())  # fmt: skip
    place = {row.name: i for i, row in reversed(list(enumerate(rows)))}
    place |= {row.framework: i for i, row in reversed(list(enumerate(rows)))}
    return sorted(records, key=lambda record: place[record["target"]])


def _failed(rows: list[dict[str, Any]]) -> str | None:
    """Why no row at all could be run."""
    if any(row["verdict"] not in ("missing", "timeout", "error") for row in rows):
        return None
    first = rows[0]
    why = f"not installed: {first['install']}" if first["verdict"] == "missing" else ""
    return f"no row could be run; {first['target']}: {why or first['message']}"


def _write(
    document: dict[str, Any],
    markdown_to: str | None,
    html_to: str | None,
    printed: dict[str, Any] | None,
) -> None:
    from .markdown import markdown
    from .page import page

    for name, make in ((markdown_to, markdown), (html_to, page)):
        if name is None:
            continue
        _put(name, make(document), printed)


def _put(name: str, text: str, printed: dict[str, Any] | None) -> None:
    if name == "-":
        click.echo(text, nl=False)
        return
    try:
        write_text(Path(name), text)
    except OSError as error:
        fail(f"{name}: {error.strerror}", printed)
