"""Keras' states: {path: array}, one path a slot and variable, in the variables' order."""

from collections.abc import Mapping
from typing import Any

import optree

from ..optimizer import Optimizer
from .record import Columns, Found, Said, missing
from .slots import names, others


def read(opt: Optimizer, found: Any, spec: optree.PyTreeSpec, *, whole: bool = True) -> Found:
    """Read slots, the counter, and the learning rate, the one setting that is a variable."""
    counter, paths = _paths(opt, found, spec.num_leaves)
    columns = {name: [_array(found[path]) for path in paths[name]] for name in opt.dialect.slots}
    rates = [x for path, x in found.items() if path.rpartition("/")[2] == "learning_rate"]
    said = Said({"learning_rate": _array(rates[0])} if len(rates) == 1 else {}, None, {}, {})
    return Found({int(_array(found[counter]))}, columns, [said] * spec.num_leaves)


def _paths(opt: Optimizer, found: Any, count: int) -> tuple[str, dict[str, list[str]]]:
    """Path of the counter, and those of each slot."""
    if not isinstance(found, Mapping):
        raise ValueError("expected {v.path: v for v in optimizer.variables} of Keras")
    theirs, foreign = names(opt.dialect, "keras"), others(opt.dialect, "keras")
    of_slot = {name: [p for p in found if p.endswith(f"_{theirs[name]}")] for name in theirs}
    counters = [path for path in found if path.rpartition("/")[2] == "iteration"]
    if len(counters) != 1:
        raise missing("single iteration", opt, found)
    if any(path.endswith("_gradient_accumulator") for path in found):
        raise ValueError(
            "the state accumulates gradients, so that its iteration counts calls and not updates: "
            "wdref goes on from an optimizer without gradient_accumulation_steps"
        )
    for name, paths in of_slot.items():
        if name in opt.dialect.slots and len(paths) != count:
            raise missing(f"{theirs[name]} for each of {count} parameters", opt, found)
        if name not in opt.dialect.slots and paths:
            raise missing(f"place here for {theirs[name]}", opt, found)
    for name in foreign:
        if any(path.endswith(f"_{name}") for path in found):
            raise missing(f"place here for {name}", opt, found)
    return counters[0], of_slot


def _array(x: Any) -> Any:
    return getattr(x, "value", x)  # of a Keras variable, its backend's array


def write(opt: Optimizer, columns: Columns, into: Any, step: int, spec: optree.PyTreeSpec) -> Any:
    """Return `into` with the arrays of `columns`."""
    counter, paths = _paths(opt, into, spec.num_leaves)
    new = {path: x for name in columns for path, x in zip(paths[name], columns[name], strict=True)}
    return {**into, **new, counter: step}
