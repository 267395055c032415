"""States of other programs, to and from wdref's: so that a run goes on where another stopped.

`load` reads PyTorch's ``state_dict()``, optax's state or Keras' variables into a `wdref.State`, and
`dump` writes one back. No program is imported: they hand over arrays in dicts, lists and tuples.
All three keep m and v as running means from zero, uncorrected, as wdref does; what differs are
names, the sign of Keras' momentum, and that PyTorch's SGD counts no steps.

The optimizer should be that of the program, ``wdref.AdamW.like("pytorch", …)``: its AMSGrad must be
the same kind of maximum, its momentum must hold the learning rate where theirs does, and the
settings that a state has must be the optimizer's, but for those that ``may_differ`` names.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import optree

from ..common.checks import check_count, refuse
from ..engine import tree
from ..optimizer import Optimizer, State
from . import keras, optax, torch
from .arrays import check_array, dtype_of, placed
from .record import Columns
from .settings import check
from .slots import check_kept, names, signs_of

__all__ = ["dump", "load"]

Array = Any
Tree = Any
_PROGRAMS: Mapping[str, Any] = {"pytorch": torch, "optax": optax, "keras": keras}


def load(
    opt: Optimizer,
    params: Tree,
    found: Any,
    /,
    framework: str,
    *,
    step: int | None = None,
    may_differ: Iterable[str] = (),
) -> State:
    """Return the state of `opt` for `params` that holds what `found` holds.

    `found` is ``optimizer.state_dict()`` of PyTorch, the state of an optax transformation, or a
    mapping from path to array of Keras, ``{v.path: v for v in optimizer.variables}``. The leaves of
    `params` are in the order of the program's parameters; the state's arrays are copies in their
    library and device. Give `step`, the updates made, for PyTorch's SGD, which counts none.

    The settings that `found` has (PyTorch's groups, what `optax.inject_hyperparams` keeps, Keras'
    learning rate) must be those of `opt`, leaf by leaf, and its dtypes those that `opt` keeps, but
    for what `may_differ` names, as in ``may_differ=["weight_decay", "schedule", "state_dtype"]``.

    Raises ValueError for another optimizer's state, a slot that is not there, a shape, dtype or
    setting that does not fit, and where the parameters are not all at one step.

    >>> import numpy as np
    >>> import wdref
    >>> opt = wdref.SGD.like("pytorch", momentum=0.9)
    >>> found = {"state": {0: {"momentum_buffer": np.ones(2)}}, "param_groups": [{"params": [0]}]}
    >>> wdref.states.load(opt, [np.zeros(2)], found, "pytorch", step=7)
    State(step=7, slots=mappingproxy({'m': [array([1., 1.])]}))
    """
    program = _program(opt, framework)
    start, free = opt.init(params), set(may_differ)
    thetas, spec = tree.flatten(params)
    there = program.read(opt, found, spec)
    steps = _steps(framework, there.steps, step)
    check(opt, thetas, spec, framework, there.said, steps, free)
    slots, signs = dict(start.slots), signs_of(opt.dialect, framework)
    for name, kind in zip(opt.dialect.slots, opt.dialect.shapes, strict=True):
        zeros, _ = tree.flatten(start.slots[name])
        new = []
        for x, zero, theta, path in zip(
            there.columns[name], zeros, thetas, tree.paths(spec), strict=True
        ):
            check_array(x, theta, f"{name} of {path}", kind)
            _check_dtype(x, zero, f"{name} of {path}", _remedy(x, theta), free)
            new.append(placed(x, zero, zero.dtype, signs[name]))
        slots[name] = optree.tree_unflatten(spec, new)
    return replace(start, step=steps, slots=MappingProxyType(slots))


def dump(
    opt: Optimizer,
    params: Tree,
    state: State,
    into: Any,
    /,
    framework: str,
    *,
    may_differ: Iterable[str] = (),
) -> Any:
    """Return `into`, a state of the program's own, with what `state` holds in its place.

    `into` is what `load` takes, of the same optimizer: a new one's, or that of the run that was
    loaded. `params` are the program's parameters, in whose library and device the arrays come, each
    in the dtype of the array in whose place it is, a parameter's where there is none. PyTorch:
    ``optimizer.load_state_dict(dumped)``; Keras: ``v.assign(dumped[v.path])``. Master weights stay
    behind, and so does the schedule: a program's scheduler is its own.

    Raises ValueError as `load` does; `into` is left as it was.
    """
    program = _program(opt, framework)
    opt.check_state(state)
    free = set(may_differ)
    thetas, spec = tree.flatten(params)
    there = program.read(opt, into, spec, whole=False)
    columns: Columns = {name: [] for name in opt.dialect.slots}
    signs = signs_of(opt.dialect, framework)
    trees = [tree.flatten(state.slots[name]) for name in columns]
    own = trees[0][1] if trees else spec  # the names by which groups go
    if own.num_leaves != len(thetas):
        raise ValueError(f"params have {len(thetas)} leaves, the state has {own.num_leaves}")
    check(opt, thetas, own, framework, there.said, state.step, free, new=True)
    for (name, column), (leaves, _), kind in zip(
        columns.items(), trees, opt.dialect.shapes, strict=True
    ):
        for x, old, theta, path in zip(
            leaves, there.columns[name], thetas, tree.paths(own), strict=True
        ):
            check_array(x, theta, f"{name} of {path}", kind)
            like = theta if old is None else old
            _check_dtype(like, x, f"{name} of {path}", "", free)
            column.append(placed(x, theta, dtype_of(like, theta), signs[name]))
    return program.write(opt, columns, into, state.step, spec)


def _program(opt: Optimizer, framework: str) -> Any:
    """Return the module of a program whose slots hold what those of `opt` do."""
    if framework not in _PROGRAMS:
        raise ValueError(f"framework={framework!r}: expected one of {', '.join(_PROGRAMS)}")
    names(opt.dialect, framework)
    check_kept(opt.dialect, opt.name, framework)
    return _PROGRAMS[framework]


def _steps(framework: str, counted: set[int], given: int | None) -> int:
    """The updates made: what the state says, or the caller."""
    if len(counted) > 1:
        raise ValueError(
            f"the parameters are at steps {', '.join(map(str, sorted(counted)))}: wdref counts one "
            "step for a whole tree, so that each needs an optimizer of its own"
        )
    if given is None and not counted:
        raise ValueError(f"{framework} counts no steps here: give step, the number of updates made")
    steps = check_count("step", given) if given is not None else min(counted)
    if counted - {steps}:
        raise ValueError(f"step={steps}: the state says that {min(counted)} updates were made")
    return steps


def _check_dtype(there: Array, here: Array, where: str, remedy: str, free: set[str]) -> None:
    """Neither widen nor narrow in silence."""
    theirs, own = tree.dtype_name(there), tree.dtype_name(here)
    if theirs != own and "state_dtype" not in free:
        refuse(f"{where}: dtype {theirs} in the state, {own} here{remedy}", "state_dtype")


def _remedy(x: Array, theta: Array) -> str:
    """How this optimizer would keep the dtype of `x`."""
    kept, own = tree.dtype_name(x), tree.dtype_name(theta)
    if own not in tree.HALF or kept not in ("float32", own):
        return ""
    return f', which state_dtype="{"params" if kept == own else "float32"}" keeps'
