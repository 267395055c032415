"""Targets: what the command line calls an implementation, and how it is run, apart from us."""

import importlib.util
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Self

from ...common.checks import literal
from ..cases.case import Case
from . import worker
from .exchange import Result as Result
from .exchange import read_loaded, read_results, write_request
from .pointing import Pointing

TIMEOUT = 120.0  # seconds for all cases of one target, the import of its framework included
MEMORY = 8.0  # GiB that its process may allocate


class TargetError(Exception):
    """The target cannot be asked: it does not exist, cannot be loaded, or its name is malformed."""

    def __init__(self, message: str, traceback: str = "") -> None:
        super().__init__(message)
        self.traceback = traceback


@dataclass(frozen=True)
class Target:
    """A parsed TARGET: the text, and what the worker needs to find it."""

    text: str
    spec: dict[str, Any]


def parse(text: str, *, elsewhere: bool = False, pointing: Pointing | None = None) -> Target:
    """Read ``torch:AdamW[fused=True]``, ``path/file.py:name`` or ``package.module:name``.

    Raises TargetError, naming what is wrong, before anything of the target runs. With `elsewhere`
    another interpreter will run it, which alone knows its modules. `pointing` is what is known of
    a class or a factory.
    """
    head, colon, tail = text.rpartition(":")
    if not colon or not head or not tail:
        raise TargetError(
            f"TARGET {text!r}: expected adapter:optimizer, file.py:function or module:function"
        )
    found = {point.name: point for point in entry_points(group="wdref.frameworks")}
    is_file = head.endswith(".py")
    if is_file and not _is_file(Path(head)):
        raise TargetError(f"TARGET {text!r}: no file {head}")
    pointing = pointing or Pointing()
    name, options = parse_options(tail)
    options |= pointing.options
    if head in found and not is_file:
        if pointing.words:
            raise TargetError(f"TARGET {text!r}: the adapter {head} knows its words: no --word")
        file = adapter_file(found[head].module)
        spec = {"kind": "adapter", "file": file, "optimizer": name, "options": options}
        return Target(text, spec)
    known = is_file or elsewhere or _is_package(head.partition(".")[0])
    if not known:
        raise TargetError(
            f"TARGET {text!r}: no adapter and no module {head!r}; adapters: "
            f"{', '.join(sorted(found))}"
        )
    place = {"kind": "file", "file": str(Path(head).resolve())} if is_file else {
        "kind": "module", "module": head}  # fmt: skip
    driver = pointing.request(options, adapter_files())
    return Target(text, {**place, "function": name, "driver": driver})


def parse_options(text: str) -> tuple[str, dict[str, Any]]:
    """Read ``name[key=value,…]``; values are Python literals, or words.

    >>> parse_options("AdamW[fused=True,eps=1e-6]")
    ('AdamW', {'fused': True, 'eps': 1e-06})
    """
    match = re.fullmatch(r"([\w.]+)(?:\[(.*)\])?", text)
    if not match:
        raise TargetError(f"{text!r}: expected name or name[option=value,…]")
    options: dict[str, Any] = {}
    for part in filter(None, (match[2] or "").split(",")):
        key, equals, value = part.partition("=")
        if not equals or not key.strip().isidentifier():
            raise TargetError(f"{text!r}: {part!r} is no option=value")
        options[key.strip()] = _literal(value.strip())
    return match[1], options


def _literal(value: str) -> Any:
    try:
        return literal({"true": "True", "false": "False"}.get(value, value))
    except ValueError:
        return value


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long for any file
        return False


def adapter_files() -> dict[str, str]:
    """Return the file of each adapter by its name."""
    found = entry_points(group="wdref.frameworks")
    return {point.name: adapter_file(point.module) for point in found}


def adapter_file(module: str) -> str:
    """Return the file of an adapter's module; its package is imported, the module is not."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise TargetError(f"adapter {module}: its module cannot be found")
    return spec.origin


def _is_package(name: str) -> bool:
    # the first part of the name alone: to look further would import it, here
    sys.path.insert(0, "")  # as `python -m` does; a module in the current folder counts
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False
    finally:
        sys.path.remove("")


@dataclass
class Running:
    """A target at work in its own process; `results` waits for it.

    As a context manager it leaves neither a process nor a file behind, whatever happened inside.
    """

    target: Target
    cases: Sequence[Case]
    process: "subprocess.Popen[bytes]"
    directory: "tempfile.TemporaryDirectory[str]"
    timeout: float
    deadline: float

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def results(self) -> list[Result]:
        """Wait, and return one result a case; TargetError if the target could not be loaded."""
        return self.answers()[0]

    def answers(self) -> tuple[list[Result], dict[str, Any]]:
        """The same, and what was measured of the primitives by dtype."""
        with self:
            ending = self._wait()
            path = Path(self.directory.name)
            loaded = read_loaded(path, ending)
            if loaded.status != "ok":
                raise TargetError(
                    f"TARGET {self.target.text!r}: {loaded.message}", loaded.traceback
                )
            return read_results(path, self.cases, loaded, ending), loaded.primitives

    def measured(self) -> dict[str, Any]:
        """What was measured of the primitives, once the target is loaded; nothing if it is not."""
        path = Path(self.directory.name)
        while not (path / "load.json").exists():
            if self.process.poll() is not None or time.monotonic() > self.deadline:
                return {}
            time.sleep(0.02)
        return read_loaded(path, Result("error")).primitives

    def _wait(self) -> Result:
        """Return what is to be said of cases without an answer: why there is none."""
        try:
            status = self.process.wait(max(self.deadline - time.monotonic(), 0.0))
        except subprocess.TimeoutExpired:
            return too_late(self.timeout)
        return end_of(status)

    def close(self) -> None:
        """Kill the process with all that it started, and remove its files."""
        kill(self.process)
        self.directory.cleanup()


def start(
    target: Target,
    cases: Sequence[Case],
    *,
    timeout: float = TIMEOUT,
    python: str = sys.executable,
    memory: float = MEMORY,
) -> Running:
    """Start `target` on `cases` in a process of its own and return at once."""
    directory = tempfile.TemporaryDirectory(prefix="wdref-", ignore_cleanup_errors=True)
    path = Path(directory.name)
    try:
        write_request(path, target.spec, cases, memory)
        # a file, not a pipe: a pipe stays open until the last child of the target has closed it
        with (path / "stderr").open("wb") as stderr:
            process = subprocess.Popen(
                [python, worker.__file__, str(path)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                start_new_session=True,
            )
    except BaseException:
        directory.cleanup()
        raise
    return Running(target, cases, process, directory, timeout, time.monotonic() + timeout)


def kill(process: "subprocess.Popen[bytes]") -> None:
    """Kill a worker with all that it started."""
    try:
        if hasattr(os, "killpg"):  # it leads a group of its own, which may outlive it
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    except (ProcessLookupError, PermissionError):
        pass  # gone; macOS answers so for a group of zombies
    process.wait()


def too_late(timeout: float) -> Result:
    """Return the result of the cases that a target did not come to within `timeout` seconds."""
    return Result(
        "timeout", message=f"still running after {timeout:g} s (--timeout gives it longer)"
    )


def end_of(status: int) -> Result:
    """Return the result of the cases that a worker did not come to, which ended with `status`."""
    if status < 0:
        why = f"its process was killed by {signal.Signals(-status).name}"
    else:
        why = f"its process ended with status {status}"
    return Result("error", message=why)
