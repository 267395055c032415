"""`save`, `load` and `describe`: what a checkpoint says, and what of it must fit."""

import os
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import optree

from ..common.checks import check_may_differ, refuse
from ..engine import tree
from ..engine.inputs import Inputs
from ..optimizer import Optimizer, State, _state
from ..rules.shapes import inputs_of
from .file import CheckpointError, Tensors, read, write
from .tree import Unsayable, by_name, held, names, nested, nesting, numpy_array, placed

__all__ = ["CheckpointError", "describe", "load", "save"]

Path = str | os.PathLike[str]
Tree = Any
KEYS = {"wdref": str, "optimizer": str, "rule": str, "settings": dict, "step": int,
        "scalars": list, "leaves": list}  # fmt: skip


def save(path: Path, params: Tree, state: State, /, *, optimizer: Optimizer) -> None:
    """Write `params` and `state` of `optimizer` to the file `path`, or leave what is there.

    The file is written beside its place, synced and renamed; a part that a kill has left behind is
    removed by the next save. Arrays of any library, which are in memory once more meanwhile. Needs
    the extra ``checkpoint``. Raises ValueError or TypeError for trees that do not fit `optimizer`,
    and OSError where the file cannot be written.

    >>> import tempfile
    >>> import numpy as np
    >>> import wdref
    >>> opt, params = wdref.AdamW(weight_decay=0.0), {"w": np.ones(2)}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     wdref.save(f"{folder}/a.safetensors", params, opt.init(params), optimizer=opt)
    ...     wdref.load(f"{folder}/a.safetensors", optimizer=opt)[0]
    {'w': array([1., 1.])}
    """
    optimizer.check_state(state)
    thetas, spec = _fitting(optimizer, params, state)
    columns = {"params": thetas}
    for slot in optimizer.slot_names:
        columns[f"slots.{slot}"], _ = tree.flatten(state.slots[slot])
    paths = names(spec)
    tensors = {
        _tensor(column, name): (tree.dtype_name(x), held(x))
        for column, own in columns.items()
        for name, x in zip(paths, own, strict=True)
    }
    write(path, _document(optimizer, thetas, spec, state.step), tensors)


def load(
    path: Path, /, *, optimizer: Optimizer, like: Tree | None = None, may_differ: Iterable[str] = ()
) -> tuple[Tree, State]:
    """Return parameters and state from the file `path`, to go on with `optimizer`.

    Without `like`: NumPy arrays in the nested dicts, lists and tuples that were saved. `like` are
    parameters of the same paths, shapes and dtypes, whose structure, library and devices the result
    has; they are not written. The settings of `optimizer` must be those of the file but for those
    named in `may_differ`, as in ``may_differ=["learning_rate", "schedule"]``.

    Raises `CheckpointError`, a ValueError, for a file that is truncated, changed, of another
    format, no checkpoint, or of another optimizer or parameters; OSError as `open` does.
    """
    document, tensors = read(path)
    _check_document(path, document)
    if document["rule"] != optimizer.rule_name:
        raise CheckpointError(
            f"{path}: of another optimizer: it was written for [{document['rule']}], this is "
            f"[{optimizer.rule_name}]"
        )
    try:
        params, state = _trees(optimizer, document, tensors, like)
        thetas, spec = _fitting(optimizer, params, state)
        _check_settings(
            optimizer, document, set(may_differ), _document(optimizer, thetas, spec, state.step)
        )
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from None
    return params, state


def describe(path: Path, /) -> dict[str, Any]:
    """Return the JSON document of a checkpoint, without an optimizer."""
    document, _ = read(path)
    _check_document(path, document)
    return document


# -- the document -------------------------------------------------------------------------------


def _document(
    optimizer: Optimizer, thetas: Sequence[Any], spec: optree.PyTreeSpec, step: int
) -> dict[str, Any]:
    try:
        nest = nesting(spec)
    except Unsayable:  # `load` asks for `like`
        nest = None
    scalars = optimizer.scalars(max(step, 1))
    return {
        "wdref": version("wdref"),
        "optimizer": optimizer.name,
        "rule": optimizer.rule_name,
        "settings": _settings(optimizer),
        "step": step,
        "scalars": [[x if x is None else float(x).hex() for x in own] for own in scalars],
        "leaves": list(map(list, zip(names(spec), optimizer.assign(thetas, spec), strict=True))),
        "tree": nest,
    }


