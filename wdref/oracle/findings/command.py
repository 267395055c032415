"""``wdref findings``: are the deviations found in frameworks present in the installed versions?"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from ...cli import emit_json, fail, need

if TYPE_CHECKING:
    from .finding import Answer, Finding


@click.command()
@click.argument("names", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.option("--markdown", is_flag=True, help="Markdown on stdout, as in the documentation.")
@click.option("--fail-on-present", is_flag=True, help="Exit with status 1 where one is present.")
@click.option("--timeout", type=click.FloatRange(min=0.0, min_open=True), default=120.0,
              show_default=True, help="Seconds for each.")  # fmt: skip
def findings(
    names: tuple[str, ...], as_json: bool, markdown: bool, fail_on_present: bool, timeout: float
) -> int:
    """Which findings are present in the installed frameworks?

    NAMES are findings or frameworks; all without one. Each is tried in a process of its own.
    """
    from .finding import findings as read_all
    from .finding import try_all
    from .page import page

    document: dict[str, Any] = {"findings": []}
    known = read_all()
    chosen = _chosen(known, names, document if as_json else None)
    if not (as_json or markdown):
        need("rich", "oracle")
    answers = try_all(chosen, timeout=timeout)
    document["findings"] = [{**vars(f), **vars(a)} for f, a in zip(chosen, answers, strict=True)]
    errors = [a for a in answers if a.status == "error"]
    message = "; ".join(f"{a.name}: {a.message}" for a in errors)
    if as_json and not errors:
        emit_json(document)
    elif markdown:
        click.echo(page(chosen, answers))
    elif not as_json:
        _print(chosen, answers, details=bool(names))
    if errors:
        fail(message, document if as_json else None)
    return int(fail_on_present and any(a.status == "present" for a in answers))


def _chosen(
    known: "Sequence[Finding]", names: Sequence[str], document: dict[str, Any] | None
) -> "list[Finding]":
    unknown = set(names) - {f.name for f in known} - {f.framework for f in known}
    if unknown:
        frameworks = ", ".join(sorted({f.framework for f in known}))
        fail(f"no finding {', '.join(sorted(unknown))}; `wdref findings` tries all, "
             f"a framework is one of {frameworks}", document)  # fmt: skip
    return [f for f in known if not names or f.name in names or f.framework in names]


def _print(chosen: "Sequence[Finding]", answers: "Sequence[Answer]", details: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    from .page import measured

    console = Console(highlight=False, markup=False)
    table = Table(title="Findings in the installed frameworks")
    for column in ("name", "version", "kind", "status", "s"):
        table.add_column(column, no_wrap=column in ("version", "status"))
    for f, a in zip(chosen, answers, strict=True):
        seconds = "" if a.seconds is None else f"{a.seconds:.1f}"
        table.add_row(f.name, a.version or a.message, f.kind, a.status, seconds)
    console.print(table)
    for f, a in zip(chosen, answers, strict=True):
        if details:
            console.print(f"\n{f.title}\n  formula   {f.formula}\n  expected  {f.expected}\n"
                          f"  measured  {measured(a)}\n  issue     {f.issue}")  # fmt: skip
