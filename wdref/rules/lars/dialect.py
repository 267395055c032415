"""LARS under other answers than its Algorithm 1's: the LARS family of dialects.

The phases and their order are those of the paper's file; with the paper's answers the function here
gives the same bits. The form of a decay outside the local rate differs in the host's scalars alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, NamedTuple, Self

from array_api_compat import array_namespace

from ...sums import Rounds, Sum
from ..choice import chosen, quotient, root
from ..contract import Asking, Dialect, Hyper, Scope, Sqrt, question, schedule_question
from ..decay import (
    DECOUPLED,
    ByNorm,
    Reading,
    coefficients,
    moved,
    read,
    read_lines,
    step_lines,
)
from .rule import lars

Array = Any
LarsForm = Literal["ratio", "none", "paper", "lr", "fixed", "initial_lr", "proximal",
                   "corrected"]  # fmt: skip
Kept = Literal["step", "ratio", "gradient"]

INSIDE = {"step": "η α ℓ u", "ratio": "ℓ u", "gradient": "u"}  # what enters the buffer
OUTSIDE = {"step": "", "ratio": "η α ", "gradient": "η α ℓ "}  # what it is multiplied by after
WHERE = {"norms": "1 where a norm is 0", "coefficient": "1 where a norm or κ is 0",
         "decay": "1 where a norm or λ is 0", "none": ""}  # fmt: skip


class LarsScalars(NamedTuple):
    """The scalars of one step of the LARS family; None where the line is absent.

    `trust` is κ, `decay` λ inside the local rate, or the coefficient of θ outside; no form has an
    `l2` of its own.
    """

    step: Any = None
    beta1: Any = None
    trust: Any = None
    eps: Any = None
    l2: Any = None
    decay: Any = None


@dataclass(frozen=True)
class LarsDialect(Dialect):
    """LARS: where the decay, the norms and the rates stand.

    ``form``: "ratio" is the paper's, λ θ in what the local rate multiplies; the decoupled forms are
    outside of it. ``order``: of these, "before" decays θ first, so that the norm is of what is
    left. ``norms``: the denominator is made of the "parts", ‖∇f‖ + λ ‖θ‖ (the paper), of the "sum",
    ‖∇f + λ θ‖ (optax), or of the "gradient" alone. ``eps``: added to it or not. ``guard``: where
    the local rate is 1: where one of the "norms" is 0, where the "coefficient" κ or the "decay" λ
    is 0, too, or nowhere ("none"). ``kept``: the buffer keeps steps (the paper), what the "ratio"
    scales, the learning rate outside, or the "gradient", both outside. ``nesterov``: the step looks
    ahead.
    """

    form: LarsForm = question("ratio", lines=dict.fromkeys(DECOUPLED, "paper"))
    order: ByNorm = question("together", scalars={"after": "together", "before": "together"})
    norms: Literal["parts", "sum", "gradient"] = question(
        "parts", scalars={"sum": "parts", "gradient": "parts"}
    )
    eps: Literal["none", "outside"] = question("none")
    guard: Literal["norms", "coefficient", "decay", "none"] = question(
        "norms", scalars={"coefficient": "norms", "decay": "norms", "none": "norms"}
    )
    kept: Kept = question("step", scalars={"ratio": "step", "gradient": "step"})
    nesterov: bool = question(False, scalars={True: False})
    schedule: Reading = schedule_question()

    family = "lars"
    slots = ("m",)

    @property
    def hyper(self) -> tuple[str, ...]:
        """Names of the hyperparameters that the dialect reads."""
        eps = () if self.eps == "none" else ("eps",)
        return ("learning_rate", "momentum", "trust_coefficient", *eps, "weight_decay")

    @property
    def scope(self) -> Scope:
        """A step reads the norms of its tensor."""
        return "tensor"

    @property
    def rounds(self) -> Asking:
        """The rule as a generator that asks for sums."""
        plain = self == LarsDialect(form=self.form, schedule=self.schedule)
        return lars if plain and self.form in ("ratio", "none") else self.rule()

    def rule(self) -> Asking:  # type: ignore[override]  # one that asks
        """The rule with all its questions."""
        return partial(lars_dialect, self)

    def scalars(
        self, h: Hyper, t: int, eta: Any, *, before: Any = None, sqrt: Sqrt = math.sqrt
    ) -> LarsScalars:
        """Scalars of step `t` (from 1) under the multiplier `eta`; `before` is the last step's."""
        eta = read(self.schedule, eta, before)
        return LarsScalars(
            step=eta * h["learning_rate"],
            beta1=h["momentum"],
            trust=h["trust_coefficient"],
            eps=None if self.eps == "none" else h["eps"],
            **coefficients(self.form, h, eta),
        )

    def recurrence(self) -> tuple[str, ...]:
        """The update rule in the paper's letters, one line a phase."""
        inside = self.form == "ratio"
        below = {"parts": "‖g‖ + λ ‖θ‖", "sum": "‖u‖", "gradient": "‖g‖"}[self.norms]
        below = (below if inside else "‖g‖") + (" + ε" if self.eps == "outside" else "")
        where = f"   ({WHERE[self.guard]})" if self.guard != "none" else ""
        enters = INSIDE[self.kept]
        lines = ["g ← ∇f(θ)", f"u ← g{' + λ θ' if inside else ''}",
                 f"ℓ ← κ ‖θ‖/{f'({below})' if '+' in below else below}{where}",
                 f"m ← β1 m + {enters}"]  # fmt: skip
        step = OUTSIDE[self.kept] + (f"(β1 m + {enters})" if self.nesterov else "m")
        ends = step_lines(self.form, self.order, step)
        first, last = ends[: self.order == "before"], ends[self.order == "before" :]
        return read_lines(self.schedule, *first, *lines, *last)

    def plain(self) -> Self:
        """Return the same function in the plainest words."""
        found, change = super().plain(), dict[str, Any]()
        if found.form != "ratio":  # there is one norm beside ‖θ‖
            change["norms"] = "parts"
        if found.form == "none" and found.guard == "decay":  # no local rate: momentum alone
            change["eps"] = "none"
            change["kept"] = "step" if found.kept == "step" else "gradient"
        return replace(found, **change)


