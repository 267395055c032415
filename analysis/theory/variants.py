"""Variants of AdamW and of Adam + L2 that no framework has by default, as rules of wdref.

Each takes its moments and its step from the rules of wdref and changes one thing, so that it can be
run wherever a dialect can.
"""

from collections.abc import Callable, Sequence
from typing import Any

from array_api_compat import array_namespace

from wdref.dialects import AdamDialect, Dialect
from wdref.oracle.bugs.mutants import Twisted

Array = Any
Step = Callable[[Dialect, Array, Array, Sequence[Array], Any], tuple[Array, tuple[Array, ...]]]


def cautious(
    base: Dialect, theta: Array, g: Array, slots: Sequence[Array], s: Any, /
) -> tuple[Array, tuple[Array, ...]]:
    """Cautious decay: θ ← θ - s u - k 1[u θ >= 0] θ (arXiv 2510.12402; 0 counts as agreement)."""
    xp = array_namespace(theta)
    new, slots = base.apply(theta, g, slots, s._replace(decay=None))
    agrees = (theta - new) * theta >= 0  # θ - new = s u, s > 0
    return new - s.decay * xp.where(agrees, theta, xp.zeros_like(theta)), slots


def _split(in_m: bool, in_v: bool) -> Step:
    """Adam whose step holds λ θ by way of m or beside m̂, and whose v sees it or not."""

    def own(
        base: Dialect, theta: Array, g: Array, slots: Sequence[Array], s: Any, /
    ) -> tuple[Array, tuple[Array, ...]]:
        xp = array_namespace(theta)
        # both rules' moments: of g alone, and of g + λ θ
        _, (m_bare, v_bare) = base.apply(theta, g, slots, s._replace(l2=None))
        _, (m_l2, v_l2) = base.apply(theta, g, slots, s)
        m, v = m_l2 if in_m else m_bare, v_l2 if in_v else v_bare
        m_hat = m / s.bias1 if in_m else m / s.bias1 + s.l2 * theta
        return theta - s.step * (m_hat / (xp.sqrt(v / s.bias2) + s.eps)), (m, v)

    return own


CAUTIOUS = Twisted(AdamDialect(form="lr"), "decay only where u θ >= 0", step=cautious)

_L2 = AdamDialect(form="l2")
# what Adam's two buffers see of the L2 term, the question of Bjorck et al. (2021), arXiv 2012.13841
ABLATION = {
    "both": Twisted(_L2, "λ θ in m and in v: Adam + L2", step=_split(True, True)),
    "m only": Twisted(_L2, "λ θ in m, not in v", step=_split(True, False)),
    "v only": Twisted(_L2, "λ θ beside m̂, in v", step=_split(False, True)),
    "neither": Twisted(_L2, "λ θ beside m̂, not in v", step=_split(False, False)),
}
