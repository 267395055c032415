"""Keras optimizers: a copy is made of the configuration and of each variable."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from math import prod
from typing import Any

import keras
import numpy as np

from ..measure import Start, Walk, measure
from ..record import Audit, AuditError
from ..rows import Parameter, made, number
from .blocks import GIB, block, bytes_of, ends_of, filled, looked_at, note, part_of
from .guard import apart, reason, stepped

INSTEAD = 1e-3  # where the rate is 0


def audited(
    optimizer: Any, *, names: Any, model: Any, params: Any, state: Any, rate: float | None,
    sample: int, memory: float,
) -> Audit:  # fmt: skip
    """Return the audit of a Keras optimizer that is built."""
    if params is not None or state is not None or rate is not None:
        raise AuditError("params, state and rate are for optax: a Keras optimizer has its own")
    variables = _trained(optimizer, model)
    own = {id(v): str(name) for name, v in names or ()}
    with apart(), _float64():  # Keras itself warns of how it reads torch's tensors
        copies = _Copies(optimizer, variables, sample, memory)
        measured = dict(zip(map(id, variables), measure(copies), strict=True))
    rows = []
    for v in _all(variables, model):
        grouped = id(v) in measured
        rows.append(Parameter(
            (own.get(id(v), v.path),), tuple(v.shape), str(v.dtype), ("0",) if grouped else (),
            copies.rate if grouped else None, _coefficient(optimizer, v) if grouped else None,
            bool(v.trainable), _module(v, model),
        ).row(measured.get(id(v))))  # fmt: skip
    return made(optimizer, "keras", rows, copies.notes)


def _trained(optimizer: Any, model: Any) -> list[Any]:
    """The variables that the optimizer is built with, or will be."""
    if optimizer.built:
        return list(optimizer._trainable_variables)
    if model is None:
        raise AuditError(
            "the Keras optimizer has no variables yet: optimizer.build(model.trainable_variables), "
            "or give model"
        )
    return list(model.trainable_variables)


def _all(variables: Sequence[Any], model: Any) -> list[Any]:
    """The optimizer's variables, and the model's that it does not train."""
    others = [] if model is None else model.trainable_variables
    return list({id(v): v for v in (*variables, *others)}.values())


def _coefficient(optimizer: Any, v: Any) -> float | None:
    """What the optimizer says of a variable: 0 of one that it leaves out."""
    return number(optimizer.weight_decay) if optimizer._use_weight_decay(v) else 0.0


def _module(v: Any, model: Any) -> str:
    layers = [] if model is None else model._flatten_layers(include_self=False)
    found = [type(layer).__name__ for layer in layers
             if any(v is own for own in layer._trainable_variables)]  # fmt: skip
    return found[-1] if found else ""


def _float64() -> AbstractContextManager[Any]:
    """JAX has float64 where it is asked for; the others have it."""
    if keras.backend.backend() != "jax":
        return nullcontext()
    from .optax import wide_jax

    found: AbstractContextManager[Any] = wide_jax()
    return found


class _Copies:
    """Copies of one optimizer with variables of their own."""

    def __init__(self, optimizer: Any, variables: Sequence[Any], sample: int, memory: float):
        self.optimizer, self.variables, self.sample = optimizer, variables, sample
        self.who, self.notes = type(optimizer).__name__, list[str]()
        self._own = [_array(v) for v in variables]
        self._ends = [ends_of(x) for x in self._own]
        self._blocks = self._chosen(memory)
        rate = optimizer.learning_rate
        self.rate = float(keras.ops.convert_to_numpy(getattr(rate, "value", rate)))
        if not self.rate:
            self.notes.append("the rate is 0 now: the form is measured at a rate that is not")
        if optimizer.gradient_accumulation_steps:
            self.notes.append("gradients are accumulated: a step is one that moves")

    @property
    def begun(self) -> bool:
        """Whether it has slots that may differ from fresh ones."""
        return bool(self.optimizer.built)

    def _chosen(self, memory: float) -> Sequence[Any]:
        most = sum(bytes_of(x.size, 2 * x.size) for x in self._own)
        if most <= memory * GIB:
            return [None] * len(self._own)
        found = [block(x.shape, self.sample, ends)
                 for x, ends in zip(self._own, self._ends, strict=True)]  # fmt: skip
        self.notes.append(note(found, most, self.sample, memory))
        return found

    # -- a walk --------------------------------------------------------------------------------

    def walk(self, start: Start, steps: int) -> list[Walk]:
        """Walk a copy with zero gradients."""
        with apart():
            copies = [self._variable(i, start) for i in range(len(self.variables))]
            clone = self._clone(copies, start)
            grads = [keras.ops.zeros(v.shape, dtype=v.dtype) for v in copies]
            paths = [[self._read(i, v)] for i, v in enumerate(copies)]
            states: list[Any] = []
            for _ in range(steps):
                stepped(self.who, lambda: clone.apply(grads, copies))
                for i, v in enumerate(copies):
                    paths[i].append(self._read(i, v))
                states = states or self._states(clone)
        rows = zip(paths, copies, states, strict=True)
        return [Walk(path, state, {"": _unit(v), **units}) for path, v, (state, units) in rows]

    def _variable(self, i: int, start: Start) -> Any:
        v = self.variables[i]
        x = filled(part_of(self._own[i], self._blocks[i])) * start.scale
        dtype = v.dtype if start.native else "float64"
        name = re.sub(r"[/:.]", "_", v.path)  # a name of its own moves no counter of names
        return keras.Variable(x, dtype=dtype, name=name, trainable=True)

    def _clone(self, copies: Sequence[Any], start: Start) -> Any:
        config = self.optimizer.get_config()
        config |= {"gradient_accumulation_steps": None, "learning_rate": self.rate or INSTEAD}
        try:
            clone = type(self.optimizer).from_config(config)
            # asked of the optimizer: what it leaves out is in no configuration
            out = [copy for v, copy in zip(self.variables, copies, strict=True)
                   if not self.optimizer._use_weight_decay(v)]  # fmt: skip
            clone.exclude_from_weight_decay(var_list=out)
            clone.build(copies)
        except Exception as error:
            raise AuditError(
                f"{self.who} cannot be copied from its get_config(): {reason(error)}; give its "
                "class a from_config that takes it"
            ) from error
        if not start.fresh:
            clone.iterations.assign(self.optimizer.iterations)
            self._give_state(clone, copies, start)
        return clone

    def _give_state(self, clone: Any, copies: Sequence[Any], start: Start) -> None:
        theirs = {own.path: own for own in self.optimizer.variables}
        follow = {name: copies[i] for i, names in enumerate(start.follow) for name in names}
        for i, slot in self._slots(clone):
            found = theirs.get(slot.path)
            if slot.path in follow:
                slot.assign(follow[slot.path])
            elif found is not None:
                alike = tuple(found.shape) == tuple(self.variables[i].shape)
                slot.assign(part_of(_array(found), self._blocks[i] if alike else None))
            elif self.optimizer.built:
                raise AuditError(f"{self.who} cannot be copied: its state has no {slot.path}")

    def _slots(self, clone: Any) -> Iterator[tuple[int, Any]]:
        """Each slot of a copy, with the variable that it belongs to."""
        names = [re.sub(r"[/:.]", "_", v.path) for v in self.variables]
        for slot in clone.variables:
            if slot is clone.iterations or slot is getattr(clone, "_learning_rate", None):
                continue
            found = [i for i, name in enumerate(names) if slot.name.startswith(f"{name}_")]
            if found:
                yield max(found, key=lambda i: len(names[i])), slot

    def _states(self, clone: Any) -> list[tuple[Mapping[str, Any], Mapping[str, float]]]:
        found: list[tuple[dict[str, Any], dict[str, float]]] = [({}, {}) for _ in self.variables]
        for i, slot in self._slots(clone):
            found[i][0][slot.path] = self._read(i, slot)
            found[i][1][slot.path] = _unit(slot)
        return found  # type: ignore[return-value]  # a list of dicts is read as of mappings

    def _read(self, i: int, v: Any) -> Any:
        ends = self._ends[i] if self._blocks[i] is None else ()
        flat = _array(v).reshape(-1)
        places = looked_at(prod(self._shape(i)), self.sample, ends)
        return flat[places[places < flat.size]].astype(np.float64)

    def _shape(self, i: int) -> Sequence[int]:
        part = self._blocks[i]
        return self._own[i].shape if part is None else [len(at) for at in part]


def _array(v: Any) -> Any:
    return keras.ops.convert_to_numpy(v.value)


def _unit(v: Any) -> float:
    import ml_dtypes  # comes with each of Keras' backends

    eps: Any = ml_dtypes.finfo(v.dtype).eps  # type: ignore[no-untyped-call]  # it has no types
    return float(eps)
