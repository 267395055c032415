"""The shadow of an optax transformation: one that takes its place, and tells a watch what it did.

What is looked at is gathered inside the compiled step; the host gets it by `io_callback`, under a
`lax.cond` in steps that are not watched. Nothing comes back from it. Of a rule that looks at more
than an element the host gets whole tensors: what a step is given.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple, Self

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.experimental import io_callback
from numpy.typing import NDArray

from ....conventions import dialect
from ....engine.arithmetic import Primitives, all_narrow
from ....rules.contract import Dialect
from ....rules.shapes import check_gradients_alone, scope_of
from ..name_whole import KEPT, Kept
from ..step import WIDTHS, Array, Before, Rule, whole
from ..sums import Sums, check_watchable, joined, sums_of
from ..watch import Batch, Departure, Hyper, Part, Watch, check_names, clip_answer, sampled
from .states import fields_of, injected, leaves_of, slots_in, slots_of

PRIMITIVES = Primitives(sqrt=2.0, divide=2.0, flush=True)  # XLA's, on the CPU


class ShadowState(NamedTuple):
    """The state of the transformation that is watched, and how many steps were."""

    count: Any
    inner: Any


@dataclass(frozen=True, eq=False)
class _Plan:
    """What is known when a step is compiled: one entry a leaf."""

    names: Sequence[str]
    shapes: Sequence[tuple[int, ...]]
    dtypes: Sequence[tuple[str, ...]]
    decays: Sequence[bool]
    dialect: Dialect
    counted: bool

    @property
    def whole(self) -> bool:
        """Whether the host is handed whole tensors."""
        return scope_of(self.dialect) != "element"


@dataclass(frozen=True, eq=False)
class _Seen:
    """One leaf of a step that the host looks at: `index` are the coordinates."""

    i: int
    rule: Rule
    index: NDArray[np.int64]
    before: Before
    after: Sequence[Array]
    tensors: Sequence[Any]  # θ, g and the slots before the step, as they came


class OptaxWatch(Watch):
    """A watch on an optax transformation, and what it knows of its claim."""

    def __init__(
        self,
        *,
        convention: str,
        claim: str | None,
        hyper: Hyper | None = None,
        mask: Any = None,
        answers: Mapping[str, Any] | None = None,
        slots: Callable[[Any], Mapping[str, Any]] | None = None,
        clip: float | None = None,
        clip_by: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if claim is None:
            raise ValueError('optax does not say what a transformation is: claim="adamw"')
        given = {**(answers or {}), **clip_answer(clip, clip_by)}
        self.base: Any = dialect(claim, convention, **given)
        check_gradients_alone(self.base, "a shadow of optax")
        check_watchable(self.base)
        self.hyper = dict(check_names(hyper or {}, self.base.hyper))
        self.hyper |= {} if clip is None else {"clip": float(clip)}
        self.mask, self.find = mask, slots or partial(slots_in, fields_of(self.base))

    def plan(self, params: Any, slots: Mapping[str, Mapping[str, Any]], state: Any) -> _Plan:
        """Work out what a step of these shapes is to compute; runs while it is traced."""
        own = {name for name in ("v_max", *self.base.slots) if slots.get(name)}
        d = self.base
        if d.family == "adam" and "v_max" in own and d.amsgrad == "none":
            d = replace(d, amsgrad="hat")  # optax keeps the maximum of what is corrected
        if d.family == "sgd" and not own:
            d = replace(d, buffer=False, damping="none", first="damped", nesterov=False)
        if not set(d.slots) <= own:
            raise ValueError(
                f"the transformation's state has no {', '.join(sorted(set(d.slots) - own))}: "
                "give slots, a function that finds them"
            )
        said = {*self.hyper, *injected(state)}
        missing = [name for name in d.hyper if name not in said and name in _needed(d)]
        if missing:
            raise ValueError(f"give hyper={{...}} with {', '.join(missing)}, as optax was given it")
        leaves = leaves_of(params)
        decays = leaves_of(self._decays(params))
        kept = [name for name in leaves if all(name in slots[s] for s in d.slots)]
        lost = [name for name in leaves if name not in kept]
        if lost and scope_of(d) == "tree":
            raise ValueError(
                f"a sum over all tensors has {', '.join(lost)}, of which the state has no "
                f"{', '.join(d.slots)}: give slots, a function that finds them"
            )
        return _Plan(
            kept,
            [jnp.shape(leaves[name]) for name in kept],
            [(_dtype(leaves[n]), *(_dtype(slots[s][n]) for s in d.slots)) for n in kept],
            [bool(decays[name]) for name in kept],
            d,
            "t" in slots,
        )

    def _decays(self, params: Any) -> Any:
        mask = self.mask(params) if callable(self.mask) else self.mask
        return jax.tree.map(lambda _: True, params) if mask is None else mask

    def numbers(self, count: Any, state: Any) -> dict[str, Any]:
        """Return this step's hyperparameters, and the learning rate before it, as optax has."""
        said: dict[str, Any] = {**injected(state), **self.hyper}
        now = {name: value(count) if callable(value) else value for name, value in said.items()}
        rate, last = said["learning_rate"], jnp.maximum(count - 1, 0)
        now["before"] = rate(last) if callable(rate) else now["learning_rate"]
        now["initial"] = rate(jnp.zeros_like(count)) if callable(rate) else now["learning_rate"]
        return now

    # -- on the host --------------------------------------------------------------------------

    def step(self, plan: _Plan, fixed: Mapping[str, float], seen: Any) -> None:
        """Judge one step; `fixed` are the hyperparameters that are Python numbers."""
        step = int(seen["step"])
        self.seen = max(self.seen, step)
        said = {**fixed, **{name: float(x) for name, x in seen["numbers"].items()}}
        t = int(seen["t"]) + 1
        leaves = [self._seen(plan, i, seen["leaves"][i], self._rule(plan, i, said, t), step)
                  for i in range(len(plan.names)) if self._can_judge(plan, i)]  # fmt: skip
        if plan.whole:
            tensors = [whole(x.rule, x.tensors[0].size, list(map(_stretches, x.tensors)))
                       for x in leaves]  # fmt: skip
            sums: Sequence[Sums] = sums_of(tensors, chain=self.chain)
        else:
            sums = [()] * len(leaves)
        rows: dict[Any, list[Any]] = defaultdict(list)
        for leaf, answers in zip(leaves, sums, strict=True):
            rows[leaf.rule.key()].append((leaf, answers))
        tree = _kept(plan, leaves)
        batches = [replace(_batch(plan, row), tree=tree) for row in rows.values()]
        others = self._counter(plan, step, t, int(seen["t_after"]))
        self.judge(step, batches, [*self._beginning(plan, step, t), *others])

    def _can_judge(self, plan: _Plan, i: int) -> bool:
        other = set(plan.dtypes[i]) - set(WIDTHS)
        if other and scope_of(plan.dialect) == "tree":
            raise ValueError(f"{plan.names[i]}: {', '.join(sorted(other))} in a sum of all tensors")
        return not other and bool(np.prod(plan.shapes[i]))

    def _seen(self, plan: _Plan, i: int, arrays: Any, rule: Rule, step: int) -> _Seen:
        """Take apart what came of a leaf: θ, g and the slots before the step, then what it gave."""
        index = sampled(int(np.prod(plan.shapes[i])), self.sample, step)
        count = 2 + len(plan.dialect.slots)
        values = [np.asarray(x) for x in arrays]
        tensors = values[:count]
        small = [x[index] if plan.whole and x.size > 1 else x for x in tensors]
        theta, g, *slots = (_spread(x, len(index)) for x in small)
        after = [_spread(x, len(index)) for x in values[count:]]
        return _Seen(i, rule, index, Before(theta, g, tuple(slots)), after, tensors)

    def _rule(self, plan: _Plan, i: int, said: Mapping[str, float], t: int) -> Rule:
        hyper = {name: said.get(name, 0.0) for name in plan.dialect.hyper}
        if not plan.decays[i]:
            hyper["weight_decay"] = 0.0
        # optax computes its scalars on the device, in float32 unless JAX has wider numbers
        narrow = () if "float64" in plan.dtypes[i] else all_narrow(hyper)
        rule = Rule(plan.dialect, hyper, t, plan.dtypes[i], narrow=narrow, primitives=PRIMITIVES)
        return rule.at(said["learning_rate"], before=said["before"], initial=said["initial"])

    def _beginning(self, plan: _Plan, step: int, t: int) -> list[Departure]:
        if self.watched or not plan.counted or self.first_step in (None, t):
            return []
        why = "its state is fresh" if t == 1 else f"t begins at {t}, not {self.first_step}"
        numbers = float(t - 1), float(self.first_step or 0) - 1, t - 1, 1, 1
        return [Departure(plan.names[0], step, (), np.inf, "step counter", *numbers, why)]

    def _counter(self, plan: _Plan, step: int, t: int, after: int) -> list[Departure]:
        if not plan.counted or after == t:
            return []
        numbers = float(after), float(t), t, 1, 1, "one counter for all leaves"
        return [Departure(plan.names[0], step, (), np.inf, "step counter", *numbers)]

    def close(self) -> None:
        """Wait for steps that are still under way."""
        jax.effects_barrier()

    def report(self) -> str:
        """Say what was watched, once all steps are done."""
        jax.effects_barrier()
        return super().report()


