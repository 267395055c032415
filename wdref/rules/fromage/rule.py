"""Fromage, as Algorithm 1 of its paper has it: one rate, relative to the tensor's own length."""

from collections.abc import Sequence
from typing import Any

from array_api_compat import array_namespace

from ...sums import Rounds, Sum
from ..trust import trust

Array = Any


def fromage(theta: Array, g: Array, slots: Sequence[Array], s: Any, /) -> Rounds:
    """One step of Fromage on one tensor.

    The recurrence, norms over the whole tensor::

        g_t = ∇f_t(θ_{t-1})
        θ_t = (θ_{t-1} - η_t α (‖θ_{t-1}‖ / ‖g_t‖) g_t) / √(1 + (η_t α)²)

    Bernstein, Vahdat, Yue & Liu (2020), Algorithm 1, whose η is η_t α here. Where a norm is 0 the
    ratio is 1, as in the authors' program. A gradient at right angles to θ changes no length: what
    the root takes away is a decay that no λ sets.

    `theta` and `g` are arrays of one shape and one real floating dtype; there are no slots. The
    scalar ``s.shrink`` is 1/√(1 + (η_t α)²). The rule asks for its sums: it is driven by
    `wdref.sums.alone`.

    >>> import numpy as np
    >>> from wdref.rules.fromage import FromageScalars
    >>> from wdref.sums import alone
    >>> s = FromageScalars(step=0.75, shrink=0.8)
    >>> theta, g = np.array([0.0, 4.0]), np.array([2.0, 0.0])
    >>> theta, _ = alone(fromage, theta, g, (), s)
    >>> theta, np.linalg.norm(theta)
    (array([-2.4,  3.2]), np.float64(4.0))
    """
    array_namespace(theta, g)  # one library, or a clear error

    # RATIO       ‖θ_{t-1}‖ / ‖g_t‖                                               Algorithm 1
    theta2, g2 = yield Sum(theta * theta), Sum(g * g)

    # STEP        θ_t ← (θ_{t-1} - η_t α (‖θ_{t-1}‖ / ‖g_t‖) g_t) / √(1 + (η_t α)²)
    return s.shrink * (theta - (s.step * trust(theta2, g2)) * g), ()
