"""Cautious rules under other answers than Algorithm 2's: the Cautious family of dialects.

The phases and their order are those of the papers' files; with the papers' answers the functions
here give the same bits. The form of most decays and ε added before the bias correction ("hat")
differ in the host's scalars alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, NamedTuple, Self

from array_api_compat import array_namespace

from ...sums import Count, Rounds, Sum, alone
from ..choice import larger, quotient
from ..contract import (
    Apply,
    Asking,
    Dialect,
    Hyper,
    Scope,
    Sqrt,
    form_question,
    question,
    schedule_question,
)
from ..decay import (
    Order,
    Reading,
    coefficients,
    gradient_line,
    moved,
    read,
    read_lines,
    step_lines,
)
from .grams import grams
from .rule import cautious

Array = Any
# L2 scaled by a denominator would be scaled by what the mask leaves: no program has it
CautiousForm = Literal["lr", "none", "l2", "paper", "fixed", "initial_lr", "proximal", "corrected",
                       "masked"]  # fmt: skip
Base = Literal["adam", "lion"]
Mask = Literal["aligned", "gradient"]

FLOOR = 1e-3  # of the mean of the mask, in the programs that divide by it
UNPLAIN = ("l2", "masked")  # forms that no paper's file has a line for


class CautiousScalars(NamedTuple):
    """The scalars of one step of the Cautious family; None where the line is absent."""

    step: Any = None
    beta1: Any = None
    one_minus_beta1: Any = None
    beta2: Any = None
    one_minus_beta2: Any = None
    bias1: Any = None
    bias2: Any = None
    eps: Any = None
    l2: Any = None
    decay: Any = None


@dataclass(frozen=True)
class CautiousDialect(Dialect):
    """Cautious rules: whose step is masked, where, how it is scaled, and when the decay comes.

    ``order``: the paper decays "after" the step, its authors' program now "together" with it.
    ``base``: the step u is that of "adam" (the paper), or of "lion", sgn(β1 m + (1-β1) g).
    ``mask``: a coordinate is stepped where it is "aligned", u g > 0 (the paper), or each is, by |u|
    in the direction of the "gradient" (Grams). ``scale``: what is left is multiplied by n/(Σφ + 1),
    "count" (the paper), or by 1/max(mean φ, 1/1000), "mean" (the programs). ``eps``: outside √v̂
    (the paper), or "hat". ``bias``: both averages are corrected, or none.
    """

    form: CautiousForm = form_question("lr")
    order: Order = question("after", scalars={"after": "together"})
    base: Base = "adam"
    mask: Mask = question("aligned", scalars={"gradient": "aligned"})
    scale: Literal["count", "mean"] = question("count", scalars={"mean": "count"})
    eps: Literal["outside", "hat"] = question("outside", lines={"hat": "outside"})
    bias: Literal["both", "none"] = "both"
    schedule: Reading = schedule_question()

    family = "cautious"

    @property
    def hyper(self) -> tuple[str, ...]:
        """Names of the hyperparameters that the dialect reads."""
        eps = ("eps",) if self.base == "adam" else ()
        return ("learning_rate", "beta1", "beta2", *eps, "weight_decay")

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the state arrays."""
        return ("m", "v") if self.base == "adam" else ("m",)

    @property
    def scope(self) -> Scope:
        """A masked step reads a count of its tensor, that of Grams nothing."""
        return "element" if self.mask == "gradient" else "tensor"

    @property
    def apply(self) -> Apply:
        """The rule as a pure function of arrays."""
        if self.scope != "element":
            return partial(alone, self.rounds)
        alike = CautiousDialect(
            self.form, self.order, mask="gradient", eps=self.eps, schedule=self.schedule
        )
        plain = self == alike and self.order == "together"
        return grams if plain and self.form not in UNPLAIN else self.rule()

    @property
    def rounds(self) -> Asking:
        """The rule as a generator that asks for sums."""
        alike = CautiousDialect(self.form, self.order, eps=self.eps, schedule=self.schedule)
        plain = self == alike and (self.order == "after" or self.form == "none")
        return cautious if plain and self.form not in UNPLAIN else self.rule()

    def rule(self) -> Any:
        """The rule with all its questions."""
        return partial(grams_dialect if self.mask == "gradient" else cautious_dialect, self)

    def scalars(
        self, h: Hyper, t: int, eta: Any, *, before: Any = None, sqrt: Sqrt = math.sqrt
    ) -> CautiousScalars:
        """Scalars of step `t` (from 1) under the multiplier `eta`; `before` is the last step's."""
        eta = read(self.schedule, eta, before)
        corrected = self.base == "adam" and self.bias == "both"
        bias1, bias2 = (1 - h[name] ** t if corrected else None for name in ("beta1", "beta2"))
        eps = h["eps"] if self.base == "adam" else None
        if self.eps == "hat" and corrected:
            eps = eps / sqrt(bias2)
        return CautiousScalars(
            step=eta * h["learning_rate"],
            beta1=h["beta1"],
            one_minus_beta1=1 - h["beta1"],
            beta2=h["beta2"],
            one_minus_beta2=1 - h["beta2"],
            bias1=bias1,
            bias2=bias2,
            eps=eps,
            **coefficients(self.form, h, eta),
        )

    def recurrence(self) -> tuple[str, ...]:
        """The update rule in the paper's letters, one line a phase."""
        lines = [gradient_line(self.form, "", "none"), *self._update()]
        step = "η α sgn(g) |u|"
        if self.mask != "gradient":
            scale = "n/(Σφ + 1)" if self.scale == "count" else "1/max(mean φ, 1/1000)"
            lines += ["φ ← 1 where u g > 0, else 0", f"r ← {scale}   (over the tensor)"]
            step = "η α r φ u"
        return read_lines(self.schedule, *lines, *step_lines(self.form, self.order, step))

    def _update(self) -> tuple[str, ...]:
        if self.base == "lion":
            return ("c ← β1 m + (1-β1) g", "m ← β2 m + (1-β2) g", "u ← sgn(c)")
        moments = ("m ← β1 m + (1-β1) g", "v ← β2 v + (1-β2) g²")
        if self.bias == "none":
            return (*moments, "u ← m/(√v + ε)")
        eps = "ε/√(1-β2^t)" if self.eps == "hat" else "ε"
        return (*moments, "m̂ ← m/(1-β1^t)", "v̂ ← v/(1-β2^t)", f"u ← m̂/(√v̂ + {eps})")

    def plain(self) -> Self:
        """Return the same function in the plainest words."""
        found, change = super().plain(), dict[str, Any]()
        if found.mask == "gradient":  # nothing is left out that could be made up for
            change["scale"] = "count"
        if found.base == "lion":  # which has neither
            change |= {"eps": "outside", "bias": "both"}
        if found.bias == "none":
            change["eps"] = "outside"
        return replace(found, **change)


