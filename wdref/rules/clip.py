"""Clipping by a norm: the gradient made no longer than a bound, before any rule reads it.

An answer of every family. Over a "tensor" each gradient has its own norm, over the "tree" all have
one; with "_sum" the norm is that of the gradient with its L2 term.
"""

from collections.abc import Callable, Sequence
from functools import partial, wraps
from typing import Any, Literal

from ..sums import Over, Rounds, Sum, alone
from .choice import chosen, quotient, root

Array = Any
Scope = Literal["element", "tensor", "tree"]
NORMS: dict[str, Over] = {"tensor": "tensor", "tensor_sum": "tensor", "tree": "tree",
                          "tree_sum": "tree"}  # fmt: skip


def clipped_first(
    d: Any, theta: Array, g: Array, slots: Sequence[Array], s: Any, /, *, beside: float = 0.0
) -> Rounds:
    """One step of the dialect `d` on a gradient clipped by its norm.

    ::

        g = ∇f(θ) [+ λ θ, where the norm is that of the sum]
        g = min(1, c/‖g‖) g

    `beside` is what a program adds to the norm: 1e-6 is PyTorch's ``clip_grad_norm_``.
    """
    if d.clip.endswith("_sum") and s.l2 is not None:
        g, s = g + s.l2 * theta, s._replace(l2=None)
    (g2,) = yield (Sum(g * g, NORMS[d.clip]),)
    norm = root(g2) + beside if beside else root(g2)
    g = chosen(norm > s.clip, lambda: quotient(s.clip, norm), lambda: 1.0) * g
    inner = d.answered(clip="none")
    if inner.scope != "element":
        asked: Rounds = inner.rounds(theta, g, slots, s)
        return (yield from asked)
    result: tuple[Array, tuple[Array, ...]] = inner.apply(theta, g, slots, s)
    return result


def clipping_members(cls: type) -> None:
    """Put the clip by a norm around what a family's dialect says of its rule."""
    for name, wrapped in (("apply", _clipping), ("rounds", _clipping_rounds),
                          ("rule", _clipping_rule), ("scope", _clipping_scope)):  # fmt: skip
        if name in cls.__dict__:
            setattr(cls, name, wrapped(cls.__dict__[name]))


def _clipping(apply: Any) -> property:
    return property(
        lambda d: partial(alone, d.rounds) if d.clip in NORMS else apply.fget(d), doc=apply.__doc__
    )


def _clipping_rounds(rounds: Any) -> property:
    return property(
        lambda d: partial(clipped_first, d) if d.clip in NORMS else rounds.fget(d),
        doc=rounds.__doc__,
    )


def _clipping_rule(rule: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @wraps(rule)
    def own(d: Any) -> Any:
        return partial(clipped_first, d) if d.clip in NORMS else rule(d)

    return own


def _clipping_scope(scope: Any) -> property:
    return property(lambda d: wider(scope.fget(d), d.clip), doc=scope.__doc__)


def wider(scope: Scope, clip: str) -> Scope:
    """What a rule looks at that clips its gradient by a norm."""
    own = NORMS.get(clip)
    return scope if own is None or scope == "tree" else own  # type: ignore[return-value]  # no axis
