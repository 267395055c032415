"""The files that ``wdref check`` writes beside what it prints, each an option.

They are written whole or not at all, also where the target could not be asked.
"""

import os
from collections.abc import Callable, Mapping
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from ...cli import Failed, fail
from ...common.whole import write_text

# the option, which is also the module of `wdref.oracle.report` and its function, and its help
FORMATS = {
    "junit": "Write the cases as JUnit's XML, which CI servers show.",
    "sarif": "Write the verdict as SARIF 2.1.0, for code scanning.",
    "markdown": "Write the verdict as Markdown, for the summary of a workflow.",
    "badge": "Write a badge: the JSON of shields.io's endpoint.",
}
PATHS, DOCUMENT = f"{__name__}.paths", f"{__name__}.document"


def files(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command an option for each format, and write them when it has ended.

    The command tells `keep` what its document is.
    """

    @wraps(command)
    def written(*args: Any, **options: Any) -> Any:
        known = click.get_current_context().meta
        try:
            status = command(*args, **options)
        except Failed as failure:
            _write(known, error=failure.message)
            raise
        _write(known)
        return status

    for name, text in reversed(FORMATS.items()):
        path = click.Path(dir_okay=False, path_type=Path)
        option = click.option(f"--{name}", type=path, metavar="FILE", help=text,
                              expose_value=False, callback=_remember)  # fmt: skip
        option(written)
    return written


def keep(document: dict[str, Any]) -> None:
    """Name the document that the files are made of: as it is when the command ends."""
    click.get_current_context().meta[DOCUMENT] = document


def _remember(context: click.Context, option: click.Parameter, path: Path | None) -> None:
    if path is None:
        return
    paths = context.meta.setdefault(PATHS, {})
    if not path.name:
        raise click.BadParameter("no name of a file")
    if not os.path.isdir(path.parent):  # noqa: PTH112  # Path.is_dir raises for a name that is too long
        raise click.BadParameter(f"no folder {path.parent}")
    if path in paths.values():
        raise click.BadParameter(f"{path} is another format's file already")
    paths[option.name] = path


def _write(known: Mapping[str, Any], **error: str) -> None:
    document = known.get(DOCUMENT, {}) | error
    for name, path in known.get(PATHS, {}).items():
        module = import_module(f"..report.{name}", __package__)
        text = getattr(module, name)(document)
        try:  # half a surrogate, in what a target raised, is no text
            write_text(path, text.encode("utf-8", "backslashreplace").decode("utf-8"))
        except OSError as problem:
            fail(f"--{name} {path}: {problem.strerror}")
