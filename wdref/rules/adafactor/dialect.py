"""Adafactor under other answers than its paper's: the Adafactor family of dialects.

The phases and their order are those of the paper's file; with the paper's answers the function here
gives the same bits. Most forms of the decay and the step size ρ differ in the host's scalars alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, NamedTuple, Self

from array_api_compat import array_namespace

from ...sums import Count, Rounds, Sum
from ..choice import constant, quotient, smaller, whole
from ..contract import Asking, Dialect, Hyper, Scope, Shape, Sqrt, question, schedule_question
from ..decay import (
    DECOUPLED,
    ByNorm,
    Reading,
    coefficients,
    gradient_line,
    read,
    read_lines,
    step_lines,
)
from ..trust import rms
from .means import at_least, has_rows
from .rule import adafactor

Array = Any
AdafactorForm = Literal["relative", "none", "l2", "paper", "lr", "fixed", "initial_lr",
                        "proximal", "corrected"]  # fmt: skip
LARGEST = 100  # the reciprocal of what ρ is at most in the paper, and where no rate is read
THOUSAND = 1000  # that of ε2 in the paper, and where a program has no word for it
SCHEDULED = ("paper", "lr", "proximal", "corrected")  # forms that read η, whatever ρ is
SHAPES: dict[str, tuple[Shape, ...]] = {"matrices": ("row", "column", "vector"), "never": ("like",)}


class AdafactorScalars(NamedTuple):
    """The scalars of one step of the Adafactor family; None where the line is absent."""

    step: Any = None
    beta1: Any = None
    one_minus_beta1: Any = None
    beta2: Any = None
    one_minus_beta2: Any = None
    eps: Any = None
    eps_squared: Any = None
    eps2: Any = None
    threshold: Any = None
    l2: Any = None
    decay: Any = None


@dataclass(frozen=True)
class AdafactorDialect(Dialect):
    """Adafactor: what ρ and ε1 are, where the decay and the momentum stand, what is factored.

    ``form``: "relative" multiplies λ θ by α_t, the whole step size (the authors' successors); the
    others are those of Adam. ``order``: "before" decays θ first, so that RMS(θ) reads what is left.
    ``rate``: ρ is "relative", min(η α, 1/√t), "free", η α, or "constant", min(1/100, 1/√t) without
    a learning rate. ``scale``: α_t is ρ times RMS(θ), which is at least ε2, "parameter", or at
    least a "thousandth" (optax), or ρ alone, "none". ``eps``: ε1 is added to G², "added" (the
    paper), or bounds V̂ from below, "bound" (PyTorch). ``factored``: "matrices", by the last two
    axes, or "never". ``momentum``: "none", or an average of the steps with their sizes, "after" the
    rate, or without, "before" it.
    """

    form: AdafactorForm = question("paper", lines=dict.fromkeys(DECOUPLED, "paper"))
    order: ByNorm = question("together", scalars={"after": "together", "before": "together"})
    rate: Literal["relative", "free", "constant"] = question(
        "relative", lines={"free": "relative", "constant": "relative"}
    )
    scale: Literal["parameter", "thousandth", "none"] = question(
        "parameter", lines={"thousandth": "parameter"}
    )
    eps: Literal["added", "bound"] = question("added", scalars={"bound": "added"})
    factored: Literal["matrices", "never"] = question("matrices", scalars={"never": "matrices"})
    momentum: Literal["none", "after", "before"] = question("none", scalars={"before": "after"})
    schedule: Reading = schedule_question()

    family = "adafactor"

    @property
    def hyper(self) -> tuple[str, ...]:
        """Names of the hyperparameters that the dialect reads."""
        beta1 = () if self.momentum == "none" else ("beta1",)
        eps2 = ("eps2",) if self.scale == "parameter" else ()
        return ("learning_rate", *beta1, "power", "eps", *eps2, "threshold", "weight_decay")

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the state arrays."""
        own = ("v",) if self.factored == "never" else ("r", "c", "v")
        return own if self.momentum == "none" else (*own, "m")

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """A number a row, one a column, or as many as the tensor has."""
        own = SHAPES[self.factored]
        return own if self.momentum == "none" else (*own, "like")

    @property
    def scope(self) -> Scope:
        """A step reads means of its tensor."""
        return "tensor"

    @property
    def rounds(self) -> Asking:
        """The rule as a generator that asks for sums."""
        plain = AdafactorDialect(self.form, rate=self.rate, schedule=self.schedule)
        same = self in (plain, replace(plain, scale="thousandth"))
        written = same and self.form not in ("relative", "l2", "proximal")
        return adafactor if written else self.rule()

    def rule(self) -> Asking:  # type: ignore[override]  # one that asks
        """The rule with all its questions."""
        return partial(adafactor_dialect, self)

    def scalars(
        self, h: Hyper, t: int, eta: Any, *, before: Any = None, sqrt: Sqrt = math.sqrt
    ) -> AdafactorScalars:
        """Scalars of step `t` (from 1) under the multiplier `eta`; `before` is the last step's."""
        eta = read(self.schedule, eta, before)
        beta1 = None if self.momentum == "none" else h["beta1"]
        beta2 = 1 - whole(t, h["power"]) ** (-h["power"])
        return AdafactorScalars(
            step=self._rho(h, t, eta, sqrt),
            beta1=beta1,
            one_minus_beta1=None if beta1 is None else 1 - beta1,
            beta2=beta2,
            one_minus_beta2=1 - beta2,
            eps=h["eps"],
            eps_squared=h["eps"] * h["eps"],
            eps2=self._floor(h),
            threshold=h["threshold"],
            **coefficients(self.form, h, eta),
        )

    def _floor(self, h: Hyper) -> Any:
        """What RMS(θ) is at least."""
        if self.scale == "none":
            return None
        return h["eps2"] if self.scale == "parameter" else constant(1.0, h["eps"]) / THOUSAND

    def _rho(self, h: Hyper, t: int, eta: Any, sqrt: Sqrt) -> Any:
        """The step size ρ_t, before it is multiplied by RMS(θ)."""
        rate = h["learning_rate"]
        given = constant(1.0, rate) / LARGEST if self.rate == "constant" else eta * rate
        return given if self.rate == "free" else smaller(given, 1 / sqrt(whole(t, rate)))

    def recurrence(self) -> tuple[str, ...]:
        """The update rule in the paper's letters, one line a phase."""
        largest = "1/100" if self.rate == "constant" else "η α"
        rho = "η α" if self.rate == "free" else f"min({largest}, 1/√t)"
        floor = "1/1000" if self.scale == "thousandth" else "ε2"
        size = rho if self.scale == "none" else f"max({floor}, RMS(θ)) {rho}"
        own = step_lines(self.form, self.order, "m" if self.momentum == "after" else "α_t û")
        if self.momentum == "before":
            own = step_lines(self.form, self.order, "α_t m")
        before, after = own[: self.order == "before"], own[self.order == "before" :]
        lines = [f"α_t ← {size}", gradient_line(self.form, "", "none"), "β2 ← 1 - t^-p",
                 *self._moments(), "û ← u/max(1, RMS(u)/d)", *self._momentum()]  # fmt: skip
        return read_lines(self.schedule, *before, *lines, *after)

    def _moments(self) -> tuple[str, ...]:
        g2 = "(g² + ε1)" if self.eps == "added" else "g²"
        vector = f"v ← β2 v + (1-β2) {g2}"
        below = "√v" if self.eps == "added" else "√max(v, ε1²)"
        if self.factored == "never":
            return (vector, f"u ← g/{below}")
        mean = "mean(r)" if self.eps == "added" else "max(mean(r), ε1)"
        rows = f"r ← β2 r + (1-β2) mean of {g2} by row, c by column;  v ← r c/{mean}"
        return (rows, f"{vector}   (a vector)", f"u ← g/{below}")

    def _momentum(self) -> tuple[str, ...]:
        given = {"after": ("m ← β1 m + (1-β1) α_t û",), "before": ("m ← β1 m + (1-β1) û",)}
        return given.get(self.momentum, ())

    def plain(self) -> Self:
        """Return the same function in the plainest words."""
        found = super().plain()
        if found.scale == "none" and found.order == "before":  # no step reads θ
            found = replace(found, order="together")
        if (found.form, found.rate, found.scale) == ("relative", "free", "none"):
            return replace(found, form="lr")  # α_t is η α
        if found.rate == "constant" and found.form not in SCHEDULED:  # η is not read
            return replace(found, schedule="now")
        return found


def adafactor_dialect(
    d: AdafactorDialect, theta: Array, g: Array, slots: Sequence[Array], s: Any, /
) -> Rounds:
    """One step of the Adafactor dialect `d` on one tensor.

    ::

        θ = θ - k θ                       a decay before the step
        α = max(ε2, RMS(θ)) ρ, or ρ
        g = ∇f(θ) [+ λ θ]
        V̂ from the means of rows and columns, or from an array like g
        u = g / √V̂,  û = u / max(1, RMS(u)/d)
        m = β1 m + (1 - β1) α û, or of û
        θ = θ - α û or m or α m, with the decay together or after
    """
    before = d.order == "before" and s.decay is not None
    if before:
        theta = theta - s.decay * theta

    # STEP SIZE
    theta2, count = yield Sum(theta * theta), Count(theta)
    alpha = s.step if d.scale == "none" else s.step * at_least(s.eps2, rms(theta2, count))

    # MOMENTS
    if s.l2 is not None:
        g = g + s.l2 * theta
    v_hat, kept = yield from _second(d, g, slots, s)

    # UPDATE
    u = g / array_namespace(g).sqrt(v_hat)
    (u2,) = yield (Sum(u * u),)
    u = u / at_least(1.0, quotient(rms(u2, count), s.threshold))
    step, first = _stepped(d, alpha, u, slots, s)

    # STEP
    if s.decay is None or before:
        return theta - step, (*kept, *first)
    if d.order == "after":
        new = theta - step
        return new - s.decay * new, (*kept, *first)
    decay = s.decay * alpha if d.form == "relative" else s.decay
    return theta - (step + decay * theta), (*kept, *first)


def _second(d: AdafactorDialect, g: Array, slots: Sequence[Array], s: Any) -> Any:
    """V̂, and what is kept of it; it asks for sums."""
    g2 = g * g + s.eps if d.eps == "added" else g * g
    if d.factored == "never" or not has_rows(slots[0]):
        *rest, v = slots[: len(SHAPES[d.factored])]
        v = s.beta2 * v + s.one_minus_beta2 * g2
        return _bounded(d, v, s.eps_squared), (*rest, v)
    r, c, v = slots[:3]
    of_rows, of_columns = yield Sum(g2, "rows"), Sum(g2, "columns")
    r = s.beta2 * r + s.one_minus_beta2 * (of_rows / g.shape[-1])
    c = s.beta2 * c + s.one_minus_beta2 * (of_columns / g.shape[-2])
    (of_r,) = yield (Sum(r, "columns"),)
    v_hat = r * c / _bounded(d, of_r / g.shape[-2], s.eps)
    return _bounded(d, v_hat, s.eps_squared), (r, c, v)


def _bounded(d: AdafactorDialect, x: Array, bound: Any) -> Array:
    """What PyTorch keeps above a bound."""
    if d.eps == "added":
        return x
    xp = array_namespace(x)
    return xp.maximum(x, xp.full_like(x, bound))


def _stepped(
    d: AdafactorDialect, alpha: Any, u: Array, slots: Sequence[Array], s: Any
) -> tuple[Array, tuple[Array, ...]]:
    """The step, with its size, and the momentum that is kept."""
    if d.momentum == "none":
        return alpha * u, ()
    m = slots[-1]
    if d.momentum == "after":
        m = s.beta1 * m + s.one_minus_beta1 * (alpha * u)
        return m, (m,)
    m = s.beta1 * m + s.one_minus_beta1 * u
    return alpha * m, (m,)
