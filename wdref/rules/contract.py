"""What a family says of itself: frozen records, and what is asked of a dialect.

A *family* is one recurrence with its open questions. A *dialect* is the family under one set of
answers: a frozen dataclass whose fields are the questions. All that the rest of wdref knows of a
rule it asks through these.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self, TypeVar, get_args

from ..sums import Rounds, alone
from . import decay
from .clip import NORMS, Scope, clipped_first, clipping_members, wider
from .decay import AnyForm, AnyOrder, Clip, Form, Hyper, Order, Reading
from .records import (
    NONE,
    Answers,
    Claim,
    Conversion,
    Family,
    Hyperparameter,
    Kept,
    Slot,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

Apply = Callable[[Any, Any, Sequence[Any], Any], tuple[Any, tuple[Any, ...]]]
Asking = Callable[[Any, Any, Sequence[Any], Any], Rounds]
# what a slot holds of a tensor: as many numbers, one, or one for each row or column; a vector is
# like the tensor, and kept where this has no rows. The one number of a rule that looks at the tree
# is the tree's: each tensor keeps it, and all make the same one of the same sums
Shape = Literal["like", "scalar", "row", "column", "vector"]
Sqrt = Callable[[Any], Any]


class Rule(Protocol):
    """What can be stepped: a dialect, or one with something other in it."""

    @property
    def family(self) -> str:
        """Name of the family."""

    @property
    def form(self) -> AnyForm:
        """Form of the decay."""

    @property
    def order(self) -> AnyOrder:
        """Whether the decay reads θ before the step or after it."""

    @property
    def schedule(self) -> Reading:
        """Which multiplier is read: of this step, or of the one before."""

    @property
    def clip(self) -> Clip:
        """Whether, and where, the gradient is clipped."""

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the state arrays."""

    @property
    def hyper(self) -> tuple[str, ...]:
        """Names of the hyperparameters that are read."""

    @property
    def apply(self) -> Apply:
        """The rule as a pure function of the arrays of one tensor."""

    @property
    def scope(self) -> Scope:
        """What the rule looks at: an element, its tensor, or the tree of all tensors."""

    @property
    def rounds(self) -> Asking:
        """The rule as a generator that asks for sums, where it looks at more than an element."""

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """What each slot holds of a tensor."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of what a step is given beside the gradient."""

    def due(self, h: Hyper, t: Any) -> Any:
        """Whether step `t` (from 1) reads its inputs."""

    def scalars(
        self, h: Hyper, t: int, eta: Any, *, before: Any = None, sqrt: Sqrt = math.sqrt
    ) -> Any:
        """Scalars of step `t` (from 1) under the multiplier `eta`; `before` is the last step's."""

    def starts(self, h: Hyper) -> tuple[Any, ...]:
        """Return the number that each slot begins with, or `wdref.rules.shapes.PARAMETERS`."""

    def recurrence(self) -> tuple[str, ...]:
        """Return the update rule in the paper's letters, one line a phase."""

    def questions(self) -> dict[str, tuple[Any, ...]]:
        """Return the allowed answers of every question, in order."""


def question(
    default: Any, *, lines: Mapping[Any, Any] = NONE, scalars: Mapping[Any, Any] = NONE
) -> Any:
    """Return the field of a question, whose default is the paper's answer.

    `lines` maps answers that only the host's scalars know to the answer whose lines they share,
    `scalars` those that only the lines know to the answer whose scalars they share: candidates
    that share either are computed together.
    """
    return field(default=default, metadata={"lines": lines, "scalars": scalars})


def form_question(default: Form) -> Any:
    """Return the question of the decay's form."""
    lines = dict.fromkeys(decay.DECOUPLED, "paper")
    return question(default, lines=lines, scalars={"masked": "lr"})


def order_question() -> Any:
    """Return the question of the decay's order."""
    return question("together", scalars={"after": "together"})


def schedule_question() -> Any:
    """Return the question of which multiplier is read."""
    return question("now", lines={"late": "now"})


@dataclass(frozen=True)
class Running:
    """A number of the host that goes along with t, as a product over the steps.

    It is `start` before step 1, and ``next(value, h, t)`` after step t, for any kind of number;
    `letter` and `words` are for people who read the rule: "Π ← Π μ_t".
    """

    name: str
    letter: str
    latex: str
    start: float
    next: Callable[[Any, Hyper, Any], Any]
    words: str


