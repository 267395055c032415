"""optax' states: named tuples inside tuples, with count, mu, nu or trace."""

from collections.abc import Iterator, Mapping
from typing import Any

import optree
from array_api_compat import array_namespace

from ..engine import tree
from ..optimizer import Optimizer
from ..rules.contract import Rule
from .record import Columns, Found, Said, missing
from .slots import names as names_of
from .slots import others, words_of


def read(opt: Optimizer, found: Any, spec: optree.PyTreeSpec, *, whole: bool = True) -> Found:
    """Read slots, counts, and what inject_hyperparams keeps."""
    names = names_of(opt.dialect, "optax")
    has = [name for record in _records(found) for name in record._fields]
    columns: Columns = {}
    for name in opt.dialect.slots:
        holders = [r for r in _records(found) if names[name] in r._fields]
        if len(holders) != 1:
            raise missing(f"single {names[name]}", opt, has)
        columns[name], structure = tree.flatten(getattr(holders[0], names[name]))
        tree.check_structure(names[name], spec, structure)
    for theirs in (*names.values(), *others(opt.dialect, "optax")):
        if theirs in has and theirs not in (names[name] for name in columns):
            raise missing(f"place here for {theirs}", opt, has)
    steps = {int(r.count) for r in _records(found) if "count" in r._fields}
    return Found(steps, columns, [_said(opt.dialect, found)] * spec.num_leaves)


def _records(found: Any) -> Iterator[Any]:
    """All named tuples in a state of chained transformations."""
    if isinstance(found, tuple):
        if hasattr(found, "_fields"):
            yield found
        for part in found:
            yield from _records(part)
    elif type(found) is dict:
        for part in found.values():
            yield from _records(part)


def _said(d: Rule, found: Any) -> Said:
    ours = {theirs: name for name, theirs in words_of(d, "optax").names.items()}
    hyper: dict[str, Any] = {}
    on: dict[str, Any] = {}
    for record in _records(found):
        if isinstance(getattr(record, "hyperparams", None), Mapping):
            hyper |= {ours[name]: x for name, x in record.hyperparams.items() if name in ours}
            root = record.hyperparams.get("eps_root", 0)
            on |= {"eps_root": float(root)} if root != 0 else {}
    return Said(hyper, None, {}, on)


def write(opt: Optimizer, columns: Columns, into: Any, step: int, spec: optree.PyTreeSpec) -> Any:
    """Return `into` with the arrays of `columns`, every count at `step`."""
    names = names_of(opt.dialect, "optax")
    theirs = {names[name]: column for name, column in columns.items()}

    def rebuilt(found: Any) -> Any:
        if type(found) is dict:
            return {name: rebuilt(part) for name, part in found.items()}
        if not isinstance(found, tuple):
            return found
        record: Any = found
        if not hasattr(record, "_fields"):
            return tuple(map(rebuilt, record))
        new = {name: optree.tree_unflatten(spec, theirs[name])
               for name in record._fields if name in theirs}  # fmt: skip
        if "count" in record._fields:
            xp = array_namespace(record.count)
            new["count"] = xp.asarray(step, dtype=record.count.dtype)
        rest = {name: rebuilt(getattr(record, name)) for name in record._fields if name not in new}
        return record._replace(**rest, **new)

    return rebuilt(into)
