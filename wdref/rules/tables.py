"""The tables of a family: of a package ``programs.toml`` and ``bugs.toml``, of a module one file.

A family that is a single module, ``name.py``, has all its tables in ``name.toml``.
"""

import tomllib
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

from .derived import derived


class TableError(ValueError):
    """A table that cannot be read; the message names the file and the key."""


def program_tables(package: str) -> dict[str, Any]:
    """Return the tables ``[convention.claim]``."""
    if _is_package(package):
        return _read(package, "programs.toml", needed=True)
    tables = _read(package, f"{package.rpartition('.')[2]}.toml", needed=True)
    return {name: table for name, table in tables.items() if name != "bug"}


def bug_tables(package: str) -> list[dict[str, Any]]:
    """Return the tables ``[[bug]]``; none of a rule in which nobody has found one."""
    name = "bugs.toml" if _is_package(package) else f"{package.rpartition('.')[2]}.toml"
    found: list[dict[str, Any]] = _read(package, name, needed=False).get("bug", [])
    return found


def _is_package(name: str) -> bool:
    return hasattr(import_module(name), "__path__")


@derived
def _read(package: str, name: str, *, needed: bool) -> dict[str, Any]:
    if _is_package(package):
        file: Any = files(package).joinpath(name)
    else:
        file = Path(import_module(package).__file__ or "").with_name(name)
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        if needed:
            raise TableError(f"{name}: there is none") from None
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TableError(f"{name}: {error}") from None
