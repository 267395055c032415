"""States of other programs, to and from wdref's: so that a run goes on where another stopped.

`load` reads PyTorch's ``state_dict()``, optax's state or Keras' variables into a `wdref.State`, and
`dump` writes one back. No program is imported: they hand over arrays in dicts, lists and tuples.
All three keep m and v as running means from zero, uncorrected, as wdref does; what differs are
names, the sign of Keras' momentum, and that PyTorch's SGD counts no steps.

The optimizer should be that of the program, ``wdref.AdamW.like("pytorch", …)``: its AMSGrad must be
the same kind of maximum, and its momentum must hold the learning rate where theirs does.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
import optree
from array_api_compat import array_namespace, device

from . import tree
from .checks import check_count
from .dialects import MomentumDialect
from .optimizer import Optimizer, State

Array = Any
Tree = Any
Columns = dict[str, list[Array]]

_SIGN = {"pytorch": 1, "optax": 1, "keras": -1}  # of the momentum buffer against wdref's
_INSIDE = {"pytorch": "outside", "optax": "outside", "keras": "inside"}
_MAXIMUM = {"pytorch": "raw", "optax": "hat", "keras": "raw"}
_TORCH = {"m": "exp_avg", "v": "exp_avg_sq", "v_max": "max_exp_avg_sq"}
_OPTAX = {"m": "mu", "v": "nu", "v_max": "nu_max"}
_KERAS = {"m": "momentum", "v": "velocity", "v_max": "velocity_hat"}


def load(
    opt: Optimizer, params: Tree, found: Any, /, framework: str, *, step: int | None = None
) -> State:
    """Return the state of `opt` for `params` that holds what `found` holds.

    `found` is ``optimizer.state_dict()`` of PyTorch, the state of an optax transformation, or a
    mapping from path to array of Keras, ``{v.path: v for v in optimizer.variables}``. The leaves of
    `params` are in the order of the program's parameters; the state's arrays are copies in their
    library, dtype and device. Give `step`, the updates made, for PyTorch's SGD, which counts none.

    Raises ValueError for another optimizer's state, a slot that is not there, a shape or dtype that
    does not fit, and where the parameters are not all at one step.

    >>> import numpy as np
    >>> import wdref
    >>> opt = wdref.SGD.like("pytorch", momentum=0.9)
    >>> found = {"state": {0: {"momentum_buffer": np.ones(2)}}, "param_groups": [{"params": [0]}]}
    >>> wdref.states.load(opt, [np.zeros(2)], found, "pytorch", step=7)
    State(step=7, slots=mappingproxy({'m': [array([1., 1.])]}))
    """
    _check_framework(opt, framework)
    start = opt.init(params)
    _, spec = tree.flatten(params)
    counted, columns = _READERS[framework](opt, found, spec)
    steps = check_count("step", step) if step is not None else counted
    if steps is None:
        raise ValueError(f"{framework} counts no steps here: give step, the number of updates made")
    if counted is not None and steps != counted:
        raise ValueError(f"step={steps}: the state says that {counted} updates were made")
    slots = dict(start.slots)
    for name in opt.dialect.slots:
        old, _ = tree.flatten(start.slots[name])
        sign = _SIGN[framework] if isinstance(opt.dialect, MomentumDialect) else 1
        new = [
            _placed(x, like, f"{name} of {path}", sign)
            for x, like, path in zip(columns[name], old, tree.paths(spec), strict=True)
        ]
        slots[name] = optree.tree_unflatten(spec, new)
    return replace(start, step=steps, slots=MappingProxyType(slots))


def dump(
    opt: Optimizer, params: Tree, state: State, into: Any, /, framework: str
) -> Any:  # fmt: skip
    """Return `into`, a state of the program's own, with what `state` holds in its place.

    `into` is what `load` takes, of the same optimizer: a new one's, or that of the run that was
    loaded. `params` are the program's parameters, in whose library, dtype and device the arrays
    come. PyTorch: ``optimizer.load_state_dict(dumped)``; Keras: ``v.assign(dumped[v.path])``.

    Raises ValueError as `load` does; `into` is left as it was.
    """
    _check_framework(opt, framework)
    opt._check_state(state)
    likes, spec = tree.flatten(params)
    sign = _SIGN[framework] if isinstance(opt.dialect, MomentumDialect) else 1
    columns: Columns = {}
    for name in opt.dialect.slots:
        own, _ = tree.flatten(state.slots[name])
        if len(own) != len(likes):
            raise ValueError(f"params have {len(likes)} leaves, the state has {len(own)}")
        columns[name] = [
            _placed(x, like, f"{name} of {path}", sign, narrow=True)
            for x, like, path in zip(own, likes, tree.paths(spec), strict=True)
        ]
    return _WRITERS[framework](opt, columns, into, state.step, spec)


def _check_framework(opt: Optimizer, framework: str) -> None:
    if framework not in _SIGN:
        raise ValueError(f"framework={framework!r}: expected one of {', '.join(_SIGN)}")
    d = opt.dialect
    if isinstance(d, MomentumDialect):
        if d.buffer and d.lr != _INSIDE[framework]:
            raise ValueError(
                f"{framework} holds the learning rate {_INSIDE[framework]} the momentum buffer, "
                f'{opt.name} here does not: use {opt.name}.like("{framework}", …)'
            )
    elif d.amsgrad not in ("none", _MAXIMUM[framework]):
        raise ValueError(
            f"{framework} keeps AMSGrad's maximum as {_MAXIMUM[framework]!r}, {opt.name} here as "
            f"{d.amsgrad!r}: use amsgrad={_MAXIMUM[framework]!r}"
        )


def _placed(x: Array, like: Array, where: str, sign: int, *, narrow: bool = False) -> Array:
    """Return a copy of `x` in the library, dtype and device of `like`."""
    if tuple(x.shape) != tuple(like.shape):
        raise ValueError(f"{where}: shape {tuple(x.shape)}, the parameter has {tuple(like.shape)}")
    xp = array_namespace(like)
    own = _array(x, xp, like)
    if not narrow and _bits(own, xp) > _bits(like, xp):
        raise ValueError(f"{where}: dtype {own.dtype} does not fit into {like.dtype}")
    placed = xp.astype(own, like.dtype, copy=True)
    return -placed if sign < 0 else placed


def _bits(x: Array, xp: Any) -> int:
    # ml_dtypes' bfloat16 is unknown to numpy.finfo
    return 16 if tree.dtype_name(x) in tree.HALF else int(xp.finfo(x.dtype).bits)


def _array(x: Array, xp: Any, like: Array) -> Array:
    try:
        if array_namespace(x) is xp:
            return x
        return xp.from_dlpack(x)
    except (TypeError, BufferError, RuntimeError, AttributeError):
        # no array of a library that wdref knows, or on a device that cannot be exported
        return xp.asarray(np.asarray(x), device=device(like))


def _missing(name: str, opt: Optimizer, has: Any) -> ValueError:
    known = ", ".join(map(str, has)) or "nothing"
    return ValueError(
        f"no {name} in the state, which has {known}: {opt.name} keeps "
        f"{', '.join(opt.dialect.slots)}; it is another optimizer's, or lacks a slot"
    )


# -- PyTorch: {"state": {index: {slot: tensor}}, "param_groups": […]} -------------------------


def _torch_names(opt: Optimizer) -> Mapping[str, str]:
    return {"m": "momentum_buffer"} if isinstance(opt.dialect, MomentumDialect) else _TORCH


def _torch_keys(found: Any, count: int) -> list[Any]:
    if not (isinstance(found, Mapping) and {"state", "param_groups"} <= set(found)):
        raise ValueError("expected the dict of torch's optimizer.state_dict()")
    keys = [key for group in found["param_groups"] for key in group["params"]]
    if len(keys) != count:
        raise ValueError(f"the state is of {len(keys)} parameters, params have {count} leaves")
    return keys


def _from_torch(
    opt: Optimizer, found: Any, spec: optree.PyTreeSpec
) -> tuple[int | None, Columns]:  # fmt: skip
    names = _torch_names(opt)
    columns: Columns = {name: [] for name in opt.dialect.slots}
    steps = set()
    for key, path in zip(
        _torch_keys(found, spec.num_leaves), tree.paths(spec), strict=True
    ):  # fmt: skip
        own = found["state"].get(key, {})
        for name, column in columns.items():
            if own.get(names[name]) is None:
                raise _missing(f"{names[name]} of {path}", opt, own)
            column.append(own[names[name]])
        extra = sorted(set(own) - {"step", *(names[name] for name in columns)})
        if any(own[name] is not None for name in extra):
            raise _missing("place here for " + ", ".join(extra), opt, own)
        steps |= {int(own["step"])} if "step" in own else set()
    return _one_step(steps), columns


def _one_step(steps: set[int]) -> int | None:
    if len(steps) > 1:
        raise ValueError(
            f"the parameters are at steps {', '.join(map(str, sorted(steps)))}: wdref counts one "
            "step for a whole tree, so that each needs an optimizer of its own"
        )
    return steps.pop() if steps else None


def _to_torch(
    opt: Optimizer, columns: Columns, into: Any, step: int, spec: optree.PyTreeSpec
) -> Any:  # fmt: skip
    names, state = _torch_names(opt), {}
    for i, key in enumerate(_torch_keys(into, spec.num_leaves)):
        own = {names[name]: column[i] for name, column in columns.items()}
        if not isinstance(opt.dialect, MomentumDialect):
            xp = array_namespace(columns["m"][i])
            own = {"step": xp.asarray(float(step), dtype=xp.float32), **own}
        state[key] = own
    return {**into, "state": state}


# -- optax: named tuples inside tuples, with count, mu, nu or trace ---------------------------


def _optax_names(opt: Optimizer) -> Mapping[str, str]:
    return {"m": "trace"} if isinstance(opt.dialect, MomentumDialect) else _OPTAX


def _records(found: Any) -> Iterator[Any]:
    """All named tuples in a state of chained transformations."""
    if isinstance(found, tuple):
        if hasattr(found, "_fields"):
            yield found
        for part in found:
            yield from _records(part)


def _from_optax(
    opt: Optimizer, found: Any, spec: optree.PyTreeSpec
) -> tuple[int | None, Columns]:  # fmt: skip
    names, columns = _optax_names(opt), Columns()
    has = [name for record in _records(found) for name in record._fields]
    for name in opt.dialect.slots:
        holders = [r for r in _records(found) if names[name] in r._fields]
        if len(holders) != 1:
            raise _missing(f"single {names[name]}", opt, has)
        columns[name], structure = tree.flatten(getattr(holders[0], names[name]))
        tree.check_structure(names[name], spec, structure)
    for theirs in set(_OPTAX.values()) | {"trace"}:
        if theirs in has and theirs not in (names[name] for name in columns):
            raise _missing(f"place here for {theirs}", opt, has)
    return _one_step({int(r.count) for r in _records(found) if "count" in r._fields}), columns


def _to_optax(
    opt: Optimizer, columns: Columns, into: Any, step: int, spec: optree.PyTreeSpec
) -> Any:  # fmt: skip
    _from_optax(opt, into, spec)  # it must be of this optimizer
    theirs = {_optax_names(opt)[name]: column for name, column in columns.items()}

    def rebuilt(found: Any) -> Any:
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


# -- Keras: {path: array}, one path a slot and variable, in the variables' order --------------


def _keras_paths(
    opt: Optimizer, found: Any, count: int
) -> tuple[str, dict[str, list[str]]]:  # fmt: skip
    if not isinstance(found, Mapping):
        raise ValueError("expected {v.path: v for v in optimizer.variables} of Keras")
    of_slot = {name: [p for p in found if p.endswith("_" + _KERAS[name])] for name in _KERAS}
    counters = [path for path in found if path.rpartition("/")[2] == "iteration"]
    if len(counters) != 1:
        raise _missing("single iteration", opt, found)
    for name, paths in of_slot.items():
        if name in opt.dialect.slots and len(paths) != count:
            raise _missing(f"{_KERAS[name]} for each of {count} parameters", opt, found)
        if name not in opt.dialect.slots and paths:
            raise _missing(f"place here for {_KERAS[name]}", opt, found)
    return counters[0], of_slot


def _from_keras(
    opt: Optimizer, found: Any, spec: optree.PyTreeSpec
) -> tuple[int | None, Columns]:  # fmt: skip
    counter, paths = _keras_paths(opt, found, spec.num_leaves)
    columns = {
        name: [_keras_array(found[path]) for path in paths[name]] for name in opt.dialect.slots
    }
    return int(_keras_array(found[counter])), columns


def _keras_array(x: Any) -> Any:
    return getattr(x, "value", x)  # of a Keras variable, its backend's array


def _to_keras(
    opt: Optimizer, columns: Columns, into: Any, step: int, spec: optree.PyTreeSpec
) -> Any:  # fmt: skip
    counter, paths = _keras_paths(opt, into, spec.num_leaves)
    new = {path: x for name in columns for path, x in zip(paths[name], columns[name], strict=True)}
    return {**into, **new, counter: step}


Reader = Callable[[Optimizer, Any, optree.PyTreeSpec], tuple[int | None, Columns]]
Writer = Callable[[Optimizer, Columns, Any, int, optree.PyTreeSpec], Any]
_READERS: Mapping[str, Reader] = {
    "pytorch": _from_torch, "optax": _from_optax, "keras": _from_keras,
}  # fmt: skip
_WRITERS: Mapping[str, Writer] = {"pytorch": _to_torch, "optax": _to_optax, "keras": _to_keras}
