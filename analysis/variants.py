"""Variants of AdamW and of Adam + L2 that no framework has by default, as rules of wdref.

Each takes its moments and its step from the rules of wdref and changes one thing, so that it can be
run wherever a dialect can.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from array_api_compat import array_namespace

from wdref.dialects import AdamDialect, Apply, Dialect, Hyper

Array = Any
Step = Callable[[Dialect, Array, Array, Sequence[Array], Any], tuple[Array, tuple[Array, ...]]]


@dataclass(frozen=True)
class Variant:
    """A dialect whose step is another one, for `analysis` alone: no program is claimed to have it.

    `own` is called as ``own(base, theta, g, slots, scalars)``.
    """

    name: str
    base: Dialect
    words: str
    own: Step

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
        """Which multiplier is read."""
        return self.base.schedule

    @property
    def apply(self) -> Apply:
        """The rule as a pure function of arrays."""
        return partial(self.own, self.base)

    def scalars(self, h: Hyper, t: int, eta: Any, **options: Any) -> Any:
        """Scalars of step `t`: the base's."""
        return self.base.scalars(h, t, eta, **options)

    def recurrence(self) -> tuple[str, ...]:
        """The base's recurrence and what is other."""
        return (*self.base.recurrence(), self.words)


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


CAUTIOUS = Variant("cautious", AdamDialect(form="lr"), "decay only where u θ >= 0", cautious)

_L2 = AdamDialect(form="l2")
# what Adam's two buffers see of the L2 term, the question of Bjorck et al. (2021), arXiv 2012.13841
ABLATION = {
    "both": Variant("both", _L2, "λ θ in m and in v: Adam + L2", _split(True, True)),
    "m only": Variant("m only", _L2, "λ θ in m, not in v", _split(True, False)),
    "v only": Variant("v only", _L2, "λ θ beside m̂, in v", _split(False, True)),
    "neither": Variant("neither", _L2, "λ θ beside m̂, not in v", _split(False, False)),
}
