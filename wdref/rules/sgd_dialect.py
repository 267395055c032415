"""SGD with momentum under other answers than Algorithm 1's: the momentum family of dialects.

The phases and their order are those of `wdref.rules.sgd`; with the paper's answers this function
gives the same bits. Where the learning rate enters, dampening and the first step differ in the
host's scalars alone (`wdref.dialects.MomentumDialect.scalars`), so that they need no line here.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from array_api_compat import array_namespace

if TYPE_CHECKING:
    from ..dialects import MomentumDialect

Array = Any


def sgd_dialect(
    d: "MomentumDialect", theta: Array, g: Array, slots: Sequence[Array], s: Any, /
) -> tuple[Array, tuple[Array, ...]]:
    """One step of the momentum dialect `d`.

    ::

        g = ∇f(θ) [+ λ θ]
        m = β1 m + c g                 c: η α inside the buffer, else 1, 1 - τ or 1 - β1
        d = m, or Nesterov's β1 m + c' g, or the same once more, β1 d + c' g
        θ = θ - d (inside) or θ - η α d (outside), with the decay together or after
        m is kept as it is, or "reread": with the λ θ of the θ just made
    """
    xp = array_namespace(theta, g)

    # GRADIENT
    loss, g = g, _gradient(d, xp, theta, g, s)

    # MOMENTS
    if d.buffer:
        m = s.beta1 * slots[0] + s.gain * g
        new_slots: tuple[Array, ...] = (m,)
    else:
        m, new_slots = s.gain * g, ()
    if d.nesterov:
        m = s.beta1 * m + s.look * g
    if d.nesterov == "twice":
        m = s.beta1 * m + s.look * g

    # STEP
    if d.lr == "outside":
        m = s.step * m
    new = theta - m
    if s.decay is not None:
        new = new - s.decay * (new if d.order == "after" else theta)

    if d.nesterov == "reread" and d.buffer:
        new_slots = (s.beta1 * slots[0] + s.gain * _gradient(d, xp, new, loss, s),)
    return new, new_slots


def _gradient(d: "MomentumDialect", xp: Any, theta: Array, g: Array, s: Any) -> Array:
    if d.clip == "gradient":
        g = clip(xp, g, s.clip)
    if s.l2 is not None:
        g = g + s.l2 * theta
    return clip(xp, g, s.clip) if d.clip == "sum" else g


def clip(xp: Any, g: Array, bound: Any) -> Array:
    """Clip by value: min(max(g, -bound), bound)."""
    return xp.minimum(xp.maximum(g, xp.full_like(g, -bound)), xp.full_like(g, bound))
