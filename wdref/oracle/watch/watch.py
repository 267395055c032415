"""A watch over a training: judges the steps that a framework's file hands it, and remembers.

The first departure of each leaf is kept; what comes after it is counted. A leaf that has departed
is judged on from its own state, so that one fault does not spread over the report.
"""

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ...backend import load
from ...common.checks import check_count, check_number
from ..judge.verdict import LIMIT
from .name import closest
from .name_whole import Kept, Tree
from .step import Array, Before, Certified, Rule, certify
from .sums import CHAIN

Action = Literal["raise", "warn", "collect"]
Hyper = Mapping[str, Any]  # numbers, or functions of t
KNOWN = ("learning_rate", "beta1", "beta2", "eps", "momentum", "dampening", "weight_decay", "clip")
NAMED = 16  # departures for which a name is searched: that takes a tenth of a second


@dataclass(frozen=True)
class Departure:
    """A step that left its rule: where, by how much, and what it looks like.

    `step` counts the calls that the watch has seen, from 1; `t` is the leaf's own count. `array` is
    ``parameters``, a slot (``m``, ``v``, …) or ``step counter``. `ratio` is |got - exact| over what
    correct rounding allows; of `sampled` coordinates `departed` are beyond the limit.
    """

    leaf: str
    step: int
    coordinate: tuple[int, ...]
    ratio: float
    array: str
    got: float
    expected: float
    t: int
    departed: int
    sampled: int
    closest: str = ""

    def __str__(self) -> str:
        """One line: where, what came, what should have come, and what it is."""
        at = f"[{', '.join(map(str, self.coordinate))}]" if self.coordinate else ""
        share = f"{self.departed} of {self.sampled} coordinates" if self.coordinate else ""
        text = (
            f"step {self.step}: {self.leaf}{at}, {self.array}: got {self.got!r}, expected "
            f"{self.expected!r}, ratio {self.ratio:.3g}"
        )
        return "; ".join(filter(None, (text, share, self.closest)))


class DepartureError(Exception):
    """Raised at the first departure with ``on_departure="raise"``; ``departure`` is its record."""

    def __init__(self, departure: Departure) -> None:
        super().__init__(str(departure))
        self.departure = departure


class DepartureWarning(UserWarning):
    """Warned of once a leaf with ``on_departure="warn"``."""


class Part(NamedTuple):
    """One leaf's place in a batch, and where its coordinates are in the leaf."""

    leaf: str
    start: int
    stop: int
    places: NDArray[np.int64]
    shape: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Batch:
    """Coordinates of several leaves that one rule moves; `after`: parameters, then slots."""

    rule: Rule
    before: Before
    after: Sequence[Array | None]
    parts: Sequence[Part]
    tree: Sequence[Kept] = ()  # all tensors of the step, whole, where they are kept


def check_names(hyper: Hyper, more: Sequence[str] = ()) -> Hyper:
    """Refuse a name that no rule has; `more` are those of the rule that is watched."""
    known = tuple(dict.fromkeys((*KNOWN, *more)))
    unknown = ", ".join(str(name) for name in hyper if name not in known)
    if unknown:
        raise ValueError(f"hyper has {unknown}: wdref's words are {', '.join(known)}")
    return hyper


def clip_answer(clip: float | None, clip_by: str | None) -> dict[str, str]:
    """Return the answer of a dialect that clips its gradient, as the optimizers' own options."""
    if clip is None:
        if clip_by is not None:
            raise ValueError(f"clip_by={clip_by!r} without a bound: give clip=1.0 too")
        return {}
    check_number("clip", clip, above=0.0)
    return {"clip": clip_by or "sum"}


