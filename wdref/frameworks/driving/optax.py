"""A training of optax: the tree of a case's tensors, its transformation, and what befalls them.

Every event happens as optax's users have it. A state is saved as the arrays of its tree, which are
put into the tree that a new transformation begins with: what orbax and flax do, without a file. A
hyperparameter is changed in ``state.hyperparams`` under inject_hyperparams; without it a new
transformation goes on with the old state; the learning rate is a schedule's in either. The others
are apply_if_finite, MultiSteps, clip and clip_by_global_norm, tree_map_params for a tensor that
leaves, tree_set for a count. A step up the gradient and a tensor that joins optax has not.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from wdref.oracle import Unsupported

from .events import changes

LIVES = ("resume", "change", "skip", "accumulate", "clip", "order", "mixed", "count")
LONGEST = 2112  # steps of the longest case: of one length, that a program fits several cases


class _Program:
    """A transformation, made anew, and its step, whose arguments the learning rates are.

    Where the rate is a number, `way` ``traced`` or ``plain``, one is made for every step.
    """

    def __init__(self, way: str, own: Sequence[Any], make: Callable[..., Any]) -> None:
        self.way, self.own, self.make = way, own, make
        self.rates: Any = None  # those of the step that runs, or that is compiled
        self.shift: Any = 0
        self.whole = self._made(0) if way in ("schedule", "first") else None

    def step(
        self, params: Any, grads: Any, state: Any, rates: Any, shift: Any, t: Any, given: Any
    ) -> Any:
        """Return the parameters and the state after step `t`, from 0."""
        updates, state = self.at(rates, shift, t).update(grads, state, params, **given)
        return optax.apply_updates(params, updates), state

    def at(self, rates: Any, shift: Any, t: Any) -> Any:
        """Return the transformation of step `t`; a schedule is read `shift` before its count."""
        self.rates, self.shift = rates, shift
        return self._made(t) if self.whole is None else self.whole

    def _made(self, t: Any) -> Any:
        return self.make(self.own, [self._rate(i, hyper, t) for i, hyper in enumerate(self.own)])

    def _rate(self, i: int, hyper: Any, t: Any) -> Any:
        if self.way == "schedule":
            return lambda count: self.rates[i][count - self.shift]
        if self.way == "first":
            return hyper["learning_rate"]
        return float(self.rates[i][t]) if self.way == "plain" else self.rates[i][t]


class Training:
    """A case of one transformation, with what befalls it."""

    def __init__(
        self, case: Any, build: Any, way: str, ours: Mapping[str, Any], steps: dict[Any, Any],
        devices: Any,
    ) -> None:  # fmt: skip
        if "add" in case.life:
            raise Unsupported("optax has no tensor that joins: init begins the state of them all")
        self.case, self.build, self.way, self.ours, self.steps = case, build, way, ours, steps
        self.many, self.devices = "tensors" in case.flags, devices
        self.thetas = case.theta0 if self.many else [case.theta0]
        self.grads = case.grads if self.many else [case.grads]
        self.dtypes = case.life.get("mixed") or [case.dtype] * len(self.thetas)
        self.params = {str(i): self._array(i, x) for i, x in enumerate(self.thetas)}
        self.own = [{**case.hyper, **group} for group in case.groups or [{}]]
        self.rates, self.shift = [_table(self._rates(h["learning_rate"])) for h in self.own], 0
        self._begin()
        self.state = self._tx().init(self.params)

    def run(self) -> Any:
        """Return the parameters after each step."""
        path: list[list[Any]] = [[] for _ in self.grads]
        for t in range(len(self.case.eta)):
            if new := changes(self.case, t + 1):
                self._change(new)
            now = {k: self._array(int(k), self.grads[int(k)][t]) for k in self.params}
            self.params, self.state = self.step(self.params, now, self.state, self.rates,
                                                self.shift, t, self._given(t))  # fmt: skip
            for i, rows in enumerate(path):
                rows.append(self._whole(i) if str(i) in self.params else rows[-1])
            self._befall(t + 1)
        return [np.array(rows) for rows in path] if self.many else np.array(path[0])

    def _given(self, t: int) -> dict[str, Any]:
        """What update is given beside the gradients, as its keywords."""
        named = {name: x if self.many else [x] for name, x in self.case.inputs.items()}
        return {name: {k: self._array(int(k), x[int(k)][t]) for k in self.params}
                for name, x in named.items()}  # fmt: skip

    def _array(self, i: int, x: Any) -> Any:
        # cast by NumPy: JAX compiles for every shape
        return self.devices.put(x.astype(jnp.dtype(self.dtypes[i])))

    def _whole(self, i: int) -> Any:
        return self.devices.whole(self.params[str(i)], self.thetas[i]).astype(np.float64)

    def _rates(self, rate: float) -> Any:
        """The learning rates by what counts them: a schedule counts the steps that are taken."""
        rates = np.full(len(self.case.eta), rate)
        for k, new in self.case.life.get("change", ()):
            rates[k - 1 :] = new.get("learning_rate", rate)
        rates *= self.case.eta
        if self.way != "schedule":
            return rates
        every = self.case.life.get("accumulate", 1)
        return np.delete(rates, [k - 1 for k in self.case.life.get("skip", ())])[every - 1 :: every]

    def _begin(self, *, anew: bool = False) -> None:
        """Make a transformation; its step is compiled unless it was before, or for one `anew`."""
        self.program = _Program(self.way, self.own, partial(_transformation, self.case, self.build))
        # the table holds the rates
        baked = [{**hyper, "learning_rate": None} for hyper in self.own]
        around = [(name, self.case.life.get(name)) for name in ("skip", "accumulate", "clip")]
        key = f"{self.way} {self.case.dtype} {baked} {around} {anew}"
        own = self.program.step
        eager = self.way == "plain" or not self.ours["jit"]
        self.step = own if eager else self.steps.setdefault(key, jax.jit(own))

    def _tx(self) -> Any:
        return self.program.at(self.rates, self.shift, 0)

    def _change(self, new: Any) -> None:
        self.own = [{**hyper, **new} for hyper in self.own]
        before = self.program
        if not self.ours["inject"]:
            self._begin()
            return
        if "weight_decay" in new and self.ours.get("decay", "none") != "none":
            raise Unsupported("add_decayed_weights is not under inject_hyperparams")
        self.program = _Program(self.way, self.own, before.make)
        values = optax.tree_utils.tree_get(self._tx().init(self.params), "hyperparams")
        self.state = optax.tree_utils.tree_set(self.state, hyperparams=values)
        self.program = before  # which goes on, and reads them in its state

    def _befall(self, t: int) -> None:
        life = self.case.life
        if life.get("resume") == t:
            self._resume()
        if life.get("jump", (0, 0))[0] == t:
            self._count(life["jump"][1] - 1)
            self.shift = life["jump"][1] - 1 - t
        if life.get("remove", (0, 0))[1] == t:
            self._remove(str(life["remove"][0]))

    def _resume(self) -> None:
        saved = [np.asarray(x) for x in jax.tree.leaves((self.params, self.state))]
        self._begin(anew=True)
        begun = (self.params, self._tx().init(self.params))
        leaves, structure = jax.tree.flatten(begun)
        if len(saved) != len(leaves):
            raise ValueError(f"{len(saved)} arrays were saved, and {len(leaves)} are begun with")
        self.params, self.state = structure.unflatten(map(_placed, saved, leaves))

    def _count(self, count: int) -> None:
        """Set every ``count`` of the state, in its own dtype."""
        leaves = jax.tree_util.tree_leaves_with_path(self.state)
        names = [_last(path) for path, x in leaves if _is_count(path, x)]
        if other := [name for name in names if name != "count"]:
            raise Unsupported(f"the state counts in {other[0]!r}, where tree_set is given `count`")
        if names:
            state = optax.tree_utils.tree_set(self.state, count=np.asarray(count))
            self.state = jax.tree.map(_like, state, self.state)
        before = [int(x) for path, x in leaves if _is_count(path, x)]
        leaves = jax.tree_util.tree_leaves_with_path(self.state)
        after = [int(x) for path, x in leaves if _is_count(path, x)]
        if any(new == old != count for old, new in zip(before, after, strict=True)):
            raise Unsupported("tree_set leaves a count in a nested state as it was")

    def _remove(self, name: str) -> None:
        def rest(tree: Any) -> Any:
            return {key: x for key, x in tree.items() if key != name}

        try:
            self.state = optax.tree_utils.tree_map_params(
                self._tx(), rest, self.state, is_leaf=lambda x: isinstance(x, dict))  # fmt: skip
        except Exception as error:  # whatever a factory raises for what are no parameters
            raise Unsupported(f"tree_map_params knows no such state: {error}") from error
        self.params = rest(self.params)


def _transformation(case: Any, build: Callable[..., Any], own: Any, rates: list[Any]) -> Any:
    """Return the transformation of all tensors, in the wrapper of what befalls it."""
    made = [build(hyper, rate) for hyper, rate in zip(own, rates, strict=True)]
    names = {str(i): str(i) for i in range(len(made))}
    tx = optax.partition(dict(zip(names, made, strict=True)), names) if case.groups else made[0]
    if "skip" in case.life:
        return optax.apply_if_finite(tx, max_consecutive_errors=len(case.eta))
    if "accumulate" in case.life:
        return optax.MultiSteps(tx, every_k_schedule=case.life["accumulate"])
    for name, clip in (("value", optax.clip), ("norm", optax.clip_by_global_norm)):
        if name in case.life.get("clip", ()):
            return optax.chain(clip(case.life["clip"][name]), tx)
    return tx


def _is_count(path: Any, x: Any) -> bool:
    whole = jnp.issubdtype(jnp.result_type(x), jnp.integer)
    return np.ndim(x) == 0 and (whole or _last(path) == "count")


def _last(path: Any) -> str:
    """Return the name of a leaf of the state in what holds it."""
    last = path[-1] if path else ""
    return str(getattr(last, "name", getattr(last, "key", last)))


def _like(x: Any, other: Any) -> Any:
    return x if x is other else jnp.asarray(np.asarray(x).astype(jnp.result_type(other)))


def _placed(x: Any, like: Any) -> Any:
    """Return an array of JAX from one of NumPy's, on the devices that another is bound to."""
    committed = getattr(like, "committed", False)
    return jax.device_put(x, like.sharding) if committed else jnp.asarray(x)


def _table(rates: Any) -> Any:
    """Return the schedule in the dtype that x64 allows, of one length for every case."""
    return jnp.asarray(np.concatenate([rates, np.zeros(max(LONGEST - len(rates), 0))]))
