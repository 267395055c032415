"""What is other in the step at which a target leaves its rule.

All steps before it were right, so that its state is known. Each guess is the rule's step with one
part changed; one that gives what came is told, and one that does so where it departed alone.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...rules.shapes import scope_of
from ..cases.case import Case
from ..cases.trajectory import begun, given_at, trajectory, widened
from ..judge.enclosure import enclose
from ..judge.reasons import LIMIT
from ..targets.targets import Result
from .departure import Departure, values_of

Array = NDArray[np.float64]
APART = 4.0  # how far apart sizes must be to tell coordinates from each other by chance no more
NICE = ((0.0, "is lost"), (2.0, "is taken twice"), (0.5, "is halved"), (-1.0, "has the wrong sign"))
Guess = tuple[str, Any]  # in words, and the parameters after the step


@dataclass(frozen=True, eq=False)
class _Step:
    """The rule's step from a known state: what is there before it, and its scalars."""

    rule: Any
    theta: Array
    g: Array
    slots: tuple[Array, ...]
    older: tuple[Array, ...]  # the slots of the step before
    given: tuple[Array, ...]  # beside the gradient
    hyper: dict[str, float]
    t: int
    eta: float
    before: float

    def scalars(self, t: int | None = None, eta: float | None = None) -> Any:
        return self.rule.scalars(
            self.hyper, t or self.t, self.eta if eta is None else eta, before=self.before
        )

    def applied(self, s: Any = None, *, g: Any = None, slots: Any = None) -> Array:
        """Parameters after the step with these in place of its own."""
        s = self.scalars() if s is None else s
        g, slots = self.g if g is None else g, self.slots if slots is None else slots
        new: Array = self.rule.apply(self.theta, g, (*slots, *self.given), s)[0]
        return new


def changed(rule: Any, case: Case, result: Result, at: Departure) -> str:
    """Say what is other in the step `at`, and where in the tensor; nothing if it is not known."""
    tensor, step = at.tensor or 0, (at.step or 0) - 1
    part, taken = case.parts()[tensor], case.steps_taken(tensor)
    whole = scope_of(rule) != "element" and len(part.shape or (1,)) != 1
    if step not in taken or whole or getattr(rule, "step", None) is not None:
        return ""  # a rule with a step of its own, or of rows and columns, has no parts to change
    i = taken.index(step)
    got = values_of(case, result, tensor)[step]
    enclosure = enclose(rule, part)
    limit = LIMIT * enclosure.radius[i]
    departed = enclosure.ratio(values_of(case, result, tensor)[taken])[i] > LIMIT
    if not np.all(np.isfinite(got)) or not np.any(departed):
        return ""
    with np.errstate(all="ignore"):
        before = _before(rule, part, i)
        guesses = [(words, x) for words, x in _guesses(before, got, departed)]
    for words, x in guesses:
        if np.all(np.abs(got - x) <= limit):
            return f"there {words}"
    for words, x in guesses:
        if np.all((np.abs(got - x) <= limit)[departed]):
            return f"there {words}, {_where(before, departed)}"
    return ""


def _before(rule: Any, part: Case, i: int) -> _Step:
    wide = widened(part)
    start = wide.theta0, begun(rule, wide.theta0, part.hyper)
    states = [start, start, *islice(trajectory(rule, wide), i)]
    (_, older), (theta, slots) = states[-2:]
    eta = [*part.eta[:1].tolist(), *part.eta.tolist()]
    return _Step(rule, theta, wide.grads[i], tuple(slots), tuple(older),
                 given_at(rule, wide, i, -1), dict(part.hyper), i + 1, eta[i + 1],
                 eta[i])  # fmt: skip