def lars_dialect(
    d: LarsDialect, theta: Array, g: Array, slots: Sequence[Array], s: Any, /
) -> Rounds:
    """One step of the LARS dialect `d` on one tensor.

    ::

        θ = θ - k θ                       a decay outside the local rate, before the step
        g = ∇f(θ),  u = g [+ λ θ inside the rate]
        ℓ = κ ‖θ‖ / (‖g‖ + λ ‖θ‖ [+ ε]), or of ‖u‖ or ‖g‖ alone
        m = β1 m + c u                    c: η α ℓ in the buffer, or ℓ, or 1
        d = m, or Nesterov's β1 m + c u
        θ = θ - d times what of η α ℓ is not in it, with a decay outside together or after
    """
    array_namespace(theta, g)  # one library, or a clear error
    (m,) = slots
    outside = s.decay is not None and d.form != "ratio"

    # RATE
    if outside and d.order == "before":
        theta = theta - s.decay * theta
    u = g if outside or s.decay is None else g + s.decay * theta
    read = u if d.norms == "sum" else g
    theta2, g2 = yield Sum(theta * theta), Sum(read * read)
    local = _guarded(d, theta2, g2, s)

    # MOMENTS
    if d.kept != "gradient":
        u = (s.step * local if d.kept == "step" else local) * u
    m = s.beta1 * m + u

    # STEP
    step = s.beta1 * m + u if d.nesterov else m
    if d.kept != "step":
        step = (s.step if d.kept == "ratio" else s.step * local) * step
    if not outside or d.order == "before":
        return theta - step, (m,)
    return moved(d, theta, step, s), (m,)


def _guarded(d: LarsDialect, theta2: Any, g2: Any, s: Any) -> Any:
    """The local rate, and 1 where the dialect has none."""

    def guarded() -> Any:
        return chosen(theta2 > 0.0, lambda: chosen(g2 > 0.0, rate, lambda: 1.0), lambda: 1.0)

    def rate() -> Any:
        return _local(d, root(theta2), root(g2), s)

    if d.guard == "none":
        return rate()
    if d.guard == "norms":
        return guarded()
    needed = s.trust if d.guard == "coefficient" else s.decay
    return 1.0 if needed is None else chosen(needed > 0.0, guarded, lambda: 1.0)


def _local(d: LarsDialect, size: Any, below: Any, s: Any) -> Any:
    if d.norms == "parts" and d.form == "ratio" and s.decay is not None:
        below = below + s.decay * size
    if s.eps is not None:
        below = below + s.eps
    return quotient(s.trust * size, below)
