"""The shadow of a torch optimizer: its step hooks, and what they read."""

import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from types import FrameType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..arithmetic import HALF, all_narrow
from ..conventions import dialect
from ..dialects import Dialect
from .shadow_step import WIDTHS, Array, Before, Rule
from .shadow_tensors import dtype_of, gather, local, where_of
from .shadow_watch import Batch, Departure, Part, Watch

CLAIMS = {"AdamW": "adamw", "Adam": "adam", "SGD": "sgd"}
SLOTS = {
    "adam": {"m": "exp_avg", "v": "exp_avg_sq", "v_max": "max_exp_avg_sq"},
    "sgd": {"m": "momentum_buffer"},
}


@dataclass(frozen=True, eq=False)
class _Leaf:
    """One parameter as a step begins: where it is looked at, and what its group says."""

    name: str
    parameter: Any
    index: NDArray[np.int64]
    where: Any  # the index as a tensor, None for the whole leaf
    group: int
    moves: bool
    count: int | None
    slots: tuple[bool, ...]  # which of them exist

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(local(self.parameter).shape)


@dataclass(frozen=True)
class _Group:
    """What a parameter group claims in this step."""

    dialect: Dialect
    hyper: Mapping[str, float]
    rate: float
    before: float | None
    initial: float
    sign: float
    narrow: tuple[str, ...]
    fused: bool


@dataclass(frozen=True, eq=False)
class _Taken:
    """What the hook before a step took."""

    leaves: Sequence[_Leaf]
    groups: Sequence[_Group]
    arrays: Sequence[Array]
    scale: float
    skipped: bool


