"""Mutants: how a wrong rule is made from a right one.

A mutant is a dialect that it claims to be and a rule that it computes: another dialect, or the
dialect *twisted* by a function of its scalars, of its step or of the schedule
(`wdref.oracle.bugs.twists`). `wdref.oracle.bugs.gallery` lists them.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from inspect import isgenerator
from typing import Any

from ...rules.contract import Apply, Dialect, Hyper
from ...sums import Rounds, alone
from ..cases.case import Array

Twist = Callable[[Any, Hyper, int], Any]  # (scalars, hyper, t) -> scalars


@dataclass(frozen=True)
class Formulas:
    """A twist: scalars by formulas in the scalars, h and t, as the tables of bugs write them."""

    formulas: tuple[tuple[str, str], ...]

    def __call__(self, s: Any, h: Hyper, t: int) -> Any:
        """Return the scalars with these in place of their own; what is absent stays so."""
        names = {**s._asdict(), "h": h, "t": t, "min": min, "max": max}
        new = {name: eval(text, {"__builtins__": {}}, names)
               for name, text in self.formulas if getattr(s, name) is not None}  # fmt: skip
        return s._replace(**new)


@dataclass(frozen=True)
class Twisted:
    """A dialect with one thing other: its scalars, its step, or the multipliers that it reads."""

    base: Dialect
    words: str
    twist: Twist | None = None
    step: Callable[..., Any] | None = None  # (base, theta, g, slots, s) -> (theta, slots)
    reads: Callable[[Array], Array] | None = None  # (η of all steps) -> what it takes for them

    @property
    def twists(self) -> tuple[Any, ...]:
        """What is other, whatever the base."""
        return self.twist, self.step, self.reads

    @property
    def family(self) -> str:
        """Family of the base."""
        return self.base.family

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the state arrays."""
        return self.base.slots

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of what a step is given beside the gradient."""
        return self.base.inputs

    def due(self, h: Hyper, t: Any) -> Any:
        """Whether step `t` reads its inputs."""
        return self.base.due(h, t)

    @property
    def shapes(self) -> tuple[Any, ...]:
        """What each slot holds of a tensor."""
        return self.base.shapes

    @property
    def scope(self) -> Any:
        """What the rule looks at; a step of its own is one of a tensor."""
        return (
            "tensor" if self.step is not None and self.base.scope != "element" else self.base.scope
        )

    @property
    def rounds(self) -> Any:
        """The rule as a generator that asks for sums."""
        return self.base.rounds if self.step is None else partial(_asking, self.step, self.base)

    @property
    def hyper(self) -> tuple[str, ...]:
        """Names of the hyperparameters."""
        return self.base.hyper

    @property
    def schedule(self) -> Any:
        """Which multiplier is read: of this step, or of the one before."""
        return self.base.schedule

    @property
    def clip(self) -> Any:
        """Whether, and where, the gradient is clipped."""
        return self.base.clip

    def questions(self) -> dict[str, tuple[Any, ...]]:
        """Return the questions of the base."""
        return self.base.questions()

    @property
    def apply(self) -> Apply:
        """The other rule as a pure function of arrays."""
        if self.step is None:
            return self.base.apply
        asks = self.base.scope != "element"
        return partial(alone, self.rounds) if asks else partial(self.step, self.base)

    def rule(self) -> Apply:
        """The rule with all its questions."""
        if self.step is None:
            return self.base.rule()
        asks = self.base.scope != "element"
        return self.rounds if asks else self.apply

    def structure(self) -> Any:
        """Return what has the same lines: that of the base, unless the step is another."""
        return self if self.step is not None else self.base.structure()

    def scalar_key(self) -> Any:
        """Return what has the same scalars."""
        return self

    def starts(self, h: Hyper) -> tuple[Any, ...]:
        """Return the number that each slot begins with."""
        return self.base.starts(h)

    @property
    def running(self) -> tuple[Any, ...]:
        """The host's running products: those of the base."""
        return self.base.running

    def memory(self, h: Hyper, t: int) -> dict[str, Any]:
        """Return what the host remembers before step `t`."""
        return self.base.memory(h, t)

    def remembered(self, memory: Any, h: Hyper, t: int) -> dict[str, Any]:
        """Return what the host remembers after step `t`."""
        return self.base.remembered(memory, h, t)

    @property
    def form(self) -> Any:
        """Form of the decay."""
        return self.base.form

    @property
    def order(self) -> Any:
        """Order of the decay."""
        return self.base.order

    def scalars(self, h: Hyper, t: int, eta: Any, **options: Any) -> Any:
        """Scalars of step `t`, twisted."""
        s = self.base.scalars(h, t, eta, **options)
        return s if self.twist is None else self.twist(s, h, t)

    def recurrence(self) -> tuple[str, ...]:
        """The base's recurrence and what is other in it."""
        return (*self.base.recurrence(), f"but {self.words}")


def _asking(step: Callable[..., Any], base: Any, /, *inputs: Any) -> Rounds:
    """A step of a rule that asks for sums: it asks for its own, or has those of one tensor."""
    found: Any = step(base, *inputs)
    if not isgenerator(found):
        return found  # type: ignore[no-any-return]  # arrays
    result: Any = yield from found
    return result  # type: ignore[no-any-return]  # likewise


@dataclass(frozen=True)
class Mutant:
    """One bug of the gallery: what it claims to be, and what it computes."""

    id: str
    title: str
    reference: str
    claim: Dialect
    rule: Dialect | Twisted
    late: bool = False  # hundreds of steps go by before it shows

    def same_change(self, claim: Dialect, found: Any) -> bool:
        """Whether `found` differs from `claim` as this rule differs from its own claim."""
        if self.claim.family != claim.family:
            return False
        if isinstance(self.rule, Twisted) and isinstance(found, Twisted):
            return self.rule.twists == found.twists
        if isinstance(self.rule, Twisted) or isinstance(found, Twisted):
            return False
        return changes(self.claim, self.rule) == changes(claim, found)


def changes(claim: Any, found: Any) -> dict[str, Any]:
    """Answers of `found` that are not those of `claim`."""
    if type(claim) is not type(found):
        return {"rule": found}
    new, old = asdict(found), asdict(claim)
    changed = {name: new[name] for name in new if new[name] != old[name]}
    if "form" in changed:  # what decay it was counts: to lose L2 is not to lose the decay
        changed["form"] = (old["form"], new["form"])
    return changed