def sampled(size: int, sample: int, step: Any) -> Any:
    """Return up to `sample` indices below `size`: first, last, and one of each stretch between.

    Which one changes from step to step, so that a training sees many more than `sample`. `step` may
    be one that only a device knows.

    >>> sampled(5, 8, step=1).tolist()
    [0, 1, 2, 3, 4]
    >>> [sampled(1000, 5, step).tolist() for step in (1, 2)]
    [[0, 101, 594, 761, 999], [0, 52, 521, 688, 999]]
    """
    if size <= sample:
        return np.arange(size)
    k = np.arange(sample - 1, dtype=np.int64) if sample > 2 else np.arange(1)
    edges = np.append(1 + k[:-1] * (size - 2) // max(len(k) - 1, 1), size - 1)
    start = np.concatenate([[0], edges])[:sample]
    length = np.concatenate([[1], np.diff(edges), [1]])[:sample]
    # reduced before they are multiplied: a device may count in 32 bits
    return start + (step % 65536 * 7919 + np.arange(len(start)) * 104729 % length) % length


@dataclass(eq=False)
class Watch:
    """What was seen so far: ``departures``, ``worst_ratio``, counts; `report` puts it in words."""

    sample: int = 1000
    every: int = 1
    on_departure: Action = "warn"
    limit: float = LIMIT
    first_step: int | None = None  # t of the first step that is seen
    chain: int = CHAIN  # additions in the longest chain of a sum
    departures: list[Departure] = field(default_factory=list)
    repeated: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    seen: int = 0  # steps of the training
    watched: int = 0  # those that were judged
    judged: int = 0  # values
    undecided: int = 0  # values of which nothing is certified
    worst_ratio: float = 0.0
    leaves: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.sample = check_count("sample", self.sample)
        self.every = check_count("every", self.every)
        self.chain = check_count("chain", self.chain)
        self.limit = check_number("limit", self.limit, above=0.0)
        if self.first_step is not None:
            self.first_step = check_count("first_step", self.first_step)
        if self.on_departure not in ("raise", "warn", "collect"):
            raise ValueError(
                f"on_departure={self.on_departure!r}: expected 'raise', 'warn' or 'collect'"
            )
        try:
            load("exact")  # now, not in the first step of a training
        except ImportError as error:
            raise ImportError(
                "a shadow needs ball arithmetic: pip install 'wdref[oracle]'"
            ) from error

    # -- use ----------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the watch; what it found stays."""

    @property
    def first(self) -> Departure | None:
        """The first departure."""
        return self.departures[0] if self.departures else None

    def report(self) -> str:
        """Say what was watched, and each leaf's first departure."""
        head = (
            f"{self.watched} of {self.seen} steps watched, {len(self.leaves)} leaves, "
            f"{self.judged} values, worst ratio {self.worst_ratio:.3g} (limit {self.limit:g})"
        )
        lines = [f"{d}{self._again(d)}" for d in self.departures] or ["nothing departs"]
        if self.undecided:
            lines.append(f"undecided: {self.undecided} values, of which nothing is certified")
        return "\n".join([head, *lines, *self.notes])

    def _again(self, d: Departure) -> str:
        times = self.repeated[d.leaf]
        return f"; again in {times} later steps" if times else ""

    def note(self, text: str) -> None:
        """Remember what could not be judged, once."""
        if text not in self.notes:
            self.notes.append(text)

    # -- judgement ----------------------------------------------------------------------------

    def judge(self, step: int, batches: Sequence[Batch], others: Sequence[Departure] = ()) -> None:
        """Judge the batches of one step; `others` are departures that needed no rule."""
        self.watched += 1
        counts = {batch.rule.t for batch in batches}
        found = [d for batch in batches for d in self._judge(step, batch, counts)]
        why = {d.leaf: d.closest for d in others if d.closest}
        found = [_with(d, why.get(d.leaf, "")) for d in found]
        # what moved wrongly is told before a counter that merely stands wrong
        self._keep(step, [*sorted(found, key=lambda d: d.array != "parameters"), *others])

    def _judge(self, step: int, batch: Batch, counts: set[int]) -> list[Departure]:
        certified = certify(batch.rule, batch.before)
        names = ("parameters", *batch.rule.dialect.slots)
        rows = [(name, c, got, c.ratio(got))
                for name, c, got in zip(names, certified, batch.after, strict=True)
                if got is not None]  # fmt: skip
        self.leaves.update(part.leaf for part in batch.parts)
        worst = self._count([ratio for *_, ratio in rows])
        if not worst > self.limit:
            self.worst_ratio = max(self.worst_ratio, worst)
            return []
        found = []
        for part in batch.parts:
            cut = slice(part.start, part.stop)
            mine = [(name, c, got, ratio[cut]) for name, c, got, ratio in rows]
            over = [row for row in mine if np.any(row[3] > self.limit)]
            self.worst_ratio = max(self.worst_ratio, *(_worst(row[3]) for row in mine))
            if over:
                found.append(self._departure(step, batch, part, over[0], certified, counts))
        return found

    def _count(self, ratios: Sequence[Array]) -> float:
        self.judged += sum(r.size for r in ratios)
        self.undecided += sum(int(np.isnan(r).sum()) for r in ratios)
        return max(map(_worst, ratios))

    def _departure(
        self,
        step: int,
        batch: Batch,
        part: Part,
        row: tuple[str, Certified, Array, Array],
        certified: Sequence[Certified],
        counts: set[int],
    ) -> Departure:
        name, c, got, ratio = row
        i = int(np.nanargmax(ratio))
        place = part.start + i
        new = part.leaf not in {d.leaf for d in self.departures}
        named = new and len(self.departures) < NAMED
        return Departure(
            part.leaf,
            step,
            tuple(int(x) for x in np.unravel_index(part.places[i], part.shape)),
            float(ratio[i]),
            name,
            float(got[place]),
            float(c.high[place]),
            batch.rule.t,
            int(np.sum(ratio > self.limit)),
            len(ratio),
            _named(batch, part, certified, counts) if named else "",
        )

    def _keep(self, step: int, found: Sequence[Departure]) -> None:
        known = {d.leaf for d in self.departures}
        again = {d.leaf for d in found if d.leaf in known}
        self.repeated.update(again)
        new = {d.leaf: d for d in reversed(found) if d.leaf not in known}  # the first of each leaf
        ordered = [d for d in found if new.get(d.leaf) is d]
        self.departures += ordered
        if ordered and self.on_departure == "raise":
            raise DepartureError(ordered[0])
        if self.on_departure == "warn":
            for d in ordered:
                warnings.warn(str(d), DepartureWarning, stacklevel=2)


def _with(d: Departure, reason: str) -> Departure:
    return replace(d, closest="; ".join(filter(None, (d.closest, reason))))


def _worst(ratio: Array) -> float:
    return float(np.nanmax(ratio)) if np.any(~np.isnan(ratio)) else 0.0


def _named(batch: Batch, part: Part, certified: Sequence[Certified], counts: set[int]) -> str:
    cut = slice(part.start, part.stop)
    before = batch.before.at(cut)
    places = [i for i, kept in enumerate(batch.tree) if kept.name == part.leaf]
    tree = Tree(batch.tree, places[0], part.places) if places else None
    after = [None if x is None else x[cut] for x in batch.after]
    mine = [Certified(c.high[cut], c.error[cut], c.radius[cut]) for c in certified]
    return closest(batch.rule, before, after, mine, counts=counts, tree=tree)