class Shadowed(optax.GradientTransformationExtraArgs):  # type: ignore[misc]  # types not followed
    """A transformation that is watched; ``watch`` is the watch."""

    watch: OptaxWatch

    @property
    def departures(self) -> list[Departure]:
        """The first departure of each leaf."""
        jax.effects_barrier()
        return self.watch.departures

    @property
    def first(self) -> Departure | None:
        """The first departure."""
        return self.departures[0] if self.departures else None

    def report(self) -> str:
        """Say what was watched, and each leaf's first departure."""
        return self.watch.report()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.watch.close()


def shadowed(inner: Any, **options: Any) -> Shadowed:
    """Return the transformation that takes the place of `inner`."""
    watch = OptaxWatch(**options)
    full = optax.with_extra_args_support(inner)

    def init(params: Any) -> ShadowState:
        return ShadowState(jnp.zeros((), jnp.int32), full.init(params))

    def update(grads: Any, state: ShadowState, params: Any = None, **extra: Any) -> Any:
        if params is None:
            raise ValueError("a shadow reads the parameters: call update(grads, state, params)")
        updates, new = full.update(grads, state.inner, params, **extra)
        _observe(watch, state, (grads, params), updates, new)
        return updates, ShadowState(state.count + 1, new)

    made = Shadowed(init, update)
    made.watch = watch
    return made