def cautious_dialect(
    d: CautiousDialect, theta: Array, g: Array, slots: Sequence[Array], s: Any, /
) -> Rounds:
    """One step of the Cautious dialect `d` on one tensor.

    ::

        g = ∇f(θ) [+ λ θ]
        u = m̂ / (√v̂ + ε), or sgn(β1 m + (1 - β1) g)
        φ = 1 where u g > 0, else 0
        r = n / (Σ φ + 1), or 1 / max(Σ φ / n, 1/1000)
        θ = θ - η α r φ u, with the decay together or after
    """
    xp = array_namespace(theta, g)
    g, u, new_slots = _updated(d, theta, g, slots, s)

    # MASK
    phi = xp.where(u * g > 0.0, xp.full_like(u, 1.0), xp.full_like(u, 0.0))
    agreeing, n = yield Sum(phi), Count(g)

    # STEP
    if d.scale == "count":
        rate = s.step * quotient(n, agreeing + 1.0)
    else:
        rate = quotient(s.step, larger(FLOOR, quotient(agreeing, n)))
    return moved(d, theta, rate * (phi * u), s), new_slots


def grams_dialect(
    d: CautiousDialect, theta: Array, g: Array, slots: Sequence[Array], s: Any, /
) -> tuple[Array, tuple[Array, ...]]:
    """One step of the dialect `d` of Grams.

    ::

        g = ∇f(θ) [+ λ θ]
        u = m̂ / (√v̂ + ε), or sgn(β1 m + (1 - β1) g)
        θ = θ - η α sgn(g) |u|, with the decay together or after
    """
    xp = array_namespace(theta, g)
    g, u, new_slots = _updated(d, theta, g, slots, s)

    # STEP
    return moved(d, theta, s.step * (xp.sign(g) * xp.abs(u)), s), new_slots


def _updated(
    d: CautiousDialect, theta: Array, g: Array, slots: Sequence[Array], s: Any
) -> tuple[Array, Array, tuple[Array, ...]]:
    """The gradient, the step u that its base would take of it, and the slots."""
    xp = array_namespace(theta, g)

    # GRADIENT
    if s.l2 is not None:
        g = g + s.l2 * theta

    # MOMENTS
    if d.base == "lion":
        c = s.beta1 * slots[0] + s.one_minus_beta1 * g
        return g, xp.sign(c), (s.beta2 * slots[0] + s.one_minus_beta2 * g,)
    m, v = slots
    m = s.beta1 * m + s.one_minus_beta1 * g
    v = s.beta2 * v + s.one_minus_beta2 * (g * g)
    m_hat = m if s.bias1 is None else m / s.bias1
    v_hat = v if s.bias2 is None else v / s.bias2
    return g, m_hat / (xp.sqrt(v_hat) + s.eps), (m, v)
