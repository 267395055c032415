"""Optimizers: a dialect, its hyperparameters and a schedule, applied to trees of arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal, Self

import optree
from array_api_compat import array_namespace, device, is_jax_array

from .backend import PLAIN, Backend, Leaf, default_for, load
from .common.checks import check_count, check_number
from .decay import WeightDecay
from .engine import inputs as beside
from .engine import memory, tree
from .engine.begin import columns
from .engine.groups import Predicate as Predicate
from .engine.groups import assigned
from .engine.half_precision import Kernel
from .engine.inputs import NOTHING, Inputs
from .engine.plan import Plan
from .rules.contract import Rule, Shape
from .rules.registry import families
from .rules.remembering import Remembering
from .rules.shapes import PARAMETERS, inputs_of, shapes_of, slot_shape
from .schedules import Schedule
from .sums import Exchange, exchanged

Array = Any
Tree = Any


@dataclass(frozen=True)
class State:
    """What an optimizer remembers: the number of updates made and one tree of arrays a slot.

    ``rule`` names the recurrence that wrote it, so that another optimizer refuses it. ``plan`` is
    what `step` knows of the arrays already; it is not part of what the state means.
    """

    step: int
    slots: Mapping[str, Tree]
    rule: str = field(repr=False)
    plan: Plan | None = field(default=None, repr=False, compare=False)

    def __reduce__(self) -> tuple[Any, ...]:
        # a read-only mapping can be neither pickled nor copied
        return _state, (self.step, dict(self.slots), self.rule)


def _state(step: int, slots: Mapping[str, Tree], rule: str) -> State:
    return State(step, MappingProxyType(slots), rule)


@dataclass(frozen=True, repr=False, eq=False)  # hashed by identity: a static argument of jax.jit
class Optimizer:
    """An update rule with its hyperparameters: `init`, `update`, `step`.

    Made by `wdref.SGD`, `wdref.SGDW`, `wdref.Adam` and `wdref.AdamW`, or from any dialect.
    """

    name: str
    dialect: Rule
    hyper: Mapping[str, float]
    weight_decay: WeightDecay
    schedule: Schedule
    decay_mask: Predicate | Tree | None = None
    groups: Sequence[tuple[str | Predicate, Mapping[str, Any]]] = ()
    state_dtype: Literal["float32", "params"] = "float32"
    master_weights: bool = False
    backend: str | None = None

    # -- state ------------------------------------------------------------------------------

    def init(
        self, params: Tree, /, *, step: int = 0, slots: Mapping[str, Tree] | None = None
    ) -> State:
        """Return the state before the first update: zeros beside each parameter, as a rule.

        Slots are arrays of the parameter's library, shape, device and sharding, in its dtype; for
        float16 and bfloat16 parameters in float32 unless ``state_dtype="params"``. `step` are the
        updates that have been made: the next one is ``step + 1`` to the schedule and the bias
        correction. `slots` maps names (``m``, ``v``, ``v_max``, ``master``) to trees like `params`,
        which are copied; one that is not given is zeros, and ``master`` the parameters.

        Raises TypeError or ValueError, naming the leaf, for a slot whose structure, library, shape,
        dtype or device is another than `init` itself would make, for numbers below 0 in ``v`` and
        ``v_max``, and for a ``master`` that does not round to the parameters.

        >>> import numpy as np
        >>> import wdref
        >>> opt = wdref.SGD(learning_rate=0.5)
        >>> opt.init([np.zeros(2)], step=7, slots={"m": [np.ones(2)]})
        State(step=7, slots=mappingproxy({'m': [array([1., 1.])]}))
        """
        leaves, spec = tree.flatten(params)
        for i, p in enumerate(leaves):
            tree.check_leaf("params", spec, i, p)
        groups = [k // 2 for k in self.assign(leaves, spec)]  # what does not fit is told already
        starts = [self.starts(k) for k in groups]
        pairs = list(zip(leaves, starts, strict=True))
        begun = {name: [self.first_slot(name, p, own) for p, own in pairs]
                 for name in self.slot_names}  # fmt: skip
        if slots is not None:
            family = families().get(self.dialect.family)
            squares = [s.name for s in family.slots if s.square] if family else []
            begun = columns(slots, begun, leaves, spec, self.name, squares)
        trees = {name: optree.tree_unflatten(spec, column) for name, column in begun.items()}
        return _state(check_count("step", step, low=0), trees, self.rule_name)

    def starts(self, group: int = 0, /) -> dict[str, Any]:
        """Return what each slot of a group's leaves begins with: a number, or the parameters."""
        over = self.groups[group - 1][1] if group else {}
        numbers = self.dialect.starts({**self.hyper, **over})
        return dict(zip(self.dialect.slots, numbers, strict=True))

    def first_slot(self, name: str, p: Array, starts: Mapping[str, Any], /) -> Array:
        """Return the slot `name` of the leaf `p` before the first step."""
        xp = array_namespace(p)
        half = tree.dtype_name(p) in tree.HALF
        if name == "master":  # none for a leaf that is no half: an empty array keeps the place
            return xp.astype(p, xp.float32, copy=True) if half else xp.zeros(0, dtype=p.dtype)
        wide = half and self.state_dtype == "float32"
        dtype, start = xp.float32 if wide else p.dtype, starts[name]
        if start == PARAMETERS:
            return xp.astype(p, dtype, copy=True)
        shape = slot_shape(self._shapes[name], p.shape)
        if shape != tuple(p.shape):
            # a sharding of JAX is one of arrays of this shape; an array without a place goes along
            place = {} if is_jax_array(p) else {"device": device(p)}
            return xp.full(shape, start, dtype=dtype, **place)
        if start == 0:
            return xp.zeros_like(p, dtype=dtype, device=device(p))
        return xp.full_like(p, start, dtype=dtype, device=device(p))

    @cached_property
    def _shapes(self) -> dict[str, Shape]:
        """What each of the rule's slots holds of a tensor."""
        return dict(zip(self.dialect.slots, shapes_of(self.dialect), strict=True))

    @property
    def slot_names(self) -> tuple[str, ...]:
        """Names of the state's arrays: the rule's, and ``master`` before them where it is kept."""
        return ("master", *self.dialect.slots) if self.master_weights else self.dialect.slots

    @cached_property
    def rule_name(self) -> str:
        """What a state is made for: the recurrence and the names of its arrays."""
        return "; ".join((*self.dialect.recurrence(), *self.slot_names))

    # -- one update ---------------------------------------------------------------------------

    def update(
        self, params: Tree, grads: Tree, state: State, /, *, exchange: Exchange | None = None,
        **inputs: Tree,
    ) -> tuple[Tree, State]:  # fmt: skip
        """Return new parameters and the new state; nothing is written.

        `inputs` are what the rule is given beside the gradients, trees like `params` (Sophia's
        ``curvature``); at a step that is not `due` they are not read, and may be None.

        Where `params` are one shard of a tree, each of whose tensors is parted among processes, a
        rule that looks at a whole tensor or tree needs the sums of all shards: ``exchange(own)`` is
        given this shard's list and returns the lists of all shards, in the same order on each
        (``allgather`` of MPI, ``all_gather_object`` of torch.distributed). The bits are those of
        the whole.

        Raises TypeError or ValueError, naming the leaf, where trees, shapes, dtypes or devices of
        `params`, `grads`, `inputs` and `state` do not fit. NaN and infinite gradients propagate by
        IEEE 754.
        """
        self.check_state(state)
        t = state.step + 1
        given = Inputs(inputs, t)
        new, slots = self._update(params, grads, state.slots, self.scalars(t), exchange, given)
        return new, _state(t, slots, state.rule)

    def step(self, params: Tree, grads: Tree, state: State, /, **inputs: Tree) -> State:
        """Write the update into the arrays of `params` and `state`, and return the new state.

        Everything is checked before anything is written; an error leaves all arrays as they were.
        `inputs` are those of `update`, and are not written. Raises as `update` does, and ValueError
        for arrays that cannot be written (JAX, dask, read-only NumPy) or that share memory with
        another array of the step.
        """
        self.check_state(state)
        t = state.step + 1
        scalars = self.scalars(t)
        plan = state.plan
        if inputs or plan is None or not plan.run(self, params, grads, state.slots, scalars):
            given = Inputs(inputs, t)
            plan = self.apply_in_place(params, grads, state.slots, scalars, given)
        return State(t, state.slots, state.rule, plan)

    def apply_in_place(
        self, params: Tree, grads: Tree, slots: Mapping[str, Tree], scalars: Sequence[Any],
        inputs: Inputs = NOTHING,
    ) -> Plan | None:  # fmt: skip
        """Check everything, step, and return a plan for the next step on the same arrays."""
        leaves, spec = self.leaves(params, grads, slots, scalars, inputs)
        leaves = [beside.copied(leaf) for leaf in leaves] if inputs.trees else leaves
        tree.check_writeable(leaves, spec)
        backend = self._backend_for(leaves)
        backend.step(leaves)
        if inputs_of(self.dialect):
            return None  # a plan knows no arrays that are others in every step
        columns = [tree.flatten(part)[0] for part in (params, *slots.values())]
        groups = self.assign(columns[0], spec)
        return Plan.of(self, backend, spec, [x for own in columns for x in own], leaves, groups)

    def apply(
        self, params: Tree, grads: Tree, slots: Mapping[str, Tree], scalars: Sequence[Any], /,
        **inputs: Tree,
    ) -> tuple[Tree, dict[str, Tree]]:  # fmt: skip
        """Return new parameters and slots: the part of `update` that ``jax.jit`` can compile.

        With `scalars` (t), computed on the host in float64, passed as arguments, a compiled
        function serves every t: ``jax.jit(opt.apply)(params, grads, dict(state.slots),
        opt.scalars(t))``. `inputs` are needed whatever t is: zeros, where `update` takes None.
        """
        return self._update(params, grads, slots, scalars, inputs=Inputs(inputs))

    def due(self, t: int, /) -> bool:
        """Whether step `t`, from 1, reads what is given beside the gradients."""
        groups = range(1 + len(self.groups)) if inputs_of(self.dialect) else ()
        return any(self.dialect.due(self.hyper_at(group, t), t) for group in groups)

    def scalars(self, t: int, /) -> tuple[Any, ...]:
        """Return the host's scalars of step `t`, counted from 1.

        Two a group, with and without decay: Python floats, computed in float64. Raises ValueError
        where the schedule or a decay that depends on t gives no finite number >= 0.
        """
        eta = self.multiplier(t)
        before = self.multiplier(t - 1) if self.dialect.schedule == "late" and t > 1 else None
        found: list[Any] = []
        for group in range(1 + len(self.groups)):
            decayed = self._hosts[group].scalars(self.hyper_at(group, t), t, eta, before=before)
            found += [decayed, decayed._replace(l2=None, decay=None)]
        return tuple(found)

    @cached_property
    def _hosts(self) -> tuple[Remembering, ...]:
        """What computes the scalars of each group, and remembers the last step's products."""
        return tuple(Remembering(self.dialect) for _ in range(1 + len(self.groups)))

    def hyper_at(self, group: int, t: int) -> dict[str, float]:
        """Hyperparameters of a group at step `t`; group 0 are the leaves of none."""
        overrides = self.groups[group - 1][1] if group else {}
        h = {**self.hyper, "weight_decay": self.weight_decay, **overrides}
        lam = h["weight_decay"]
        if callable(lam):
            h["weight_decay"] = check_number(f"weight_decay({t})", lam(t), low=0.0)
        return h

    def multiplier(self, t: int) -> float:
        """Return η_t; a ValueError where the schedule gives no finite number >= 0."""
        return check_number(f"schedule({t})", self.schedule(t), low=0.0)

    # -- the parts of an update ---------------------------------------------------------------

    def _update(
        self, params: Tree, grads: Tree, slots: Mapping[str, Tree], scalars: Sequence[Any],
        exchange: Exchange | None = None, inputs: Inputs = NOTHING,
    ) -> tuple[Tree, dict[str, Tree]]:  # fmt: skip
        leaves, spec = self.leaves(params, grads, slots, scalars, inputs)
        if exchange is not None:
            results = PLAIN.update(leaves, sums=exchanged(exchange))
        else:
            results = self._backend_for(leaves).update(leaves)
        before = {name: tree.flatten(slots[name])[0] for name in self.slot_names}
        columns: dict[str, list[Array]] = {name: [] for name in self.slot_names}
        for i, (leaf, (_, new)) in enumerate(zip(leaves, results, strict=True)):
            own = dict(zip(leaf.kernel.slots, new, strict=True))
            for name, column in columns.items():
                column.append(own[name] if name in own else before[name][i])
        trees = {name: optree.tree_unflatten(spec, column) for name, column in columns.items()}
        return optree.tree_unflatten(spec, [theta for theta, _ in results]), trees

    def leaves(
        self, params: Tree, grads: Tree, slots: Mapping[str, Tree], scalars: Sequence[Any],
        inputs: Inputs = NOTHING,
    ) -> tuple[list[Leaf], optree.PyTreeSpec]:  # fmt: skip
        """Return what a backend steps, a leaf each, and the tree; raises as `update` does."""
        thetas, spec = tree.flatten(params)
        gs = tree.flatten_like("grads", grads, spec)
        absent = ", ".join(name for name in self.slot_names if name not in slots)
        if absent:
            raise ValueError(f"slots lack {absent}: expected the slots of the state that init made")
        columns = [
            tree.flatten_like(f"state.slots[{name!r}]", slots[name], spec)
            for name in self.slot_names
        ]
        groups = self.assign(thetas, spec)
        rows = self._inputs(inputs, thetas, spec, groups)
        leaves = []
        for i, (theta, g, group, more, *own) in enumerate(
            zip(thetas, gs, groups, rows, *columns, strict=True)
        ):
            half = tree.is_half("params", spec, i, theta)
            kept = (*own[self.master_weights and not half :], *more)
            addresses = None
            if tree.plainly_fit(theta, g, kept, wide=half and self.state_dtype == "float32"):
                addresses = memory.addresses(g, (theta, *kept))
            else:
                self._check_leaf(spec, i, theta, g, kept)
            leaves.append(Leaf(self._kernels[half], theta, g, kept, scalars[group], addresses))
        return leaves, spec

    @cached_property
    def _kernels(self) -> dict[bool, Kernel]:
        """One for leaves of half precision and one for the others."""
        return {
            half: Kernel(self.dialect, wide=half, master=self.master_weights and half)
            for half in (False, True)
        }

    def _check_leaf(
        self, spec: optree.PyTreeSpec, i: int, theta: Array, g: Array, slots: Sequence[Array]
    ) -> None:
        """Check gradient and slots against the parameter."""
        tree.check_leaf("grads", spec, i, g)
        own = tree.dtype_name(theta)
        half = own in tree.HALF
        tree.check_like("grads", spec, i, g, theta, (own, "float32") if half else (own,))
        names = self.slot_names[self.master_weights and not half :]
        for name, slot in zip(names, slots, strict=False):  # behind them are inputs, checked
            wide = name == "master" or (half and self.state_dtype == "float32")
            dtype = "float32" if wide else own
            shape = slot_shape(self._shapes.get(name, "like"), theta.shape)
            tree.check_like(f"state.slots[{name!r}]", spec, i, slot, theta, (dtype,), shape)

    def _inputs(
        self,
        inputs: Inputs,
        thetas: Sequence[Array],
        spec: optree.PyTreeSpec,
        groups: Sequence[int],
    ) -> Sequence[tuple[Array, ...]]:
        """What each leaf, of its group, is given beside its gradient."""
        known, t = inputs_of(self.dialect), inputs.t
        if not known and not inputs.trees:
            return ((),) * len(thetas)
        beside.check_names(self.name, known, inputs.trees)
        due = [t is None or self.dialect.due(self.hyper_at(k // 2, t), t) for k in groups]
        return beside.rows(known, inputs.trees, due, thetas, spec)

    def check_state(self, state: State) -> None:
        """Raise TypeError for what is no state, ValueError for that of another optimizer."""
        if not isinstance(state, State):
            raise TypeError(f"state is a {type(state).__name__}: expected the State that init made")
        if state.rule != self.rule_name:
            raise ValueError(
                f"state belongs to another optimizer: it was made for [{state.rule}], this is "
                f"[{self.rule_name}]"
            )

    def assign(self, thetas: Sequence[Array], spec: optree.PyTreeSpec) -> Sequence[int]:
        """Index into `scalars` for each leaf: two a group, with and without decay."""
        return assigned(self.groups, self.decay_mask, thetas, spec)

    def _backend_for(self, leaves: Sequence[Leaf]) -> Backend:
        if self.backend is not None:
            backend: Backend = load(self.backend)
            return backend
        libraries = {type(x).__module__.partition(".")[0] for leaf in leaves for x in leaf[1:3]}
        return default_for(libraries.pop()) if len(libraries) == 1 else PLAIN

    # -- other settings -----------------------------------------------------------------------

    def replace(self, **arguments: Any) -> Self:
        """Return the same optimizer with other arguments of its constructor.

        A state goes on with it as long as the rule is the same. A product over the steps, as
        NAdam's of its momenta, is then that of the new numbers, as if they had always been these.

        >>> import wdref
        >>> wdref.SGD(learning_rate=0.1, momentum=0.5).replace(learning_rate=0.2).hyper
        {'learning_rate': 0.2, 'momentum': 0.5}
        """
        return replace(self, **arguments)

    # -- in words -----------------------------------------------------------------------------

    def __repr__(self) -> str:
        """Spell out the settings and the recurrence."""
        settings = {**self.hyper, "weight_decay": self.weight_decay, "schedule": self.schedule}
        shown = ", ".join(f"{name}={value!r}" for name, value in settings.items())
        lines = "".join(f"\n  {line}" for line in self.dialect.recurrence())
        return f"{self.name}({shown}){lines}"