class Dialect:
    """A rule under one set of answers: the base of every family's dialect.

    A family gives `slots`, `hyper`, `scalars`, `apply` and `recurrence`, and the fields of its
    questions; the decay's `form` is one of them. The other questions here have these answers where
    a family does not ask them.
    """

    family: ClassVar[str]
    form: AnyForm
    order: AnyOrder = "together"
    schedule: Reading = "now"
    clip: Clip = "none"

    def __init_subclass__(cls, **options: Any) -> None:
        """Let every family's rule clip by a norm, before it reads the gradient."""
        super().__init_subclass__(**options)
        clipping_members(cls)

    def __post_init__(self) -> None:
        """A form that has one order is in that one; λ/α s θ is part of no norm."""
        order = decay.ORDERS.get(self.form, self.order)
        if order != self.order:
            object.__setattr__(self, "order", order)  # it is frozen
        if self.form == "scaled_l2" and self.clip in ("tree_sum", "tensor_sum"):
            object.__setattr__(self, "clip", self.clip.removesuffix("_sum"))

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the state arrays."""
        raise NotImplementedError

    @property
    def hyper(self) -> tuple[str, ...]:
        """Names of the hyperparameters that the dialect reads."""
        raise NotImplementedError

    @property
    def apply(self) -> Apply:
        """The rule as a pure function of the arrays of one tensor."""
        return partial(alone, self.rounds)

    @property
    def scope(self) -> Scope:
        """What the rule looks at: an element, its tensor, or the tree of all tensors."""
        return wider("element", self.clip)

    @property
    def rounds(self) -> Asking:
        """The rule as a generator that asks for sums, where it looks at more than an element."""
        if self.clip in NORMS:
            return partial(clipped_first, self)
        raise NotImplementedError

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """What each slot holds of a tensor: as many numbers, unless the family says otherwise."""
        like: Shape = "like"
        return (like,) * len(self.slots)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of what a step is given beside the gradient: nothing, unless the family says so.

        Arrays like the tensor, which the rule finds behind its slots; it returns the slots alone.
        """
        return ()

    def due(self, h: Hyper, t: Any) -> Any:
        """Whether step `t` (from 1) reads its inputs; where it does not, they may be 0."""
        return True

    def scalars(
        self, h: Hyper, t: int, eta: Any, *, before: Any = None, sqrt: Sqrt = math.sqrt
    ) -> Any:
        """Scalars of step `t` (from 1) under the multiplier `eta`; `before` is the last step's."""
        raise NotImplementedError

    def recurrence(self) -> tuple[str, ...]:
        """The update rule in the paper's letters, one line a phase."""
        raise NotImplementedError

    @property
    def running(self) -> tuple[Running, ...]:
        """The host's running products: none, unless the family says otherwise."""
        return ()

    def starts(self, h: Hyper) -> tuple[Any, ...]:
        """Return the number that each slot begins with: 0, unless the family says otherwise.

        One that begins as the parameters are says `wdref.rules.shapes.PARAMETERS`.
        """
        return (0.0,) * len(self.slots)

    def memory(self, h: Hyper, t: int) -> dict[str, Any]:
        """Return what the host remembers before step `t`, by name: see `running`.

        What `h` holds already is taken from there: who steps through t hands it on.
        """
        if all(r.name in h for r in self.running):
            return {r.name: h[r.name] for r in self.running}
        found = {r.name: r.start for r in self.running}
        for earlier in range(1, t) if self.running else ():
            found = self.remembered(found, h, earlier)
        return found

    def remembered(self, memory: Mapping[str, Any], h: Hyper, t: int) -> dict[str, Any]:
        """Return what the host remembers after step `t`."""
        return {r.name: r.next(memory[r.name], h, t) for r in self.running}

    def asked(self, values: Mapping[str, float]) -> dict[str, float]:
        """Return those of `values` that a case gives this dialect."""
        return {name: values[name] for name in self.hyper}

    def answered(self, **answers: Any) -> Self:
        """Return the dialect with `answers` in place of its own."""
        return _replaced(self, answers)

    # -- what the questions say -------------------------------------------------------------------

    @classmethod
    def questions(cls) -> dict[str, tuple[Any, ...]]:
        """Return the allowed answers of every question, in order."""
        return {f.name: (False, True) if f.type is bool else get_args(f.type) for f in _fields(cls)}

    def rule(self) -> Apply:
        """The rule with all its questions, also where the answers are the paper's."""
        return self.apply

    def structure(self) -> Self:
        """Return the plainest dialect with the same lines: only scalars differ from it."""
        return self._alike("lines")

    def scalar_key(self) -> Self:
        """Return the plainest dialect with the same scalars: only lines differ from it."""
        return self._alike("scalars")

    def _alike(self, kind: str) -> Self:
        own = {f.name: getattr(self, f.name) for f in _fields(self)}
        alike = {f.name: f.metadata[kind][own[f.name]] for f in _fields(self)
                 if own[f.name] in f.metadata.get(kind, {})}  # fmt: skip
        return _replaced(self, alike)

    def plain(self) -> Self:
        """Return the dialect that is the same function in the plainest words.

        A term in the gradient has no order; without one there is nothing that a clip could leave
        out. Families add what is one function in theirs.
        """
        change: dict[str, Any] = {}
        if self.order != "together" and self.form not in decay.DECOUPLED:
            change["order"] = "together"
        if self.clip.endswith("sum") and self.form not in decay.COUPLED:
            change["clip"] = "gradient" if self.clip == "sum" else self.clip.removesuffix("_sum")
        return _replaced(self, change)

    @classmethod
    def every(cls, *, clip: bool = False, twins: bool = False) -> "Iterator[Self]":
        """Yield each function once, in its plainest words; with `clip` those that clip g by value.

        With `twins` also what is the same function in other words.
        """
        by_value = ("sum", "gradient") if clip else ("none",)
        axes = {name: tuple(a for a in answers if name != "clip" or a in by_value)
                for name, answers in cls.questions().items()}  # fmt: skip
        if clip and "clip" not in axes:
            return
        for answers in product(*axes.values()):
            given = dict(zip(axes, answers, strict=True))
            found = cls(**given)
            same = all(getattr(found, name) == answer for name, answer in given.items())
            if same and (twins or found.plain() == found):
                yield found


D = TypeVar("D", bound=Dialect)


def _fields(dialect: Any) -> Any:
    return fields(dialect)


def _replaced(dialect: D, answers: Answers) -> D:
    """The dialect with other answers; the base is no dataclass, what is derived from it is."""
    own: Any = dialect
    found: D = replace(own, **answers) if answers else dialect
    return found


__all__ = ["Apply", "Claim", "Clip", "Conversion", "Dialect", "Family", "Form", "Hyper",
           "Hyperparameter", "Kept", "Order", "Reading", "Rule", "Running", "Scope", "Slot",
           "Sqrt"]  # fmt: skip
