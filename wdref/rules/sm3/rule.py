"""SM3-II of Anil et al. (2019), with the cover that its programs have: the slices of a tensor."""

from collections.abc import Sequence
from typing import Any

from array_api_compat import array_namespace

from ...sums import Cover, Rounds

Array = Any


def sm3(theta: Array, g: Array, slots: Sequence[Array], s: Any, /) -> Rounds:
    """One step of SM3 on one tensor.

    The recurrence, with the L2 term in brackets that the paper has not. S_r are the slices of the
    tensor, as many an axis as it is long; i lies in one of each axis::

        g_t = ∇f_t(θ_{t-1}) [+ λ θ_{t-1}]
        ν_t(i) = min_{r: i ∈ S_r} μ_{t-1}(r) + g_t(i)²
        μ_t(r) = max_{j ∈ S_r} ν_t(j)
        m_t = β1 m_{t-1} + (1 - β1) g_t / √ν_t          0/0 is 0
        θ_t = θ_{t-1} - η_t α m_t

    Anil et al., Memory-Efficient Adaptive Optimization (2019), algorithm SM3-II, whose η is η_t α
    here, with the momentum of their experiments. The slot `v` holds min_r μ_t(r), the cover, beside
    each number. Nothing is lost by it: μ_t(r) is its maximum over S_r. The memory that SM3 is there
    to save is not saved.

    `theta`, `g` and the slots `m`, `v` are arrays of one shape and one real floating dtype. The
    rule asks for the cover: it is driven by `wdref.sums.alone`.

    >>> import numpy as np
    >>> from wdref.rules.sm3 import Sm3Scalars
    >>> from wdref.sums import alone
    >>> g, zero = np.array([[1.0, 1.0], [2.0, 3.0]]), np.zeros((2, 2))
    >>> s = Sm3Scalars(step=0.5, beta1=0.0, one_minus_beta1=1.0)
    >>> theta, (m, v) = alone(sm3, zero, g, (zero, zero), s)
    >>> theta, v
    (array([[-0.5, -0.5],
           [-0.5, -0.5]]), array([[1., 1.],
           [4., 9.]]))
    """
    xp = array_namespace(theta, g)
    m, v = slots

    # GRADIENT    g_t ← ∇f_t(θ_{t-1}) + λ θ_{t-1}
    if s.l2 is not None:
        g = g + s.l2 * theta  # not in the paper: programs that couple the decay

    # SUMS        ν_t(i) ← min_r μ_{t-1}(r) + g_t(i)²                               SM3-II
    v = v + g * g
    #             μ_t(r) ← max_{j ∈ S_r} ν_t(j)
    (cover,) = yield (Cover(v),)

    # MOMENT      m_t ← β1 m_{t-1} + (1 - β1) g_t / √ν_t
    zero = xp.full_like(v, 0.0)
    u = xp.where(v > zero, g / xp.sqrt(v), zero * g)
    m = s.beta1 * m + s.one_minus_beta1 * u

    # STEP        θ_t ← θ_{t-1} - η_t α m_t
    step = s.step * m
    if s.decay is not None:
        step = step + s.decay * theta
    return theta - step, (m, cover)
