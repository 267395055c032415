"""The command ``wdref report``."""

from pathlib import Path

import click


@click.command()
@click.argument("folder", metavar="[DIR]", type=Path, default=Path())
@click.option("--out", metavar="FILE", type=Path, default=Path("report.html"), show_default=True,
              help="The page to write: .html.")  # fmt: skip
def report(folder: Path, out: Path) -> int:
    """Gather the analyses in DIR into one HTML page.

    DIR is the folder that `wdref theory`, `mechanisms` or `propositions` was given with --out; the
    present one unless named. Any NAME.json in it becomes a section, with NAME.svg as its figure:
    `wdref landscape --json --figure DIR/landscape.svg > DIR/landscape.json`.
    """
    from wdref.cli import fail, need

    need("matplotlib", "analysis")
    from .figures import write
    from .report import collect, page

    if not folder.is_dir():
        fail(f"{folder}: no such folder")
    try:
        analyses = collect(folder)
    except (OSError, ValueError) as error:
        fail(str(error))
    try:
        with write(out, (".html",)) as file:
            file.write_text(page(analyses), "utf-8")
    except OSError as error:
        fail(f"--out {out}: {error.strerror or error}")
    click.echo(f"{out}: {', '.join(a.name for a in analyses)}")
    return 0
