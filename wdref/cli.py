"""The command line: ``wdref COMMAND``. Commands are found through entry points.

Exit status: 0 the question was answered yes, 1 answered no, 2 it could not be asked; then one line
on stderr says why. click and rich come with the extras ``oracle`` and ``analysis``.
"""

import io
import json
import math
import os
import platform
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, entry_points, version
from typing import Any, NoReturn

from .common.optional import installed

RUNS_ON = ("numpy", "array-api-compat", "optree", "numba", "cupy-cuda13x", "python-flint")


class Failed(SystemExit):
    """The end of a command whose question could not be asked; `message` has been said."""

    def __init__(self, message: str) -> None:
        super().__init__(2)
        self.message = message


def main() -> NoReturn:
    """Run the command line and exit."""
    try:
        _main()
    except BrokenPipeError:  # `wdref … | head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nor may the flush at exit
        sys.exit(141)  # as of a program that the signal ends


def _main() -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # no θ of ours may fail on a terminal without one
            stream.reconfigure(errors="backslashreplace")
    if sys.argv[1:] == ["--version"]:  # also where no extra is installed
        print(versions())
        sys.exit(0)
    for module in ("click", "rich"):
        need(module, "oracle")
    import click

    try:
        status = _group().main(standalone_mode=False, prog_name="wdref")
    except click.UsageError as error:
        if len(sys.argv) == 1:  # asked for nothing: click's error is the whole help
            print(error.format_message(), file=sys.stderr)
            sys.exit(2)
        command = error.ctx.command_path if error.ctx else "wdref"
        fail(f"{error.format_message()} (see {command} --help)", _empty())
    except click.ClickException as error:
        fail(error.format_message(), _empty())
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    sys.exit(status if isinstance(status, int) else 0)


def versions() -> str:
    """Return the versions that a report of a fault needs: wdref's, Python's, those it runs on.

    Only the first line where nothing else is installed; frameworks are told by ``wdref matrix``.
    """
    here = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    found = []
    for name in RUNS_ON:
        with suppress(PackageNotFoundError):
            found.append(f"{name} {version(name)}")
    return "\n".join([f"wdref {version('wdref')}", here, ", ".join(found)])


def fail(message: str, document: dict[str, Any] | None = None) -> NoReturn:
    """Say in one line why the question could not be asked, and exit with status 2.

    With `document` it is printed too, the message added: JSON on stdout stays one document.
    """
    if document is not None:
        emit_json({**document, "error": message})
    line = " ".join(message.split())
    print(f"wdref: error: {line}", file=sys.stderr)
    raise Failed(line)


def need(module: str, extra: str, document: dict[str, Any] | None = None) -> None:
    """Fail with the extra to install where `module` is not installed."""
    if not installed(module):
        fail(f"this needs {module}: pip install 'wdref[{extra}]'", document or _empty())


def refuse(message: str) -> NoReturn:
    """End a command that has printed nothing: as `fail`, and under ``--json`` with a document."""
    fail(message, _empty())


def _empty() -> dict[str, Any] | None:
    """The document of a command that has none yet."""
    return {} if "--json" in sys.argv[1:] else None


def emit_json(document: Any) -> None:
    """Print one JSON document on stdout."""
    print(json_text(document, ascii_only="utf" not in (sys.stdout.encoding or "utf-8").lower()))


def json_text(document: Any, *, ascii_only: bool = False) -> str:
    """Return the text of a JSON document; numbers that JSON has not become the words inf and nan.

    >>> json_text({"a": (1.0, float("inf"))}).split()
    ['{', '"a":', '[', '1.0,', '"inf"', ']', '}']
    """
    return json.dumps(_plain(document), ensure_ascii=ascii_only, allow_nan=False, indent=2)


def _plain(x: Any) -> Any:
    if isinstance(x, dict):
        return {str(key): _plain(value) for key, value in x.items()}
    if isinstance(x, list | tuple):
        return [_plain(value) for value in x]
    if isinstance(x, float) and not math.isfinite(x):
        return str(x)
    return x


def _group() -> Any:
    import click

    class Commands(click.Group):
        """Commands that other packages may add to, loaded when they are named."""

        def list_commands(self, ctx: click.Context) -> list[str]:
            return sorted(point.name for point in entry_points(group="wdref.commands"))

        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
            for point in entry_points(group="wdref.commands", name=cmd_name):
                try:
                    command: click.Command = point.load()
                except ImportError as error:
                    fail(f"command {cmd_name} cannot be loaded: {error}")
                return command
            return None

    @click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
    @click.version_option(message=versions())
    def wdref() -> None:
        """Judge optimizers, and show where L2 regularisation and weight decay differ.

        Exit status: 0 yes, 1 no, 2 the question could not be asked.
        """

    return wdref


if __name__ == "__main__":
    main()
