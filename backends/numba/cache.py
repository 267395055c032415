"""Generated code on disk: numba keeps compiled code beside the file that holds the source."""

import hashlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from ..cache_folder import cache_folder


def load(source: Callable[[bool], str], /) -> Any:
    """Compile ``source(cached)`` and return its ``run``; anew where there is no place on disk."""
    try:
        return _module(_written(source(True))).run
    except (OSError, RuntimeError):  # RuntimeError: numba finds no place for compiled code
        names: dict[str, Any] = {}
        exec(compile(source(False), "<wdref numba>", "exec"), names)  # our own text
        return names["run"]


def _written(text: str) -> Path:
    """Return the file that holds `text`, named by it, written whole or not at all."""
    folder = cache_folder() / "numba"
    file = folder / f"wdref_{hashlib.sha256(text.encode()).hexdigest()[:24]}.py"
    if not file.exists() or file.read_text("utf-8") != text:
        folder.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=folder, suffix=".part")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        Path(temporary).replace(file)
    return file


def _module(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise OSError(f"{file} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module  # where numba looks when it loads compiled code
    spec.loader.exec_module(module)
    return module
