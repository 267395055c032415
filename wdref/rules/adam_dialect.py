"""Adam under other answers than Algorithm 2's: the Adam family of dialects.

The phases and their order are those of `wdref.rules.adam`; with the paper's answers this function
gives the same bits. The form of the decay, ε added before the bias correction ("hat") and a
miscounted t differ in the host's scalars alone (`wdref.dialects.AdamDialect.scalars`).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from array_api_compat import array_namespace

from .sgd_dialect import clip

if TYPE_CHECKING:
    from ..dialects import AdamDialect

Array = Any


def adam_dialect(
    d: "AdamDialect", theta: Array, g: Array, slots: Sequence[Array], s: Any, /
) -> tuple[Array, tuple[Array, ...]]:
    """One step of the Adam dialect `d`.

    ::

        g = ∇f(θ) [+ λ θ, or + λ s θ with s the denominator of the step before]
        m = β1 m + (1 - β1) g,  v = β2 v + (1 - β2) g²
        m̂ = m / (1 - β1^t),  v̂ = v / (1 - β2^t), or uncorrected, or stored back into m and v
        AMSGrad: the maximum of v (raw) or of v̂ (hat) over all steps so far
        θ = θ - η α m̂ / s, s by where ε stands, with the decay together or after
    """
    xp = array_namespace(theta, g)
    m, v, *v_max = slots

    # GRADIENT
    if d.clip == "gradient":
        g = clip(xp, g, s.clip)
    if s.l2 is not None and d.form == "scaled_l2":
        before = v_max[0] if v_max else v
        before = before if d.amsgrad == "hat" else _corrected(before, s.bias2_before)
        g = g + s.l2 * (_denominator(d, xp, before, s.eps_before) * theta)
    elif s.l2 is not None:
        g = g + s.l2 * theta
    if d.clip == "sum":
        g = clip(xp, g, s.clip)

    # MOMENTS
    m = s.beta1 * m + s.one_minus_beta1 * g
    v = s.beta2 * v + s.one_minus_beta2 * (g * g)
    m_hat = _corrected(m, s.bias1)
    v_hat = _corrected(v, s.bias2)
    if d.bias == "in_place":
        m, v = m_hat, v_hat
    new_slots: tuple[Array, ...] = (m, v)
    if d.amsgrad == "raw":
        biggest = xp.maximum(v_max[0], v)
        v_hat = biggest if d.bias == "in_place" else _corrected(biggest, s.bias2)
        new_slots = (m, v, biggest)
    elif d.amsgrad == "hat":
        v_hat = xp.maximum(v_max[0], v_hat)
        new_slots = (m, v, v_hat)

    # STEP
    step = s.step * (m_hat / _denominator(d, xp, v_hat, s.eps))
    if s.decay is None:
        return theta - step, new_slots
    if d.order == "after":
        new = theta - step
        return new - s.decay * new, new_slots
    return theta - (step + s.decay * theta), new_slots


def _corrected(moment: Array, bias: Any) -> Array:
    return moment if bias is None else moment / bias


def _denominator(d: "AdamDialect", xp: Any, v_hat: Array, eps: Any) -> Array:
    if d.eps in ("outside", "hat"):
        return xp.sqrt(v_hat) + eps
    if d.eps == "clamp":
        return xp.maximum(xp.sqrt(v_hat), xp.full_like(v_hat, eps))
    root = xp.sqrt(v_hat + eps)
    return root if d.eps == "inside" else root + eps