def _guesses(at: _Step, got: Array, departed: Any) -> Iterator[Guess]:
    """Every change that is tried: parts lost or doubled, what they are made of, then any size."""
    s, right = at.scalars(), at.applied()
    yield "nothing moves", at.theta
    parts = [part for part in _parts(at, s, right) if np.any(part[1][departed])]
    for factor, words in NICE:
        yield from ((f"the {name} {words}", rest + factor * x) for name, x, rest in parts)
    if s.l2 is not None:
        yield "the L2 term is taken twice", at.applied(s._replace(l2=2 * s.l2))
    yield from _gradients(at)
    yield from _directions(at, s)
    yield from _states(at)
    yield "the rate of the schedule is not applied", at.applied(at.scalars(eta=1.0))
    if departed.sum() > 1:  # one coordinate has a size of its own, whatever it is
        yield from _sizes(parts, got, departed)


def _parts(at: _Step, s: Any, right: Array) -> Iterator[tuple[str, Array, Array]]:
    """Name of a part, what it adds to the parameters, and where these are without it."""
    bare = at.applied(s._replace(decay=None)) if s.decay is not None else right
    yield "decay", right - bare, bare
    yield "step", bare - at.theta, at.theta + (right - bare)
    if s.l2 is not None:
        without = at.applied(s._replace(l2=None))
        yield "L2 term", right - without, without


def _sizes(parts: Any, got: Array, departed: Any) -> Iterator[Guess]:
    """A part of the step with the factor that the results have in common."""
    for name, x, rest in parts:
        factor = float(np.median(((got - rest) / x)[departed]))
        if np.isfinite(factor):
            yield f"the {name} is {factor:.6g} times its size", rest + factor * x


def _directions(at: _Step, s: Any) -> Iterator[Guess]:
    """The direction of the step, bounded or normalised."""
    bare = at.applied(s._replace(decay=None))
    if not getattr(s, "step", None) or getattr(at.rule, "lr", "outside") == "inside":
        return
    u, decayed = (at.theta - bare) / s.step, at.applied() - bare
    size = float(np.sqrt(np.mean(u * u))) if u.size else 0.0
    yield "the step is clipped at the rate", at.theta - s.step * np.clip(u, -1, 1) + decayed
    if size:
        yield "the step is divided by its RMS", at.theta - s.step * u / size + decayed


def _states(at: _Step) -> Iterator[Guess]:
    """State and count other than they should be."""
    if at.slots and at.t > 1:
        yield "the moments before it are forgotten", at.applied(slots=_zeros(at.slots))
        yield "the moments of the step before are not kept", at.applied(slots=at.older)
    if at.t > 1:
        yield "t is 1", at.applied(at.scalars(1))
        yield "t is one behind", at.applied(at.scalars(at.t - 1))


def _zeros(slots: tuple[Array, ...]) -> tuple[Array, ...]:
    return tuple(np.zeros_like(x) for x in slots)


def _gradients(at: _Step) -> Iterator[Guess]:
    g, norm = at.g, float(np.linalg.norm(at.g))
    yield "the gradient is taken for 0", at.applied(g=g * 0)
    yield "the gradient is clipped at 1", at.applied(g=np.clip(g, -1, 1))
    if norm:
        yield "the gradient is divided by its norm", at.applied(g=g / norm)
    if len(g) > 1:
        yield "the gradient's mean is taken from it", at.applied(g=g - g.mean())


KINDS: tuple[tuple[str, Callable[[Any], Any]], ...] = (
    ("0", lambda x: x == 0),
    ("negative", lambda x: x < 0),
    ("positive", lambda x: x > 0),
)


def _where(at: _Step, departed: Any) -> str:
    """What the coordinates that depart have, and the others have not."""
    words = f"at {int(departed.sum())} of {len(departed)} coordinates"
    for name, x in (("θ", at.theta), ("the gradient", at.g)):
        mine, others = np.abs(x[departed]), np.abs(x[~departed])
        for kind, has in KINDS:
            if np.array_equal(has(x), departed):
                return f"{words}: where {name} is {kind}"
        if APART * np.max(mine) < np.min(others):
            return f"{words}: where |{name}| is at most {np.max(mine):.3g}"
        if np.min(mine) > APART * np.max(others):
            return f"{words}: where |{name}| is at least {np.min(mine):.3g}"
    return words