def _settings(optimizer: Optimizer) -> dict[str, Any]:
    own = {
        **optimizer.hyper,
        "weight_decay": optimizer.weight_decay,
        "schedule": optimizer.schedule,
        "groups": tuple(optimizer.groups),
        "state_dtype": optimizer.state_dtype,
    }
    return {
        name: value if isinstance(value, float) else _text(value) for name, value in own.items()
    }


def _text(value: Any) -> str | None:
    text = repr(value)
    return None if " at 0x" in text else text  # a function: no two runs have the same


def _check_document(path: Path, document: Mapping[str, Any]) -> None:
    for name, kind in KEYS.items():
        if not isinstance(document.get(name), kind):
            raise CheckpointError(f"{path}: its document has no {name}, or not as wdref writes it")
    leaves = document["leaves"]
    known = [isinstance(x, list) and list(map(type, x)) == [str, int] for x in leaves]
    if not all(known) or document["step"] < 0 or len({x[0] for x in leaves}) < len(leaves):
        raise CheckpointError(f"{path}: its document has leaves or a step that cannot be")


def _check_settings(
    optimizer: Optimizer, found: Mapping[str, Any], free: set[str], here: Mapping[str, Any]
) -> None:
    """Refuse a file whose settings, or the numbers that follow from them, are not those here."""
    known = {*here["settings"], "decay_mask"}
    check_may_differ(free, known, optimizer.name)
    for name in known - free - {"decay_mask"}:
        there, own = found["settings"].get(name), here["settings"][name]
        if there is not None and own is not None and there != own:
            refuse(f"{name} is {there} in the file and {own} here", name)
    if not free & {"groups", "decay_mask"}:
        places = dict(found["leaves"])
        for name, own in here["leaves"]:
            if places[name] != own:
                refuse(
                    f"{name or 'the parameter'} is in another group, or decays in one only",
                    "groups",
                )
    if not free and found["scalars"] != here["scalars"]:
        refuse("schedule or decay give other numbers at the step of the file", "schedule")


# -- trees --------------------------------------------------------------------------------------


def _trees(
    optimizer: Optimizer, document: Mapping[str, Any], tensors: Tensors, like: Tree | None
) -> tuple[Tree, State]:
    paths = [name for name, _ in document["leaves"]]
    columns = ["params", *(f"slots.{slot}" for slot in optimizer.slot_names)]
    wanted = {_tensor(column, name) for column in columns for name in paths}
    if wanted != set(tensors):
        raise ValueError("its tensors are not those of its document")
    if like is None:
        if document.get("tree") is None:
            raise ValueError(
                "its tree has nodes that no file can hold, as a namedtuple: give like="
            )
        spec = nested(document["tree"], len(paths))
        likes = [None] * len(paths)
    else:
        likes, spec = _likes(like)
        order = by_name(paths, names(spec))
        paths = [paths[i] for i in order]
    for i, p in enumerate(likes):
        if p is not None:
            _check_like(spec, i, p, tensors[_tensor("params", paths[i])])
    made = []
    for column in columns:
        own = [tensors[_tensor(column, name)] for name in paths]
        made.append(optree.tree_unflatten(spec, list(map(_array, own, likes))))
    params, *slots = made
    return params, _state(
        document["step"], dict(zip(optimizer.slot_names, slots, strict=True)), document["rule"]
    )


def _likes(like: Tree) -> tuple[list[Any], optree.PyTreeSpec]:
    likes, spec = tree.flatten(like)
    for i, p in enumerate(likes):
        tree.check_leaf("like", spec, i, p)
    return likes, spec


def _check_like(spec: optree.PyTreeSpec, i: int, p: Any, found: tuple[str, Any]) -> None:
    dtype, values = found
    own = (tuple(p.shape), tree.dtype_name(p))
    if own != (values.shape, dtype):
        raise ValueError(
            f"{tree.location('like', spec, i)} has shape {own[0]} and dtype {own[1]}: the file has "
            f"{values.shape} and {dtype}"
        )


def _array(found: tuple[str, Any], like: Any) -> Any:
    return numpy_array(*found) if like is None else placed(*found, like)


def _tensor(column: str, name: str) -> str:
    return f"{column}.{name}" if name else column


def _fitting(
    optimizer: Optimizer, params: Tree, state: State
) -> tuple[list[Any], optree.PyTreeSpec]:
    """Leaves and structure of parameters that fit the state."""
    # the checks of a step; gradients are what they are not about, and parameters fit themselves
    given = Inputs(dict.fromkeys(inputs_of(optimizer.dialect), params))
    leaves, spec = optimizer.leaves(
        params, params, state.slots, optimizer.scalars(max(state.step, 1)), given
    )
    return [leaf.theta for leaf in leaves], spec
