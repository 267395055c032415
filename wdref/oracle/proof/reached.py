"""Which lines of the rules run: a change in a line that a dialect never runs changes nothing."""

import ast
import importlib.resources
import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import FrameType
from typing import Any

from ...rules import registry

RULES = str(importlib.resources.files(registry.__package__))
Line = tuple[str, int]  # of a file


@contextmanager
def lines_run() -> Iterator[set[Line]]:
    """Collect the lines of rules that run meanwhile."""
    lines, before = set[Line](), sys.gettrace()

    def traced(frame: FrameType, _event: str, _value: Any) -> Any:
        file = frame.f_code.co_filename
        if not file.startswith(RULES):
            return None
        lines.add((file, frame.f_lineno))
        return traced

    sys.settrace(traced)
    try:
        yield lines
    finally:
        sys.settrace(before)


@cache
def statement(module: str, line: int) -> frozenset[Line]:
    """Return all lines of the shortest statement of `module` that `line` is a part of."""
    source = importlib.import_module(module)
    file = inspect.getsourcefile(source) or ""
    nodes = (n for n in ast.walk(ast.parse(inspect.getsource(source))) if isinstance(n, ast.stmt))
    extents = (range(n.lineno, (n.end_lineno or n.lineno) + 1) for n in nodes)
    return frozenset((file, k) for k in min((e for e in extents if line in e), key=len))
