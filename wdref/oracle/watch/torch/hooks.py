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

from ....engine.arithmetic import HALF
from ....rules.shapes import check_gradients_alone, scope_of
from ..name_whole import KEPT, Kept
from ..step import WIDTHS, Array, Rule, whole
from ..sums import Sums, check_watchable, sums_of
from ..tensors import dtype_of, gather, local, where_of
from ..watch import Departure, Hyper, Watch, clip_answer
from .groups import Group, Groups
from .leaves import Keys, Leaf, beginning, counters, suspicions
from .reading import Read, batch_of, filled, kept_whole, reads_of, where_in

CLAIMS = {"AdamW": "adamw", "Adam": "adam", "SGD": "sgd"}


@dataclass(frozen=True, eq=False)
class _Taken:
    """What the hook before a step took, or before the gradients were clipped."""

    step: int
    leaves: Sequence[Leaf]
    groups: Sequence[Group]
    arrays: Sequence[Array]
    sums: Mapping[str, Sums]
    tree: Sequence[Kept]
    scale: float
    skipped: bool
    beside: float | None


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
        clip: float | None = None,
        clip_by: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.optimizer = optimizer
        rule = None if claim else _rule_of(optimizer)
        self._claim = claim or (rule.dialect.family if rule else _claim_of(optimizer))
        self._groups = Groups(
            optimizer.param_groups, claim=self._claim, convention=convention, hyper=hyper,
            answers={**(answers or {}), **clip_answer(clip, clip_by)}, rule=rule, clip=clip,
        )  # fmt: skip
        base = self._groups.base
        check_gradients_alone(base, "a shadow of torch")
        check_watchable(base)
        keys = {name: name for name in base.slots} if rule and slots is None else slots
        self._keys = Keys.of(base, keys, counter)
        self._names = {id(p): name for name, p in names}
        self._first = 0  # t of the first step that was seen
        self._frame: FrameType | None = None
        self._taken: _Taken | None = None
        self._early: _Taken | None = None  # before gradients were clipped
        self._handles = [
            optimizer.register_step_pre_hook(self._pre),
            optimizer.register_step_post_hook(self._post),
        ]

    def close(self) -> None:
        """Take the hooks away; what was found stays."""
        while self._handles:
            self._handles.pop().remove()

    def unclipped(self, *, eps: float = 1e-6) -> None:
        """Take the gradients as they are now, before they are clipped for the next step.

        `eps` is added to their norm, as ``torch.nn.utils.clip_grad_norm_`` does. Without this call
        the gradients are those that `step` gets, from an optimizer that clips by itself.
        """
        if self._groups.base.clip == "none":
            raise ValueError('unclipped: this watch knows of no clip: clip=1.0, clip_by="tree"')
        inside = self._frame is not None and _runs(self._frame, sys._getframe(1))
        step = self.seen + (not inside)  # a closure is called by its step
        self._first = self._first or self._begin()
        if self._handles and (step - 1) % self.every == 0:
            self._early = self._take(step, eps)

    # -- hooks --------------------------------------------------------------------------------

    def _pre(self, optimizer: Any, args: Any, kwargs: Any) -> Any:
        caller = sys._getframe(1)
        if self._frame is not None and _runs(self._frame, caller):
            return None  # the step of a base class, inside the step that is watched
        self._frame, self._taken = caller, None
        self.seen += 1
        self._first = self._first or self._begin()
        if (self.seen - 1) % self.every:
            self._groups.remember(optimizer.param_groups, self._t(self.seen))
            return None
        closure = kwargs.get("closure") or (args[1] if len(args) > 1 else None)
        if closure is None:
            self._taken = self._take_now()
            return None
        watched = self._after(closure)  # the gradients come with it
        if "closure" in kwargs:
            return args, {**kwargs, "closure": watched}
        return (args[0], watched, *args[2:]), kwargs

    def _after(self, closure: Callable[[], Any]) -> Callable[[], Any]:
        def watched() -> Any:
            loss = closure()
            self._taken = self._take_now()
            return loss

        return watched

    def _post(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        if self._frame is not sys._getframe(1):
            return
        taken, self._frame, self._taken = self._taken, None, None
        if taken is not None:
            self._judge_step(taken)

    def _t(self, step: int) -> int:
        """The step that functions of t are asked for: calls, from where the training began."""
        return self._first + step - 1

    def _begin(self) -> int:
        counts = (state.get(self._keys.counter, 0) for state in self.optimizer.state.values())
        return self.first_step or 1 + max(map(int, counts), default=0)

    # -- before the step ----------------------------------------------------------------------

    def _take_now(self) -> _Taken:
        """What was taken before a clip, unless the step is skipped, or what is there now."""
        early, self._early = self._early, None
        if early is not None and early.step == self.seen and not self._skipped():
            return early
        return self._take(self.seen)

    def _skipped(self) -> bool:
        infinite = getattr(self.optimizer, "found_inf", None)
        return infinite is not None and bool(infinite)

    def _take(self, step: int, beside: float | None = None) -> _Taken:
        optimizer = self.optimizer
        scale, skipped = getattr(optimizer, "grad_scale", None), self._skipped()
        groups = self._groups.take(optimizer.param_groups, self._t(step))
        where = cache(lambda size: where_of(size, self.sample, step))
        leaves = []
        for i, group in enumerate(optimizer.param_groups):
            for j, p in enumerate(group["params"]):
                if self._can_judge(self._name(i, j, p), p):
                    leaves.append(self._leaf(self._name(i, j, p), p, i, groups[i], skipped, where))
        scale = 1.0 if scale is None else float(scale)
        with torch.no_grad():
            arrays = gather([pair for leaf in leaves for pair in self._given(leaf, groups)])
            taken = _Taken(step, leaves, groups, arrays, {}, (), scale, skipped, beside)
            return self._summed(taken)

    def _summed(self, taken: _Taken) -> _Taken:
        """Add the sums of whole tensors, for rules that look at more than an element."""
        groups = taken.groups
        rules = [(leaf, self._rule(leaf, taken)) for leaf in taken.leaves
                 if leaf.moves and scope_of(groups[leaf.group].dialect) != "element"]  # fmt: skip
        rows = [(leaf.name, rule, local(leaf.parameter).numel(),
                 self._reads(leaf, groups[leaf.group]))
                for leaf, rule in rules if rule is not None]  # fmt: skip
        few = sum(size * len(reads) for *_, size, reads in rows) <= KEPT
        tree = [kept_whole(*row) for row in rows] if few else []
        sums = sums_of([whole(*row) for _, *row in rows], chain=self.chain)
        named = {name: answers for (name, *_), answers in zip(rows, sums, strict=True)}
        return replace(taken, sums=named, tree=tree)

    def _reads(self, leaf: Leaf, group: Group) -> list[Read]:
        """Return what reads stretches of θ, g and the slots."""
        slots = self._keys.find(self._state(leaf.parameter), group.dialect)
        return reads_of(leaf, group, slots)

    def _name(self, i: int, j: int, p: Any) -> str:
        own = self.optimizer.param_groups[i].get("param_names") or {}
        return self._names.get(id(p)) or (own[j] if own else f"param_groups[{i}]['params'][{j}]")

    def _can_judge(self, name: str, p: Any) -> bool:
        if hasattr(p, "to_local") and scope_of(self._groups.base) != "element":
            raise ValueError(f"{name} is in shards (DTensor): a part of it tells no sum of it")
        sparse = p.grad is not None and p.grad.is_sparse
        if sparse or dtype_of(p) not in WIDTHS:
            self._check_sum(name, "its gradient is sparse" if sparse else f"it is {dtype_of(p)}")
        if sparse:
            self.note(f"{name}: its sparse gradient is not judged")
            return False
        return bool(local(p).numel())

    def _check_sum(self, name: str, why: str) -> None:
        """Refuse a sum over all tensors with one that is not judged."""
        if scope_of(self._groups.base) == "tree":
            raise ValueError(f"a sum over all tensors has {name}, which is not judged: {why}")

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
        return [(local(x), where_in(leaf, x)) for x in tensors]

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
                (local(x), where_in(leaf, x))
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
            theta, *slots = filled(leaf, group, old, leaf.slots)
            got = filled(leaf, group, new, self._exist(leaf, group))
            if g is None:
                others += self._resting(leaf, taken, (theta, *slots), got)
                continue
            rule = self._rule(leaf, taken)
            if rule is not None:
                given = theta, g, slots, taken.sums.get(leaf.name, ())
                rows[rule.key()].append((rule, leaf, given, got))
        batches = [replace(batch_of(row), tree=taken.tree) for row in rows.values()]
        self.judge(self.seen, batches, others)

    def _exist(self, leaf: Leaf, group: Group) -> tuple[bool, ...]:
        found = self._keys.find(self._state(leaf.parameter), group.dialect)
        return tuple(x is not None for x in found)

    def _rule(self, leaf: Leaf, taken: _Taken) -> Rule | None:
        group = taken.groups[leaf.group]
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
            scale=taken.scale,
            narrow=group.narrow,
            beside=taken.beside,
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


def _rule_of(optimizer: Any) -> Any:
    """The rule of a torch optimizer that is wdref's own."""
    known = any(cls.__module__ == "wdref.interchange.torch" for cls in type(optimizer).__mro__)
    return optimizer.rule if known else None


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
