"""An optax transformation over wdref's rules: see `wdref.interchange.optax_transformation`."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ..backend import PLAIN, Leaf
from ..common.checks import check_count
from ..engine import tree
from ..optimizer import Optimizer
from ..rules.shapes import check_gradients_alone

Array = Any
Tree = Any


class OptaxState(NamedTuple):
    """The updates made, and the slots of `wdref.State`."""

    count: Array
    slots: dict[str, Tree]


def transformation(optimizer: Optimizer, horizon: int | None) -> Any:
    """Return the transformation; `horizon` chooses the table."""
    check_gradients_alone(optimizer.dialect, "a GradientTransformation")
    rule = _Traced(**{f.name: getattr(optimizer, f.name) for f in fields(Optimizer)})
    host = _Host(optimizer, None if horizon is None else check_count("horizon", horizon))

    def init(params: Tree) -> OptaxState:
        slots = optimizer.init(_named(params, params)).slots
        return OptaxState(jnp.zeros([], jnp.int32), dict(slots))

    def update(grads: Tree, state: OptaxState, params: Tree = None) -> tuple[Tree, OptaxState]:
        if params is None:
            raise ValueError("update needs the parameters too: update(grads, state, params)")
        count = optax.safe_increment(state.count)
        own = _named(params, params)
        new, slots = rule.apply(own, _named(grads, params), state.slots, host.scalars(count))
        old = tree.flatten(own)[0]
        steps = [_step(p, q) for p, q in zip(old, tree.flatten(new)[0], strict=True)]
        return _like(steps, own, params), OptaxState(count, slots)

    return optax.GradientTransformation(init, update)


def _step(old: Array, new: Array) -> Array:
    """What optax adds: in float32 for half precision, where the difference is exact."""
    if tree.dtype_name(old) in tree.HALF:
        return new.astype(jnp.float32) - old.astype(jnp.float32)
    return new - old


# -- scalars ------------------------------------------------------------------------------------


class _Host:
    """The host's scalars of a step that is known only when the program runs."""

    def __init__(self, optimizer: Optimizer, horizon: int | None) -> None:
        self.optimizer = optimizer
        self.like = optimizer.scalars(1)
        self.present = [[x is not None for x in own] for own in self.like]
        steps = range(1, 1 if horizon is None else horizon + 1)
        self.table = np.array([self.row(t) for t in steps]) if horizon else None

    def row(self, t: int) -> Any:
        """Return the numbers of step `t`, those of all groups in a row."""
        scalars = self.optimizer.scalars(t)
        return np.array([x for own in scalars for x in own if x is not None], dtype=np.float64)

    def scalars(self, count: Array) -> tuple[Any, ...]:
        """Return the scalars of step `count`, in the widest dtype that JAX has."""
        dtype = jax.dtypes.canonicalize_dtype(np.float64)
        if self.table is not None:
            row = jnp.asarray(self.table, dtype).at[count - 1].get(mode="fill", fill_value=np.nan)
        elif isinstance(count, jax.core.Tracer):
            row = self._called(count, dtype)
        else:
            row = jnp.asarray(self.row(int(count)), dtype)
        numbers = iter(range(len(row)))
        return tuple(
            type(own)(*(row[next(numbers)] if here else None for here in known))
            for own, known in zip(self.like, self.present, strict=True)
        )

    def _called(self, count: Array, dtype: Any) -> Array:
        """Ask the host when the program runs, as bits: a thread of JAX may think x64 off."""
        size, words = sum(map(sum, self.present)), dtype.itemsize // 4
        shape = jax.ShapeDtypeStruct((size, words) if words > 1 else (size,), np.uint32)

        def bits(t: Any) -> Any:
            return self.row(int(t)).astype(dtype).view(np.uint32).reshape(shape.shape)

        found = jax.pure_callback(bits, shape, count, vmap_method="sequential")
        return jax.lax.bitcast_convert_type(found, dtype)


class _Traced(Optimizer):
    """The same rule on scalars that are arrays."""

    def _backend_for(self, leaves: Sequence[Leaf]) -> Any:
        return _CASTING


class _Casting:
    """Rounds the scalars once to the dtype that a leaf is computed in, as a Python float is."""

    name = "plain"

    def update(self, leaves: Sequence[Leaf], /) -> Any:
        return PLAIN.update([leaf._replace(scalars=_cast(leaf)) for leaf in leaves])


_CASTING = _Casting()


def _cast(leaf: Leaf) -> Any:
    dtype = jnp.float32 if leaf.kernel.wide else leaf.theta.dtype
    own = (None if x is None else x.astype(dtype) for x in leaf.scalars)
    return type(leaf.scalars)(*own)


# -- trees --------------------------------------------------------------------------------------


def _named(found: Tree, params: Tree) -> Tree:
    """`found` itself where its nodes are optree's too, else a dict of its leaves by their paths."""
    if _is_plain(params):
        return found
    pairs, _ = jax.tree_util.tree_flatten_with_path(found)
    names = [jax.tree_util.keystr(path, simple=True, separator=".") for path, _ in pairs]
    if len(set(names)) < len(names):
        raise ValueError("params have two leaves of one path: give a tree of dicts, lists, tuples")
    return dict(zip(names, (leaf for _, leaf in pairs), strict=True))


def _is_plain(params: Tree) -> bool:
    return all(hasattr(leaf, "dtype") for leaf in tree.flatten(params)[0])


def _like(steps: Sequence[Array], own: Tree, params: Tree) -> Tree:
    """`steps`, in the order of optree, as a tree like `params`."""
    spec = tree.flatten(own)[1]
    rebuilt = spec.unflatten(steps)
    if _is_plain(params):
        return rebuilt
    structure = jax.tree.structure(params)
    return structure.unflatten(rebuilt[name] for name in _named(params, params))
