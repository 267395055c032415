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

from ...conventions import dialect
from ...engine.arithmetic import HALF
from ...rules.shapes import check_gradients_alone
from .groups import Group, Groups
from .leaves import Keys, Leaf, beginning, counters, suspicions
from .step import WIDTHS, Array, Before, Rule
from .tensors import dtype_of, gather, local, where_of
from .watch import Batch, Departure, Hyper, Part, Watch

CLAIMS = {"AdamW": "adamw", "Adam": "adam", "SGD": "sgd"}


@dataclass(frozen=True, eq=False)
class _Taken:
    """What the hook before a step took."""

    leaves: Sequence[Leaf]
    groups: Sequence[Group]
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
        hyper: Hyper | Sequence[Hyper] | None = None,
        slots: Mapping[str, str] | None = None,
        counter: str = "step",
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.optimizer = optimizer
        self._claim = claim or _claim_of(optimizer)
        base = dialect(self._claim, convention, **(answers or {}))
        check_gradients_alone(base, "a shadow of torch")
        self._keys = Keys.of(base.family, slots, counter)
        self._names = {id(p): name for name, p in names}
        self._groups = Groups(
            optimizer.param_groups, claim=self._claim, convention=convention,
            answers=answers or {}, hyper=hyper,
        )  # fmt: skip
        self._first = 0  # t of the first step that was seen
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
        self._first = self._first or self._begin()
        if (self.seen - 1) % self.every:
            self._groups.remember(optimizer.param_groups, self._t)
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

    @property
    def _t(self) -> int:
        """The step that functions of t are asked for: calls, from where the training began."""
        return self._first + self.seen - 1

    def _begin(self) -> int:
        counts = (state.get(self._keys.counter, 0) for state in self.optimizer.state.values())
        return self.first_step or 1 + max(map(int, counts), default=0)

    # -- before the step ----------------------------------------------------------------------

    @torch.no_grad()  # type: ignore[untyped-decorator]  # torch's types are not followed
    def _take(self) -> _Taken:
        optimizer = self.optimizer
        scale, found = (getattr(optimizer, name, None) for name in ("grad_scale", "found_inf"))
        skipped = found is not None and bool(found)
        groups = self._groups.take(optimizer.param_groups, self._t)
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
        self, name: str, p: Any, i: int, group: Group, skipped: bool, where: Callable[..., Any]
    ) -> Leaf:
        state, d = self._state(p), group.dialect
        exist = tuple(x is not None for x in self._keys.find(state, d))
        moves = p.grad is not None and not skipped
        index, tensor = where(local(p).numel())
        if tensor is not None:
            tensor = tensor.to(p.device)
        return Leaf(name, p, index, tensor, i, moves, self._keys.steps(state, d), exist)

    def _state(self, p: Any) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.optimizer.state.get(p, {})
        return found

    def _given(self, leaf: Leaf, groups: Sequence[Group]) -> list[tuple[Any, Any]]:
        """Gradient where there is one, parameter, slots."""
        grad = [leaf.parameter.grad] if leaf.moves else []
        tensors = [*grad, leaf.parameter, *self._slots(leaf, groups)]
        return [(local(x), leaf.where) for x in tensors]

    def _slots(self, leaf: Leaf, groups: Sequence[Group], *, now: bool = False) -> list[Any]:
        """Return those slots that existed before the step, or that exist now."""
        found = self._keys.find(self._state(leaf.parameter), groups[leaf.group].dialect)
        if now:
            return [x for x in found if x is not None]
        return [x for x, there in zip(found, leaf.slots, strict=True) if there]

    # -- after it -----------------------------------------------------------------------------

    @torch.no_grad()  # type: ignore[untyped-decorator]  # torch's types are not followed
    def _judge_step(self, taken: _Taken) -> None:
        states = [self._state(leaf.parameter) for leaf in taken.leaves]
        for leaf, state in zip(taken.leaves, states, strict=True):
            if leaf.moves:
                shape = tuple(leaf.parameter.shape)
                self._keys.check(leaf.name, state, taken.groups[leaf.group].dialect, shape)
        after = gather(
            [
                (local(x), leaf.where)
                for leaf in taken.leaves
                for x in (leaf.parameter, *self._slots(leaf, taken.groups, now=True))
            ]
        )
        old, new = iter(taken.arrays), iter(after)
        counts = [state.get(self._keys.counter) for state in states]
        others = counters(list(zip(taken.leaves, counts, strict=True)), self.seen)
        if self.watched == 0:
            moving = [leaf for leaf in taken.leaves if leaf.moves and leaf.slots]
            others += beginning(moving, self.first_step, self.seen)
            for text in suspicions(moving, taken.groups) if self.first_step is None else ():
                self.note(text)
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

    def _exist(self, leaf: Leaf, group: Group) -> tuple[bool, ...]:
        found = self._keys.find(self._state(leaf.parameter), group.dialect)
        return tuple(x is not None for x in found)

    @staticmethod
    def _filled(leaf: Leaf, arrays: Any, exist: Sequence[bool]) -> list[Array]:
        """Parameters and slots; a slot that is not there yet is 0."""
        theta = next(arrays)
        return [theta, *(next(arrays) if there else np.zeros_like(theta) for there in exist)]

    def _rule(self, leaf: Leaf, group: Group, scale: float) -> Rule | None:
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
        asked = _at(rule, group, group.hyper)
        return (
            asked if group.own == group.hyper else replace(asked, other=_at(rule, group, group.own))
        )

    def _resting(
        self, leaf: Leaf, taken: _Taken, before: Sequence[Array], after: Sequence[Array]
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


def _at(rule: Rule, group: Group, hyper: Mapping[str, float]) -> Rule:
    rate = hyper["learning_rate"]
    return replace(rule, hyper=hyper).at(rate, before=group.before, initial=group.initial)


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


def _batch(rows: Sequence[tuple[Rule, Leaf, Any, Sequence[Array]]]) -> Batch:
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
