"""The command ``wdref audit``."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ...cli import emit_json, fail, need
from ...common.whole import write_text

if TYPE_CHECKING:
    from .record import Audit

EMPTY: dict[str, Any] = {"target": "", "optimizer": "", "framework": "", "summary": {}, "rows": [],
                         "findings": [], "notes": []}  # fmt: skip


@click.command()
@click.argument("target")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.option("--html", "html_to", type=click.Path(dir_okay=False, allow_dash=True),
              help="Write a page; - is stdout.")  # fmt: skip
@click.option("--sample", type=click.IntRange(min=2), default=1000, show_default=True,
              help="Coordinates of each tensor that are looked at.")  # fmt: skip
@click.option("--memory", type=click.FloatRange(min=0.0), default=0.25, show_default=True,
              help="GiB that whole copies may take; beyond it tensors are sampled.")  # fmt: skip
@click.option("--traceback", is_flag=True, help="Show the factory's own traceback.")
def audit(
    target: str, as_json: bool, html_to: str | None, sample: int, memory: float, traceback: bool
) -> int:
    """Which parameters decay, in which form and by how much?

    TARGET is path/to/file.py:make or package.module:make. make() takes nothing and returns an
    optimizer of torch or Keras, or (optimizer, model), or for optax (transformation, params) or
    (transformation, params, state). It runs in this process. Exit status: 0 nothing is found that
    is usually a mistake, 1 something is, 2 it could not be asked.
    """
    document: dict[str, Any] = {**EMPTY, "target": target}
    printed = document if as_json else None
    if as_json and html_to == "-":
        fail("--json and --html -: stdout is for one of them", printed)
    try:
        with _stdout_for_us():
            found = _audit(target, traceback, sample=sample, memory=memory)
    except _Refused as error:  # said outside: stdout is the document's again
        fail(str(error), printed)
    if html_to is not None:
        _write(found, html_to, printed)
    if as_json:
        emit_json(document | found.as_json())
    elif html_to is None:
        _print(found)
    return int(bool(found.findings))


class _Refused(Exception):
    """The question cannot be asked, and why."""


def _audit(target: str, traceback: bool, **options: Any) -> "Audit":
    from .entry import audit as ask
    from .record import AuditError

    made = _tried(f"{target} raises", _factory(target, traceback), traceback)
    try:
        optimizer, given = _given(made)
        return ask(optimizer, **given, **options)
    except (AuditError, ImportError) as error:
        raise _Refused(f"{target}: {error}") from error


def _factory(target: str, traceback: bool) -> Any:
    """Load the factory and see that it can be called with nothing."""
    import inspect

    head, colon, name = target.rpartition(":")
    if not (colon and head and name):
        raise _Refused(f"TARGET {target!r}: expected file.py:make or package.module:make")
    if head.endswith(".py") and not Path(head).is_file():
        raise _Refused(f"TARGET {target!r}: no file {head}")
    module = _tried(f"{head} cannot be loaded", lambda: _module(head), traceback)
    make = getattr(module, name, None)
    if not callable(make):
        what = "is no function" if hasattr(module, name) else "is not in it"
        raise _Refused(f"TARGET {target!r}: {name} {what}")
    try:
        inspect.signature(make).bind()
    except TypeError as error:
        raise _Refused(
            f"{target}: {error}: a factory takes nothing; write one that calls it, "
            f"def make(): return {name}(…)"
        ) from error
    except ValueError:  # a builtin without a signature
        pass
    return make


def _module(head: str) -> Any:
    import importlib

    from ..targets.worker import load_file

    if head.endswith(".py"):
        return load_file(Path(head).resolve(), adapter=False)
    sys.path.insert(0, str(Path.cwd()))
    return importlib.import_module(head)


def _tried(what: str, act: Callable[[], Any], traceback: bool) -> Any:
    """Do what runs the user's code; in one line, why it could not be done."""
    try:
        return act()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # also one that exits
        from .probes.guard import reason

        if traceback:
            import traceback as tracebacks

            click.echo(tracebacks.format_exc(), err=True)
        raise _Refused(f"{what}: {reason(error)}") from error


def _given(made: Any) -> tuple[Any, Mapping[str, Any]]:
    """The optimizer and what comes with it."""
    from .record import AuditError

    is_transformation = getattr(made, "_fields", ())[:2] == ("init", "update")
    if not isinstance(made, tuple) or is_transformation:
        return made, {}
    first, *rest = made
    if getattr(first, "_fields", ())[:2] == ("init", "update"):
        if 1 <= len(rest) <= 2:
            return first, dict(zip(("params", "state"), rest, strict=False))
        raise AuditError("make() returns (transformation, params) or (…, params, state) for optax")
    if len(rest) == 1:
        return first, {"model": rest[0]}
    raise AuditError(f"make() returns {len(made)} things: an optimizer, or (optimizer, model)")


@contextmanager
def _stdout_for_us() -> Iterator[None]:
    """What the factory prints goes to stderr, from Python or beneath it."""
    from contextlib import redirect_stdout

    sys.stdout.flush()
    try:
        kept = os.dup(1)
    except OSError:  # closed
        kept = -1
    try:
        if kept >= 0:
            os.dup2(2, 1)
        with redirect_stdout(sys.stderr):
            yield
    finally:
        if kept >= 0:
            os.dup2(kept, 1)
            os.close(kept)


def _write(found: "Audit", name: str, printed: dict[str, Any] | None) -> None:
    if name == "-":
        click.echo(found.as_html(), nl=False)
        return
    try:
        write_text(Path(name), found.as_html())
    except OSError as error:
        fail(f"{name}: {error.strerror}", printed)


def _print(found: "Audit") -> None:
    need("rich", "oracle")
    from rich.console import Console

    from .show import show

    show(found, Console(highlight=False, markup=False, soft_wrap=False))