def _observe(watch: OptaxWatch, state: ShadowState, given: Any, updates: Any, new: Any) -> None:
    grads, params = given
    before, after = (slots_of(watch.find(x)) for x in (state.inner, new))
    plan = watch.plan(params, before, new)
    count = before.get("t", {}).get("", state.count)
    numbers = watch.numbers(count, new)
    fixed = {k: float(x) for k, x in numbers.items() if isinstance(x, int | float)}
    traced = {k: x for k, x in numbers.items() if k not in fixed}
    trees = [leaves_of(x) for x in (params, grads, updates)]

    def look(step: Any) -> Any:
        leaves = [_looked(watch, plan, name, step, trees, before, after) for name in plan.names]
        t_after = after.get("t", {}).get("", count + 1)
        return {"step": step, "t": count, "t_after": t_after, "numbers": traced, "leaves": leaves}

    def tell(step: Any) -> None:
        io_callback(partial(watch.step, plan, fixed), None, look(step))

    step = state.count + 1
    if isinstance(step, jax.core.Tracer):
        jax.lax.cond(state.count % watch.every == 0, tell, lambda step: None, step)
    elif int(state.count) % watch.every == 0:
        watch.step(plan, fixed, look(step))
    elif not isinstance(step, jax.core.Tracer):
        watch.seen = int(step)


def _looked(
    watch: OptaxWatch, plan: _Plan, name: str, step: Any, trees: Any, before: Any, after: Any
) -> list[Any]:
    """θ, g and the slots before the step, whole where that is asked; then θ and slots after it."""
    theta, g, u = (tree[name] for tree in trees)
    index = sampled(jnp.size(theta), watch.sample, step)

    def there(x: Any) -> Any:
        return jnp.ravel(x)[index] if jnp.size(x) == jnp.size(theta) else jnp.ravel(x)

    new = jnp.asarray(there(theta) + there(u)).astype(theta.dtype)  # as optax.apply_updates does
    old, now = ([state[s][name] for s in plan.dialect.slots] for state in (before, after))
    given = [(jnp.ravel if plan.whole else there)(x) for x in (theta, g, *old)]
    return [*given, new, *map(there, now)]


def _needed(d: Dialect) -> tuple[str, ...]:
    """What has no value that means absent."""
    return tuple(name for name in d.hyper if name not in ("momentum", "dampening"))


def _dtype(x: Any) -> str:
    return str(jnp.asarray(x).dtype)


def _stretches(x: Array) -> Callable[[int, int], Array]:
    """Return what reads a stretch of a tensor; a number stands for each of them."""
    if x.size == 1:
        return lambda start, stop: x.reshape(1).astype(np.float64)
    return lambda start, stop: x[start:stop].astype(np.float64)


def _kept(plan: _Plan, leaves: Sequence[_Seen]) -> list[Kept]:
    """The tensors of a step whole, where they are few numbers, so that a departure has a name."""
    if not plan.whole or sum(x.size for leaf in leaves for x in leaf.tensors) > KEPT:
        return []
    rows = [[_spread(x, leaf.tensors[0].size) for x in leaf.tensors] for leaf in leaves]
    return [Kept(plan.names[leaf.i], leaf.rule, Before(theta, g, tuple(slots)))
            for leaf, (theta, g, *slots) in zip(leaves, rows, strict=True)]  # fmt: skip


def _spread(x: Array, n: int) -> Array:
    return np.broadcast_to(x.astype(np.float64).reshape(-1), (n,))


def _batch(plan: _Plan, rows: Sequence[tuple[_Seen, Sums]]) -> Batch:
    """Put the leaves of one rule behind one another."""
    leaves = [leaf for leaf, _ in rows]
    counts = [len(leaf.index) for leaf in leaves]
    ends = np.cumsum(counts).tolist()
    parts = [Part(plan.names[x.i], end - n, end, x.index, plan.shapes[x.i])
             for x, n, end in zip(leaves, counts, ends, strict=True)]  # fmt: skip

    def joint(columns: Any) -> Array:
        return np.concatenate(list(columns))

    given = [leaf.before for leaf in leaves]
    slots = tuple(joint(x) for x in zip(*(b.slots for b in given), strict=True))
    sums = joined([answers for _, answers in rows], counts)
    before = Before(joint(b.theta for b in given), joint(b.g for b in given), slots, sums)
    after = [joint(column) for column in zip(*(leaf.after for leaf in leaves), strict=True)]
    return Batch(rows[0][0].rule, before, after, parts)
