"""Adagrad with diagonal matrices, with L2 regularisation or with decoupled weight decay."""

from collections.abc import Sequence
from typing import Any

from array_api_compat import array_namespace

Array = Any


def adagrad(
    theta: Array, g: Array, slots: Sequence[Array], s: Any, /
) -> tuple[Array, tuple[Array]]:
    """One step of Adagrad (L2) or AdagradW (decoupled weight decay).

    The recurrence, with the two terms that differ in brackets::

        g_t = ∇f_t(θ_{t-1}) [+ λ θ_{t-1}]                               Adagrad
        v_t = v_{t-1} + g_t²
        θ_t = θ_{t-1} - η_t (α g_t / (√v_t + ε) [+ λ θ_{t-1}])          AdagradW

    Duchi, Hazan & Singer (2011), Figure 1, the composite mirror descent update with φ = 0 in all of
    space: s_t,i = ‖g_{1:t,i}‖₂ is √v_t here, H_t = δI + diag(s_t), η is α, δ is ε. They have no
    decay; its two places are those of Loshchilov & Hutter (2019), Algorithm 2, lines 6 and 12.
    Keras and optax add ε inside the root and start v at 0.1: see `wdref.dialects.AdagradDialect`.

    `theta`, `g` and the slot `v` are arrays of one shape and one real floating dtype. The scalars
    ``s.l2`` (λ) and ``s.decay`` (η_t λ) are None where their term is absent; ``s.step`` is η_t α.

    >>> import numpy as np
    >>> from wdref.dialects import AdagradScalars
    >>> theta, g, v = np.array([1.0]), np.array([4.0]), np.array([9.0])
    >>> adagrad(theta, g, (v,), AdagradScalars(step=0.5, eps=3.0, decay=0.25))
    (array([0.5]), (array([25.]),))
    """
    xp = array_namespace(theta, g)
    (v,) = slots

    # GRADIENT    g_t ← ∇f_t(θ_{t-1}) + λ θ_{t-1}
    if s.l2 is not None:
        g = g + s.l2 * theta  # Adagrad with L2 regularisation

    # MOMENTS     v_t ← v_{t-1} + g_t²                                  s_t,i = ‖g_{1:t,i}‖₂
    v = v + g * g

    # STEP        θ_t ← θ_{t-1} - η_t (α g_t / (√v_t + ε) + λ θ_{t-1})  H_t = δI + diag(s_t)
    step = s.step * (g / (xp.sqrt(v) + s.eps))
    if s.decay is not None:
        step = step + s.decay * theta  # AdagradW
    return theta - step, (v,)