class TorchWatch(Watch):
    """A watch on a ``torch.optim.Optimizer``; made by `wdref.oracle.shadow`."""

    def __init__(
        self,
        optimizer: Any,
        *,
        convention: str = "pytorch",
        claim: str | None = None,
        answers: Mapping[str, Any] | None = None,
        names: Iterable[tuple[str, Any]] = (),
        hyper: Mapping[str, float] | None = None,
        slots: Mapping[str, str] | None = None,
        counter: str = "step",
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.optimizer, self.convention, self.counter = optimizer, convention, counter
        self._answers, self._hyper, self._keys = answers or {}, hyper or {}, slots
        self._claim = claim or _claim_of(optimizer)
        dialect(self._claim, convention, **self._answers)  # an unknown one is told here
        self._names = {id(p): name for name, p in names}
        self._rates: dict[int, float] = {}
        self._initial: dict[int, float] = {}
        self._frame: FrameType | None = None
        self._taken: _Taken | None = None
        self._handles = [
            optimizer.register_step_pre_hook(self._pre),
            optimizer.register_step_post_hook(self._post),
        ]

    def close(self) -> None:
        """Take the hooks away; what was found stays."""
        for handle in self._handles:
            handle.remove()

    # -- hooks --------------------------------------------------------------------------------

    def _pre(self, optimizer: Any, args: Any, kwargs: Any) -> Any:
        caller = sys._getframe(1)
        if self._frame is not None and _runs(self._frame, caller):
            return None  # the step of a base class, inside the step that is watched
        self._frame, self._taken = caller, None
        self.seen += 1
        if (self.seen - 1) % self.every:
            self._remember_rates()
            return None
        closure = kwargs.get("closure") or (args[1] if len(args) > 1 else None)
        if closure is None:
            self._taken = self._take()
            return None
        watched = self._after(closure)  # the gradients come with it
        if "closure" in kwargs:
            return args, {**kwargs, "closure": watched}
        return (args[0], watched, *args[2:]), kwargs

    def _after(self, closure: Callable[[], Any]) -> Callable[[], Any]:
        def watched() -> Any:
            loss = closure()
            self._taken = self._take()
            return loss

        return watched

    def _post(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        if self._frame is not sys._getframe(1):
            return
        taken, self._frame, self._taken = self._taken, None, None
        if taken is not None:
            self._judge_step(taken)

    def _remember_rates(self) -> None:
        for i, group in enumerate(self.optimizer.param_groups):
            if not isinstance(group["lr"], torch.Tensor):  # which may wait for a device
                self._rates[i] = group["lr"]

    # -- before the step ----------------------------------------------------------------------

    @torch.no_grad()  # type: ignore[untyped-decorator]  # torch's types are not followed
    def _take(self) -> _Taken:
        optimizer = self.optimizer
        scale, found = (getattr(optimizer, name, None) for name in ("grad_scale", "found_inf"))
        skipped = found is not None and bool(found)
        groups = [self._group(i, group) for i, group in enumerate(optimizer.param_groups)]
        where = cache(lambda size: where_of(size, self.sample, self.seen))
        leaves = []
        for i, group in enumerate(optimizer.param_groups):
            for j, p in enumerate(group["params"]):
                if self._can_judge(self._name(i, j, p), p):
                    leaves.append(self._leaf(self._name(i, j, p), p, i, groups[i], skipped, where))
        arrays = gather([pair for leaf in leaves for pair in self._given(leaf, groups)])
        return _Taken(leaves, groups, arrays, 1.0 if scale is None else float(scale), skipped)

    def _name(self, i: int, j: int, p: Any) -> str:
        own = self.optimizer.param_groups[i].get("param_names") or {}
        return self._names.get(id(p)) or (own[j] if own else f"param_groups[{i}]['params'][{j}]")

    def _can_judge(self, name: str, p: Any) -> bool:
        if p.grad is not None and p.grad.is_sparse:
            self.note(f"{name}: its sparse gradient is not judged")
            return False
        return bool(local(p).numel())

    def _leaf(
        self, name: str, p: Any, i: int, group: _Group, skipped: bool, where: Callable[..., Any]
    ) -> _Leaf:
        state = self.optimizer.state.get(p, {})
        keys = self._slot_keys(group.dialect)
        exist = tuple(state.get(key) is not None for key in keys)
        moves = p.grad is not None and not skipped
        index, tensor = where(local(p).numel())
        if tensor is not None:
            tensor = tensor.to(p.device)
        return _Leaf(name, p, index, tensor, i, moves, self._steps_of(p, group, any(exist)), exist)

    def _slot_keys(self, d: Dialect) -> list[str]:
        keys = self._keys or SLOTS[d.family]
        return [keys[name] for name in d.slots]

    def _steps_of(self, p: Any, group: _Group, begun: bool) -> int | None:
        """Return the steps that the leaf's state has counted; momentum only knows whether any."""
        count = self.optimizer.state.get(p, {}).get(self.counter)
        if count is not None:
            return int(count)
        if group.dialect.family == "adam" and begun:
            raise ValueError(
                f"the optimizer's state has no {self.counter!r}: name its step counter, counter=..."
            )
        return 0 if group.dialect.family == "adam" else None

    def _given(self, leaf: _Leaf, groups: Sequence[_Group]) -> list[tuple[Any, Any]]:
        """Gradient where there is one, parameter, slots."""
        grad = [leaf.parameter.grad] if leaf.moves else []
        tensors = [*grad, leaf.parameter, *self._slots(leaf, groups)]
        return [(local(x), leaf.where) for x in tensors]

    def _slots(self, leaf: _Leaf, groups: Sequence[_Group], *, now: bool = False) -> list[Any]:
        """Return those slots that existed before the step, or that exist now."""
        state = self.optimizer.state.get(leaf.parameter, {})
        keys = self._slot_keys(groups[leaf.group].dialect)
        found = [state.get(key) for key in keys]
        if now:
            return [x for x in found if x is not None]
        return [x for x, there in zip(found, leaf.slots, strict=True) if there]

    def _group(self, i: int, group: Mapping[str, Any]) -> _Group:
        d = self._dialect(group)
        said = {**_hyper(group), **self._hyper}
        rate = float(said["learning_rate"])
        initial = self._initial.setdefault(i, float(group.get("initial_lr", rate)))
        before, self._rates[i] = self._rates.get(i), rate
        missing = [name for name in d.hyper if name not in said]
        if missing:
            raise ValueError(f"param_groups[{i}] has no {', '.join(missing)}: give hyper={{...}}")
        hyper = {name: float(said[name]) for name in d.hyper}
        on_device = group.get("capturable") or isinstance(group["lr"], torch.Tensor)
        narrow = all_narrow(hyper) if on_device else ()
        return _Group(d, hyper, rate, before, initial, -1.0 if group.get("maximize") else 1.0,
                      narrow, bool(group.get("fused")))  # fmt: skip

    def _dialect(self, group: Mapping[str, Any]) -> Dialect:
        claim = self._claim
        if claim == "adam" and group.get("decoupled_weight_decay"):
            claim = "adamw"  # as torch's Adam says of itself
        d: Any = dialect(claim, self.convention)
        if d.family == "adam" and group.get("amsgrad"):
            d = replace(d, amsgrad="raw")
        if d.family == "sgd":
            d = replace(d, nesterov=bool(group.get("nesterov")))
            if not group.get("momentum"):
                d = replace(d, buffer=False, damping="none", first="damped", nesterov=False)
        found: Dialect = replace(d, **self._answers) if self._answers else d
        return found

    # -- after it -----------------------------------------------------------------------------

    @torch.no_grad()  # type: ignore[untyped-decorator]  # torch's types are not followed
    def _judge_step(self, taken: _Taken) -> None:
        after = gather(
            [
                (local(x), leaf.where)
                for leaf in taken.leaves
                for x in (leaf.parameter, *self._slots(leaf, taken.groups, now=True))
            ]
        )
        old, new = iter(taken.arrays), iter(after)
        others = self._counters(taken)
        rows: dict[Any, list[Any]] = defaultdict(list)
        for leaf in taken.leaves:
            group = taken.groups[leaf.group]
            g = next(old) * group.sign if leaf.moves else None
            theta, *slots = self._filled(leaf, old, leaf.slots)
            got = self._filled(leaf, new, self._exist(leaf, group))
            if g is None:
                others += self._resting(leaf, taken, (theta, *slots), got)
                continue
            rule = self._rule(leaf, group, taken.scale)
            if rule is not None:
                rows[rule.key()].append((rule, leaf, (theta, g, slots), got))
        self.judge(self.seen, [_batch(row) for row in rows.values()], others)

    def _exist(self, leaf: _Leaf, group: _Group) -> tuple[bool, ...]:
        state = self.optimizer.state.get(leaf.parameter, {})
        return tuple(state.get(key) is not None for key in self._slot_keys(group.dialect))

    @staticmethod
    def _filled(leaf: _Leaf, arrays: Any, exist: Sequence[bool]) -> list[Array]:
        """Parameters and slots; a slot that is not there yet is 0."""
        theta = next(arrays)
        return [theta, *(next(arrays) if there else np.zeros_like(theta) for there in exist)]

    def _rule(self, leaf: _Leaf, group: _Group, scale: float) -> Rule | None:
        slots = self._slots(leaf, [group] * (leaf.group + 1), now=True)
        dtypes = [dtype_of(x) for x in (leaf.parameter, *slots)]
        dtypes += dtypes[:1] * (1 + len(group.dialect.slots) - len(dtypes))
        if set(dtypes) - set(WIDTHS):
            self.note(f"{leaf.name}: {', '.join(sorted(set(dtypes) - set(WIDTHS)))} is not judged")
            return None
        begun = 2 if any(leaf.slots) else 1  # of momentum only the first step differs
        t = begun if leaf.count is None else leaf.count + 1
        half = set(dtypes) <= set(HALF)
        rule = Rule(
            group.dialect,
            group.hyper,
            t,
            tuple(dtypes),
            scale=scale,
            narrow=group.narrow,
            compute="float32" if half and group.fused else "",  # as its kernels do
        )
        return rule.at(group.rate, before=group.before, initial=group.initial)

    def _resting(
        self, leaf: _Leaf, taken: _Taken, before: Sequence[Array], after: Sequence[Array]
    ) -> list[Departure]:
        """Without a gradient, or when a scaler found an infinity, nothing may move."""
        self.leaves.add(leaf.name)
        why = "the step was to be skipped" if taken.skipped else "it has no gradient"
        names = ("parameters", *taken.groups[leaf.group].dialect.slots)
        for name, old, new in zip(names, before, after, strict=True):
            moved = ~((old == new) | (np.isnan(old) & np.isnan(new)))
            if np.any(moved):
                i = int(np.argmax(moved))
                place = tuple(int(x) for x in np.unravel_index(leaf.index[i], leaf.shape))
                numbers = float(new[i]), float(old[i]), leaf.count or 0
                share = int(moved.sum()), len(moved), f"it moved though {why}"
                return [Departure(leaf.name, self.seen, place, np.inf, name, *numbers, *share)]
        return []

    def _counters(self, taken: _Taken) -> list[Departure]:
        """Return the leaves whose step counter did not go up by one, or by none at rest."""
        found = []
        owners: dict[int, list[str]] = defaultdict(list)
        for leaf in taken.leaves:
            owners[id(self._counter(leaf))].append(leaf.name)
        for leaf in taken.leaves:
            count = self._counter(leaf)
            if leaf.count is None or count is None:
                continue
            want, got = leaf.count + leaf.moves, float(count)
            if got != want:
                shared = [x for x in owners[id(count)] if x != leaf.name]
                words = f"counter shared with {', '.join(shared)}" if shared else ""
                found.append(Departure(leaf.name, self.seen, (), np.inf, "step counter", got,
                                       float(want), want, 1, 1, words))  # fmt: skip
        return found

    def _counter(self, leaf: _Leaf) -> Any:
        return self.optimizer.state.get(leaf.parameter, {}).get(self.counter)


def _claim_of(optimizer: Any) -> str:
    for cls in type(optimizer).__mro__:
        if cls.__module__.startswith("torch.optim") and cls.__name__ in CLAIMS:
            return CLAIMS[cls.__name__]
    raise ValueError(
        f"{type(optimizer).__name__} is none of torch's {', '.join(CLAIMS)}: say what it claims to "
        'be, claim="adamw"'
    )


def _runs(frame: FrameType, caller: FrameType) -> bool:
    """Whether `frame` is still running, up from `caller`."""
    up: FrameType | None = caller
    while up is not None and up is not frame:
        up = up.f_back
    return up is frame


def _hyper(group: Mapping[str, Any]) -> dict[str, Any]:
    """The group's hyperparameters in wdref's words."""
    words = {"lr": "learning_rate", "eps": "eps", "weight_decay": "weight_decay"}
    words |= {"momentum": "momentum", "dampening": "dampening"}
    said = {word: group[name] for name, word in words.items() if name in group}
    if "betas" in group:
        said["beta1"], said["beta2"] = group["betas"]
    return said


def _batch(rows: Sequence[tuple[Rule, _Leaf, Any, Sequence[Array]]]) -> Batch:
    """Put the leaves of one rule behind one another."""
    ends = np.cumsum([len(leaf.index) for _, leaf, *_ in rows]).tolist()
    parts = [
        Part(leaf.name, end - len(leaf.index), end, leaf.index, leaf.shape)
        for (_, leaf, *_), end in zip(rows, ends, strict=True)
    ]
    theta, g = (np.concatenate([given[i] for *_, given, _ in rows]) for i in (0, 1))
    slots = tuple(
        np.concatenate(column) for column in zip(*(given[2] for *_, given, _ in rows), strict=True)
    )
    after = [np.concatenate(column) for column in zip(*(row[3] for row in rows), strict=True)]
    return Batch(rows[0][0], Before(theta, g, slots), after, parts)
