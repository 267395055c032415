"""``wdref mutants``: is every known bug caught and named, and how far apart are right and wrong?"""

from typing import TYPE_CHECKING, Any

import click

from ...cli import emit_json, need

if TYPE_CHECKING:
    from .detection import Margin, Row
    from .mutation_score import Score


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.option("--margins", is_flag=True, help="Also the distance between right and wrong: "
              "right implementations of every family (minutes).")  # fmt: skip
@click.option("--mechanical", is_flag=True, help="Also spoil wdref's own rules in every place and "
              "give the share that the suite catches.")  # fmt: skip
@click.option("--markdown", is_flag=True, help="Markdown on stdout, as in the documentation.")
def mutants(as_json: bool, margins: bool, mechanical: bool, markdown: bool) -> int:
    """Is every known weight-decay bug caught and named?"""
    need("flint", "oracle", {"mutants": []} if as_json else None)
    from rich.console import Console
    from rich.progress import track

    from ..bugs import tensor_bugs
    from ..bugs.gallery import gallery
    from .detection import margins as distance
    from .detection import row_of
    from .mutation_score import score

    bugs = (*gallery(), *tensor_bugs.GALLERY)
    shown = track(bugs, "mutants", console=Console(stderr=True), transient=True)
    rows = [row_of(bug) for bug in shown]
    apart = distance(rows) if margins else []
    own = score() if mechanical else None
    if as_json:
        emit_json(_document(rows, apart, own))
    elif markdown:
        click.echo(_markdown(rows, apart, own))
    else:
        _print(rows, apart, own)
    return 0 if all(row.caught and row.named and row.agrees for row in rows) else 1


def _document(rows: "list[Row]", apart: "list[Margin]", own: "Score | None") -> dict[str, Any]:
    document: dict[str, Any] = {
        "mutants": [{**vars(row), "ratio": max(row.ratios.values())} for row in rows]
    }
    if apart:
        document["margins"] = [vars(margin) for margin in apart]
    if own:
        survivors = [vars(site) for site in own.survivors]
        document["mechanical"] = {**vars(own), "survivors": survivors}
    return document


def _markdown(rows: "list[Row]", apart: "list[Margin]", own: "Score | None") -> str:
    lines = ["| id | what | float64 | float32 | caught | named | reference |", "|---" * 7 + "|"]
    for row in rows:
        numbers = " | ".join(f"{row.ratios[dtype]:.1e}" for dtype in ("float64", "float32"))
        words = " | ".join("yes" if yes else "**no**" for yes in (row.caught, row.named))
        lines.append(f"| {row.id} | {row.title} | {numbers} | {words} | {row.reference} |")
    if apart:
        lines += ["", "| family | dtype | worst right | of | best wrong | of |", "|---" * 6 + "|"]
    for m in apart:
        lines.append(f"| {' | '.join(_margin(m))} |")
    if own:
        lines += ["", f"{_mechanical(own)}. Survivors:", ""]
        lines += [f"- `{x.module}`, {x.change}: `{x.source}`" for x in own.survivors]
    return "\n".join(lines)


def _mechanical(own: "Score") -> str:
    share = f"{own.killed / own.total:.1%} ({own.low:.1%} to {own.high:.1%})"
    return f"Mechanical mutants: {own.killed} of {own.total} caught, {share}"


def _print(rows: "list[Row]", apart: "list[Margin]", own: "Score | None") -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    table = Table(title="Known bugs: the best ratio each reaches, and whether it was named")
    for name in ("id", "what", "float64", "float32", "caught", "named", "reference"):
        table.add_column(name, no_wrap=name == "id")
    for row in rows:
        words = ("yes" if yes else "NO" for yes in (row.caught, row.named))
        numbers = (f"{row.ratios[dtype]:.1e}" for dtype in ("float64", "float32"))
        table.add_row(row.id, row.title, *numbers, *words, row.reference)
    console.print(table)
    if apart:
        console.print(_margins_table(apart))
    if own:
        console.print(_mechanical(own))
        for site in own.survivors:
            console.print(f"  survives: {site.module}:{site.line} {site.change}: {site.source}",
                          markup=False)  # fmt: skip


def _margins_table(apart: "list[Margin]") -> Any:
    from rich.table import Table

    table = Table(title="Right and wrong: the limit is 4")
    for name in ("family", "dtype", "worst right", "of", "best wrong", "of"):
        table.add_column(name)
    for m in apart:
        table.add_row(*_margin(m))
    return table


def _margin(m: "Margin") -> tuple[str, ...]:
    """The cells of a margin."""
    numbers = (f"{m.right:.2f}", str(m.rights), f"{m.wrong:.1e}", str(m.wrongs))
    return m.family, m.dtype, *numbers
