"""optax transformations: their updates are functions, so that what is given is never written.

JAX computes in float64 here whatever it is set to elsewhere; that is put back.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..measure import Start, Walk, measure
from ..record import Audit, AuditError
from ..rows import Parameter, made, number
from .blocks import GIB, block, bytes_of, ends_of, filled, looked_at, note, part_of
from .guard import apart, stepped

PATIENCE = 256  # updates in which a transformation that accumulates gradients moves once


def audited(
    tx: Any, *, names: Any, model: Any, params: Any, state: Any, rate: float | None,
    sample: int, memory: float,
) -> Audit:  # fmt: skip
    """Return the audit of an optax transformation."""
    if model is not None or names:
        raise AuditError("names and model are for torch and Keras: optax has params")
    if params is None:
        raise AuditError("an optax transformation needs params: audit(tx, params=params, "
                         "state=opt_state)")  # fmt: skip
    options = (tx, params, state, sample, memory)
    try:
        with wide_jax():
            copies = _Copies(*options, wide=jnp.float64)
            measured = measure(copies)
    except AuditError:  # some count in whatever integers JAX has, and cannot where it has wide ones
        copies = _Copies(*options, wide=jnp.float32)
        measured = measure(copies)
    said = _said(copies.first)
    rows = []
    for (path, x), m, moves in zip(copies.named, measured, copies.reached, strict=True):
        parameter = Parameter(
            (path,), tuple(x.shape), str(x.dtype), ("0",) if moves else (),
            said.get("learning_rate", rate),
            said.get("weight_decay") if m.form != "none" else None,  # a mask is said nowhere
        )  # fmt: skip
        rows.append(parameter.row(m if moves or m.form != "none" else None))
    return made(tx, "optax", rows, copies.notes, name="an optax transformation")


def wide_jax() -> Any:
    """Return the context in which JAX has float64."""
    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(True)
    from jax.experimental import enable_x64  # of earlier versions

    return enable_x64(True)


def _said(state: Any) -> Mapping[str, float]:
    """What `optax.inject_hyperparams` keeps in a state."""
    found: dict[str, float] = {}
    held = jax.tree.leaves(state, is_leaf=lambda x: hasattr(x, "hyperparams"))
    for own in held:
        for name, value in getattr(own, "hyperparams", {}).items():
            if (x := number(value)) is not None:
                found.setdefault(name, x)
    return found


class _Copies:
    """Trees of copies, whole or in blocks."""

    def __init__(
        self, tx: Any, params: Any, state: Any, sample: int, memory: float, *, wide: Any
    ) -> None:
        self.tx, self.sample, self.state, self.wide = tx, sample, state, wide
        self.notes: list[str] = []
        self._compiled: Callable[..., Any] = jax.jit(self._update)
        leaves, self.tree = jax.tree_util.tree_flatten_with_path(params)
        if not leaves:
            raise AuditError("params is an empty tree: there is nothing to audit")
        self.named = [(jax.tree_util.keystr(path, simple=True, separator="/"), jnp.asarray(x))
                      for path, x in leaves]  # fmt: skip
        odd = [f"{name} of {x.dtype}" for name, x in self.named if not _is_float(x)]
        if odd:
            raise AuditError(f"params has {', '.join(odd)}: the audit measures real numbers")
        self._own = [np.asarray(x) for _, x in self.named]
        self._ends = [ends_of(x) for x in self._own]
        self._blocks = self._chosen(memory)
        with apart():
            init = stepped("its init", lambda: tx.init(self._theta(Start(native=True))))
            self.first = init if state is None else self._part_of(state)
            self.reached, self._calls = self._reached()

    @property
    def begun(self) -> bool:
        """Whether a state is given."""
        return self.state is not None

    def _chosen(self, memory: float) -> Sequence[Any]:
        most = sum(bytes_of(x.size, 2 * x.size) for x in self._own)
        if most <= memory * GIB:
            return [None] * len(self._own)
        blocks = [block(x.shape, self.sample, ends)
                  for x, ends in zip(self._own, self._ends, strict=True)]  # fmt: skip
        self.notes.append(note(blocks, most, self.sample, memory))
        return blocks

    def _part_of(self, state: Any) -> Any:
        """Take the blocks of a state, whose leaves are mapped as parameters are."""
        import optax

        if all(part is None for part in self._blocks):
            return state
        blocks = self.tree.unflatten([_Block(part) for part in self._blocks])
        return optax.tree_utils.tree_map_params(
            self.tx, lambda x, block: part_of(x, block.part), state, blocks,
            is_leaf=lambda x: isinstance(x, _Block),
        )  # fmt: skip

    # -- a walk --------------------------------------------------------------------------------

    def walk(self, start: Start, steps: int) -> list[Walk]:
        """Walk with zero gradients."""
        with apart():
            theta = self._theta(start)
            state = self.tx.init(theta) if start.fresh else self._present(start)
            grads = jax.tree.map(jnp.zeros_like, theta)
            paths, first = [self._read(theta)], None
            for step in range(steps):
                for _ in range(self._calls[start.fresh][step]):
                    theta, state = self._step(grads, state, theta)
                paths.append(self._read(theta))
                first = first if first is not None else state
        slots = self._slots(first)
        units = [float(jnp.finfo(x.dtype).eps) for x in jax.tree.leaves(theta)]
        return [Walk([path[i] for path in paths], values, {"": units[i], **own})
                for i, (values, own) in enumerate(slots)]  # fmt: skip

    def _step(self, grads: Any, state: Any, theta: Any) -> tuple[Any, Any]:
        """Step once: compiled, as trainings are, or as written where that cannot be."""
        try:
            new, then = self._compiled(grads, state, theta)
        except Exception:
            self._compiled = self._update
            new, then = stepped("the transformation", lambda: self._update(grads, state, theta))
        return new, then

    def _update(self, grads: Any, state: Any, theta: Any) -> tuple[Any, Any]:
        updates, then = self.tx.update(grads, state, theta)
        return jax.tree.map(lambda x, u: (x + u).astype(x.dtype), theta, updates), then

    def _theta(self, start: Start) -> Any:
        leaves = []
        for (_, x), own, part in zip(self.named, self._own, self._blocks, strict=True):
            cut = filled(part_of(own, part)) * start.scale
            leaves.append(jnp.asarray(cut, dtype=x.dtype if start.native else self.wide))
        return self.tree.unflatten(leaves)

    def _present(self, start: Start) -> Any:
        leaves, tree = jax.tree.flatten(self.first)
        theta = jax.tree.leaves(self._theta(start))
        held = {int(name): theta[i] for i, names in enumerate(start.follow) for name in names}
        return tree.unflatten([
            held.get(k, jnp.asarray(x, dtype=self.wide)) if _is_float(x) else x
            for k, x in enumerate(leaves)
        ])  # fmt: skip

    def _read(self, theta: Any) -> list[Any]:
        return [_looked(x, self.sample, () if part is not None else ends)
                for x, part, ends in zip(jax.tree.leaves(theta), self._blocks, self._ends,
                                         strict=True)]  # fmt: skip

    def _slots(self, state: Any) -> list[tuple[dict[str, Any], dict[str, float]]]:
        """The state's leaves that are of each parameter: those that its path ends in."""
        found: list[tuple[dict[str, Any], dict[str, float]]] = [({}, {}) for _ in self.named]
        leaves, _ = jax.tree_util.tree_flatten_with_path(state)
        for k, (path, x) in enumerate(leaves):
            own = jax.tree_util.keystr(path, simple=True, separator="/")
            i = _owner(own, [name for name, _ in self.named])
            if i is not None and _is_float(x):
                ends = self._ends[i] if self._blocks[i] is None else ()
                found[i][0][str(k)] = _looked(x, self.sample, ends)
                found[i][1][str(k)] = float(jnp.finfo(x.dtype).eps)
        return found

    # -- whom an update reaches ----------------------------------------------------------------

    def _reached(self) -> tuple[list[bool], Mapping[bool, list[int]]]:
        """Which parameters gradients of 1 move, and how many updates a step is made of."""
        theta = self._theta(Start())
        ones = jax.tree.map(jnp.ones_like, theta)
        reached, calls = [False] * len(self.named), dict[bool, list[int]]()
        for fresh in (True, False):
            now, counts = theta, list[int]()
            state = self.tx.init(theta) if fresh else self._present(Start())
            for _ in range(2):
                then, state, count = self._moved(ones, state, now)
                pairs = zip(jax.tree.leaves(now), jax.tree.leaves(then), strict=True)
                reached = [old or bool(jnp.any(a != b))
                           for old, (a, b) in zip(reached, pairs, strict=True)]  # fmt: skip
                now, counts = then, [*counts, count]
            calls[fresh] = counts
        if max(map(max, calls.values())) > 1:
            self.notes.append("a step is made of several updates: gradients are accumulated, or a "
                              "rate is 0 at first")  # fmt: skip
        return reached, calls

    def _moved(self, ones: Any, state: Any, theta: Any) -> tuple[Any, Any, int]:
        first, then = None, theta
        for count in range(1, PATIENCE + 1):
            new, state = self._step(ones, state, then)
            pairs = zip(jax.tree.leaves(then), jax.tree.leaves(new), strict=True)
            if any(bool(jnp.any(a != b)) for a, b in pairs):
                return new, state, count
            first, then = first if first is not None else state, new
        return theta, first, 1  # nothing moves: a rate of 0, or no transformation at all


class _Block:
    """The part of a tensor that stands for it, as a leaf of a tree."""

    def __init__(self, part: Any) -> None:
        self.part = part


def _owner(path: str, names: Sequence[str]) -> int | None:
    """The parameter whose path a slot's path ends in, the longest of those."""
    ends = [i for i, name in enumerate(names) if not name or path == name
            or path.endswith(f"/{name}")]  # fmt: skip
    return max(ends, key=lambda i: len(names[i]), default=None)


def _looked(x: Any, sample: int, ends: Sequence[int]) -> Any:
    flat = x.reshape(-1)
    return np.asarray(flat[looked_at(flat.size, sample, ends)], dtype=np.float64)


def _is_float(x: Any) -> bool:
    return hasattr(x, "dtype") and jnp.issubdtype(x.dtype, jnp.floating)
