"""One parameter as a step begins, where its state is kept, and where its t should be."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....rules.contract import Dialect
from ..tensors import local
from ..watch import Departure
from .groups import Group

State = Mapping[str, Any]
SLOTS = {
    "adam": {"m": "exp_avg", "v": "exp_avg_sq", "v_max": "max_exp_avg_sq"},
    "sgd": {"m": "momentum_buffer"},
}


@dataclass(frozen=True, eq=False)
class Leaf:
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
        """Shape of the part on this machine."""
        return tuple(local(self.parameter).shape)


@dataclass(frozen=True, eq=False)
class Keys:
    """Where an optimizer keeps the slots of a rule, and its counter."""

    slots: Mapping[str, str]
    counter: str

    @staticmethod
    def of(d: Dialect, slots: Mapping[str, str] | None, counter: str) -> "Keys":
        """Return torch's own, or those of another optimizer."""
        known = SLOTS.get(d.family) or {name: name for name in d.slots}
        if slots is None and d.slots and d.family not in SLOTS:
            where = ", ".join(f"{name!r}: …" for name in d.slots)
            raise ValueError(
                f"{d.family} is not torch's: say where the optimizer's state has "
                f"{', '.join(d.slots)}, slots={{{where}}}"
            )
        unknown = ", ".join(str(name) for name in slots or {} if name not in known)
        if unknown:
            raise ValueError(f"slots has {unknown}: expected {', '.join(known)} and their keys")
        return Keys(slots or known, counter)

    def find(self, state: State, d: Dialect) -> list[Any]:
        """Return the slots that a rule has, None for those that are not there."""
        absent = ", ".join(name for name in d.slots if name not in self.slots)
        if absent:
            raise ValueError(f"slots lacks {absent}: say where the optimizer's state has it")
        return [state.get(self.slots[name]) for name in d.slots]

    def steps(self, state: State, d: Dialect) -> int | None:
        """Return the steps that a state has counted; momentum only knows whether any."""
        count = state.get(self.counter)
        if count is not None:
            return int(count)
        counts = d.family == "adam" or reads_t(d)
        if counts and any(x is not None for x in self.find(state, d)):
            raise ValueError(
                f"the optimizer's state has no {self.counter!r}: name its step counter, counter=..."
            )
        return 0 if counts else None

    def check(self, name: str, state: State, d: Dialect, shape: tuple[int, ...]) -> None:
        """Refuse a state, after a step, whose slots are elsewhere than where they are sought."""
        keys = {slot: self.slots[slot] for slot in d.slots}
        absent = [key for key in keys.values() if state.get(key) is None]
        rest = (x for key, x in state.items() if key not in keys.values())
        if absent and any(tuple(getattr(x, "shape", ())) == shape for x in rest):
            wanted = ", ".join(f"{slot!r}: …" for slot in keys)
            raise ValueError(
                f"{name}: the optimizer's state has {', '.join(map(str, state))} and no "
                f"{', '.join(absent)}: say where {', '.join(keys)} are, slots={{{wanted}}}"
            )


@cache
def reads_t(d: Dialect) -> bool:
    """Whether the scalars of a rule change from its second step on."""
    hyper: dict[str, Any] = dict.fromkeys(d.hyper, 0.5)
    second, third = (d.scalars({**hyper, **d.memory(hyper, t)}, t, 1.0) for t in (2, 3))
    return bool(second != third)


def beginning(leaves: Sequence[Leaf], first: int | None, step: int) -> list[Departure]:
    """Return where the first step that is seen is not t = `first`: one departure for all leaves.

    `leaves` are those that move and have slots.
    """
    wrong = [leaf for leaf in leaves if first is not None and _begins(leaf, first) != first]
    if not wrong or first is None:
        return []
    t = _begins(wrong[0], first)
    why = "its state is fresh" if _is_fresh(wrong[0]) else f"t begins at {t}, not {first}"
    why += f", so are {len(wrong) - 1} others'" if len(wrong) > 1 else ""
    numbers = float(t - 1), float(first - 1), t - 1, 1, 1
    return [Departure(wrong[0].name, step, (), np.inf, "step counter", *numbers, why)]


def suspicions(leaves: Sequence[Leaf], groups: Sequence[Group]) -> list[str]:
    """Return what looks like a state that was not loaded, where nobody says what t should be."""
    fresh = [leaf for leaf in leaves if _is_fresh(leaf)]
    names = ", ".join(leaf.name for leaf in fresh[:3]) + (", …" if len(fresh) > 3 else "")
    t = 1 + max((leaf.count or 0 for leaf in leaves), default=0)
    if fresh and len(fresh) < len(leaves):
        at = f" at t={t}" if t > 1 else ""
        return [f"{names}: a fresh state, while others are{at or ' not'}"]
    changed = [groups[leaf.group] for leaf in fresh]
    for rate, start in ((g.hyper["learning_rate"], g.initial) for g in changed):
        if rate != start:
            return [f"{names}: a fresh state at a rate of {rate:g}, of {start:g} at the start: a "
                    "warm-up, or a state that was not loaded; first_step=… says which"]  # fmt: skip
    return []


def _is_fresh(leaf: Leaf) -> bool:
    return not leaf.count and not any(leaf.slots)


def _begins(leaf: Leaf, first: int) -> int:
    """The t of a leaf's next step; without a counter, 1 or what it should be."""
    if leaf.count is not None:
        return leaf.count + 1
    return first if any(leaf.slots) else 1


def counters(rows: Sequence[tuple[Leaf, Any]], step: int) -> list[Departure]:
    """Return the leaves whose step counter did not go up by one, or by none at rest.

    `rows` are leaves with their counters after the step.
    """
    found = []
    owners: dict[int, list[str]] = defaultdict(list)
    for leaf, count in rows:
        owners[id(count)].append(leaf.name)
    for leaf, count in rows:
        if leaf.count is None or count is None:
            continue
        want, got = leaf.count + leaf.moves, float(count)
        if got != want:
            shared = [x for x in owners[id(count)] if x != leaf.name]
            words = f"counter shared with {', '.join(shared)}" if shared else ""
            numbers = got, float(want), want, 1, 1
            found.append(Departure(leaf.name, step, (), np.inf, "step counter", *numbers, words))
    return found
