"""Mutants: how a wrong rule is made from a right one.

A mutant is a dialect that it claims to be and a rule that it computes: another dialect, or the
dialect *twisted* by a function of its scalars or of its step. `wdref.oracle.gallery` lists them.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from array_api_compat import array_namespace

from ..dialects import Apply, Dialect, Hyper

Twist = Callable[[Any, Hyper, int], Any]  # (scalars, hyper, t) -> scalars


@dataclass(frozen=True)
class Twisted:
    """A dialect with one thing other: in its scalars, or in the function that applies it."""

    base: Dialect
    words: str
    twist: Twist | None = None
    step: Callable[..., Any] | None = None  # (base, theta, g, slots, s) -> (theta, slots)

    @property
    def family(self) -> str:
        """Family of the base."""
        return self.base.family

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the state arrays."""
        return self.base.slots

    @property
    def hyper(self) -> tuple[str, ...]:
        """Names of the hyperparameters."""
        return self.base.hyper

    @property
    def schedule(self) -> str:
        """Which multiplier is read: of this step, or of the one before."""
        return self.base.schedule

    @property
    def apply(self) -> Apply:
        """The other rule as a pure function of arrays."""
        return self.base.apply if self.step is None else partial(self.step, self.base)

    def scalars(self, h: Hyper, t: int, eta: Any, **options: Any) -> Any:
        """Scalars of step `t`, twisted."""
        s = self.base.scalars(h, t, eta, **options)
        return s if self.twist is None else self.twist(s, h, t)

    def recurrence(self) -> tuple[str, ...]:
        """The base's recurrence and what is other in it."""
        return (*self.base.recurrence(), f"but {self.words}")


@dataclass(frozen=True)
class Mutant:
    """One bug of the gallery: what it claims to be, and what it computes."""

    id: str
    title: str
    reference: str
    claim: Dialect
    rule: Dialect | Twisted

    def same_change(self, claim: Dialect, found: Any) -> bool:
        """Whether `found` differs from `claim` as this rule differs from its own claim."""
        if isinstance(self.rule, Twisted) and isinstance(found, Twisted):
            return (self.rule.twist, self.rule.step) == (found.twist, found.step)
        if isinstance(self.rule, Twisted) or isinstance(found, Twisted):
            return False
        same_family = self.claim.family == claim.family
        return same_family and changes(self.claim, self.rule) == changes(claim, found)


def changes(claim: Any, found: Any) -> dict[str, Any]:
    """Answers of `found` that are not those of `claim`."""
    if type(claim) is not type(found):
        return {"rule": found}
    new, old = asdict(found), asdict(claim)
    changed = {name: new[name] for name in new if new[name] != old[name]}
    if "form" in changed:  # what decay it was counts: to lose L2 is not to lose the decay
        changed["form"] = (old["form"], new["form"])
    return changed


# -- twisted scalars ------------------------------------------------------------------------------


def negate_l2(s: Any, h: Hyper, t: int) -> Any:
    """The L2 term with the wrong sign (M01)."""
    return s._replace(l2=-1 * s.l2)


def keep_only_decayed(s: Any, h: Hyper, t: int) -> Any:
    """θ ← k θ for (1 - k) θ (M02)."""
    return s._replace(decay=1 - s.decay)


def swap_eps_and_decay(s: Any, h: Hyper, t: int) -> Any:
    """ε and λ exchanged (M14)."""
    return s._replace(eps=h["weight_decay"], decay=s.step * h["eps"])


def divide_l2(s: Any, h: Hyper, t: int) -> Any:
    """λ divided by a batch of 32 (M16)."""
    return s._replace(l2=s.l2 / 32)


def scale_decay(s: Any, h: Hyper, t: int) -> Any:
    """λ off by √64 (M15)."""
    return s._replace(decay=s.decay * 8)


def inverted_bias(s: Any, h: Hyper, t: int) -> Any:
    """β2^t for 1 - β2^t (M25)."""
    return s._replace(bias2=1 - s.bias2)


def frozen_bias2(s: Any, h: Hyper, t: int) -> Any:
    """1 - β2 for 1 - β2^t (M25)."""
    return s._replace(bias2=s.one_minus_beta2)


def frozen_step(s: Any, h: Hyper, t: int) -> Any:
    """T stays 1 (M39)."""
    return s._replace(bias1=s.one_minus_beta1, bias2=s.one_minus_beta2)


def counted_twice(s: Any, h: Hyper, t: int) -> Any:
    """T counts by two (M40)."""
    return s._replace(bias1=1 - h["beta1"] ** (2 * t), bias2=1 - h["beta2"] ** (2 * t))


# -- twisted steps --------------------------------------------------------------------------------


def _bare(s: Any) -> Any:
    return s._replace(decay=None)


def constant_decay(base: Dialect, theta: Any, g: Any, slots: Sequence[Any], s: Any, /) -> Any:
    """K for k θ (M03)."""
    new, slots = base.apply(theta, g, slots, _bare(s))
    return new - s.decay, slots


def squared_decay(base: Dialect, theta: Any, g: Any, slots: Sequence[Any], s: Any, /) -> Any:
    """K θ² for k θ (M32)."""
    new, slots = base.apply(theta, g, slots, _bare(s))
    return new - s.decay * (theta * theta), slots


def sign_decay(base: Dialect, theta: Any, g: Any, slots: Sequence[Any], s: Any, /) -> Any:
    """K sign(θ) for k θ (M38)."""
    new, slots = base.apply(theta, g, slots, _bare(s))
    return new - s.decay * array_namespace(theta).sign(theta), slots


def l2_in_step_only(base: Dialect, theta: Any, g: Any, slots: Sequence[Any], s: Any, /) -> Any:
    """λ θ added to m̂, not to g (M30)."""
    xp = array_namespace(theta)
    new, slots = base.apply(theta, g, slots, s._replace(l2=None))
    _, v = slots
    return new - s.step * (s.l2 * theta / (xp.sqrt(v / s.bias2) + s.eps)), slots


def skipped_zeros(base: Dialect, theta: Any, g: Any, slots: Sequence[Any], s: Any, /) -> Any:
    """Nothing happens where g is 0 (skip_zeros of bitsandbytes)."""
    xp = array_namespace(theta)
    new, new_slots = base.apply(theta, g, slots, s)
    zero = abs(g) <= 0.0
    kept = (xp.where(zero, old, x) for old, x in zip(slots, new_slots, strict=True))
    return xp.where(zero, theta, new), tuple(kept)
