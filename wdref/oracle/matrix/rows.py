"""Rows of the matrix: what the adapters say of themselves, read without running anything of theirs.

An adapter's file holds literal constants: ``OPTIMIZERS``, the text after the colon of a TARGET to
the claim that it makes; ``CONVENTION``, whose meaning of the hyperparameters; ``INSTALL``, how to
install the framework; ``COMPILES``, a regular expression that finds the rows for which a program is
compiled for every shape: these share the sizes, ranks and bounds. One without
``OPTIMIZERS`` has no rows.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from ...conventions import dialect
from ...rules.contract import Dialect
from ..targets.targets import Target, TargetError, adapter_file, parse, parse_options

NAMES = {"INSTALL": str, "CONVENTION": str, "OPTIMIZERS": dict, "COMPILES": str}


@dataclass(frozen=True)
class Row:
    """An optimizer of a framework and what it is said to be, or the `problem` with saying it."""

    framework: str
    optimizer: str = ""
    install: str = ""
    convention: str = ""
    claim: str = ""
    rule: Dialect | None = None
    target: Target | None = None
    problem: str = ""
    part: tuple[int, int] = (0, 1)  # its place among the rows that share the sizes, their number

    @property
    def name(self) -> str:
        """The TARGET."""
        return f"{self.framework}:{self.optimizer}" if self.optimizer else self.framework

    @property
    def process(self) -> tuple[str, str]:
        """Rows with the same key may share a process: a library has one backend in its life.

        So has JAX one number of devices.
        """
        options = self.target.spec["options"] if self.target else {}
        return self.framework, "/".join(str(options.get(x, "")) for x in ("backend", "sharded"))


def rows(names: Sequence[str] = ()) -> list[Row]:
    """Return the rows of the adapters `names`, by default of all, in the order of their names.

    Raises ValueError for a name without an adapter.
    """
    modules = {point.name: point.module for point in entry_points(group="wdref.frameworks")}
    unknown = [name for name in names if name not in modules]
    if unknown:
        raise ValueError(f"no adapter {', '.join(unknown)}: there are {', '.join(sorted(modules))}")
    wanted = dict.fromkeys(names) or sorted(modules)
    return [row for name in wanted for row in _rows(name, modules[name])]


def _rows(name: str, module: str) -> Iterator[Row]:
    try:
        found = constants(Path(adapter_file(module)))
    except (TargetError, OSError, SyntaxError, ValueError, ImportError) as error:
        yield Row(name, problem=f"adapter {module}: {error}")
        return
    optimizers = found.get("OPTIMIZERS", {})
    compiled = [o for o in optimizers if re.search(found.get("COMPILES", "$^"), str(o))]
    for optimizer, claim in optimizers.items():
        install, convention = found.get("INSTALL", ""), found.get("CONVENTION", "paper")
        said = (name, str(optimizer), install, convention, str(claim))
        try:
            target = parse(f"{name}:{optimizer}")
            rule, answers = parse_options(str(claim))
            part = (compiled.index(optimizer), len(compiled)) if optimizer in compiled else (0, 1)
            yield Row(*said, dialect(rule, convention, **answers), target, part=part)
        except (TargetError, ValueError) as error:
            yield Row(*said, problem=f"adapter {module}: {error}")


def constants(file: Path) -> dict[str, Any]:
    """Return the constants of an adapter's file; ValueError for one that is no literal."""
    found: dict[str, Any] = {}
    for node in ast.parse(file.read_text("utf-8"), str(file)).body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        targets = [node.target] if isinstance(node, ast.AnnAssign) and node.value else targets
        for target in targets:
            if isinstance(target, ast.Name) and target.id in NAMES:
                found[target.id] = _literal(target.id, node.value)  # type: ignore[attr-defined]  # both kinds have one
    return found


def _literal(name: str, node: Any) -> Any:
    try:
        value = ast.literal_eval(node)
    except ValueError:
        raise ValueError(f"{name} must be a literal") from None
    if not isinstance(value, NAMES[name]):
        raise ValueError(f"{name} must be a {NAMES[name].__name__}, not {value!r}")
    return value
