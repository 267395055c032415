"""Clipping by a norm: the gradient made no longer than a bound, before any rule reads it.

An answer of every family. Over a "tensor" each gradient has its own norm, over the "tree" all have
one; with "_sum" the norm is that of the gradient with its L2 term.
"""

from collections.abc import Sequence
from typing import Any

from ..sums import Over, Rounds, Sum
from .choice import chosen, quotient, root

Array = Any
NORMS: dict[str, Over] = {"tensor": "tensor", "tensor_sum": "tensor", "tree": "tree",
                          "tree_sum": "tree"}  # fmt: skip


def clipped_first(d: Any, theta: Array, g: Array, slots: Sequence[Array], s: Any, /) -> Rounds:
    """One step of the dialect `d` on a gradient clipped by its norm.

    ::

        g = ∇f(θ) [+ λ θ, where the norm is that of the sum]
        g = min(1, c/‖g‖) g
    """
    if d.clip.endswith("_sum") and s.l2 is not None:
        g, s = g + s.l2 * theta, s._replace(l2=None)
    (g2,) = yield (Sum(g * g, NORMS[d.clip]),)
    norm = root(g2)
    g = chosen(norm > s.clip, lambda: quotient(s.clip, norm), lambda: 1.0) * g
    inner = d.answered(clip="none")
    if inner.scope != "element":
        asked: Rounds = inner.rounds(theta, g, slots, s)
        return (yield from asked)
    result: tuple[Array, tuple[Array, ...]] = inner.apply(theta, g, slots, s)
    return result
