"""Where a target's source is: its file and line, read and never imported."""

import ast
import importlib.util
import os
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from urllib.parse import quote


@dataclass(frozen=True)
class Place:
    """A file, and the line of the function or class in it; None where no line says its name."""

    file: Path
    line: int | None = None

    @property
    def uri(self) -> str:
        """The file as a URI: relative to the current folder where it is inside it."""
        with suppress(ValueError):  # it is outside
            return quote(self.file.relative_to(Path.cwd()).as_posix())
        return self.file.as_uri()


def place_of(target: str) -> Place | None:
    """Return where the source of ``path/file.py:name`` or ``package.module:name`` is.

    Adapters and what cannot be found have none.
    """
    head, _, name = target.partition("[")[0].rpartition(":")
    if head in entry_points(group="wdref.frameworks").names:
        return None
    with suppress(OSError, ValueError, ImportError):  # a name too long, a file that is no Python
        file = Path(os.path.abspath(head)) if head.endswith(".py") else _of_module(head)  # noqa: PTH100  # a link keeps its name
        if file is not None and file.is_file():
            return Place(file, _line(file, name))
    return None


def _of_module(name: str) -> Path | None:
    """The file of a module; of a package's the folders are asked, for to import is to run."""
    first, *rest = name.split(".")
    path = Path(first, *rest)
    found = [path.with_suffix(".py"), path / "__init__.py"]  # in the current folder
    spec = importlib.util.find_spec(first) if first.isidentifier() else None
    if spec is not None and not rest and spec.origin:
        found.append(Path(spec.origin))
    for folder in (spec.submodule_search_locations or ()) if spec and rest else ():
        inner = Path(folder, *rest)
        found += [inner.with_suffix(".py"), inner / "__init__.py"]
    file = next((file for file in found if file.is_file()), None)
    return file and file.absolute()


def _line(file: Path, name: str) -> int | None:
    """The first line of a definition, or of a name that is assigned; dots lead into classes."""
    with suppress(SyntaxError):
        body, line = ast.parse(file.read_bytes()).body, None
        for part in name.split("."):
            node = next((n for n in reversed(body) if part in _names(n)), None)
            if node is None:
                break
            line, body = node.lineno, getattr(node, "body", [])
        return line
    return None


def _names(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    targets = getattr(node, "targets", [getattr(node, "target", None)])
    return {t.id for t in targets if isinstance(t, ast.Name)}
