"""How hard the L2 term pulls a coordinate, against the scale of its gradient: slopes.

Coordinate i meets gradients of noise with standard deviation σ_i, from far below to far above λ|θ|.
Its effective decay is d_i = ⟨u_λ⟩/⟨θ⟩ per unit of α (`mechanisms_parts`). By Algorithm 2 d_i is λ
for AdamW, and λ/(√v̂_i + ε) for any L2 term in the step. √v̂_i is σ_i where v sees the gradient
alone, and √(σ_i² + λ²θ²) where it sees the L2 term too, so that there d_i saturates, and the
gradient's own step, ⟨u_g²⟩, is drowned. The four ways are the ablation of Bjorck et al. (2021),
arXiv 2012.13841, who ask which of Adam's buffers does the damage.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..theory.check import interval, slope
from ..theory.walk import Array
from .parts import METHODS, Parted

if TYPE_CHECKING:
    import xarray

LAM, ALPHA, STEPS, REPLICAS = 1.0, 5e-9, 1900, 8  # so few and small steps that θ stays at 1
SKIPPED = 100  # first steps, in which v̂ is a mean of few and may be next to 0
SIGMA = np.geomspace(1e-3, 1e3, 61)
RATIO = 30.0  # σ/(λ|θ|) from which one counts as far above the other
WEAK, STRONG, ALL = SIGMA >= RATIO * LAM, SIGMA <= LAM / RATIO, SIGMA > 0


@dataclass(frozen=True)
class Slope:
    """A log-log slope with its interval, and the slope that the formula says."""

    method: str
    measure: str
    against: str
    where: str
    predicted: float
    slope: float
    low: float
    high: float
    holds: bool


class Scales(NamedTuple):
    """Per coordinate and replica, (replica, σ): decay, gradient's own step, √v̂ + ε."""

    decay: Array
    step: Array
    denominator: Array


def measured(method: str) -> Scales:
    """Run `method` on the noise."""
    rng = np.random.default_rng(12)
    shape = (REPLICAS, SIGMA.size)
    parted = Parted(method, np.ones(shape), learning_rate=ALPHA, weight_decay=LAM, eps=1e-12)
    decay, square, denominator = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for t in range(SKIPPED + STEPS):
        parted.step(SIGMA * rng.standard_normal(shape))
        if t < SKIPPED:
            continue
        decay += parted.by_decay
        square += parted.by_gradient**2
        denominator += parted.denominator
    # θ stays at 1 within α λ T/σ = 1 %
    return Scales(decay / STEPS, np.sqrt(square / STEPS), denominator / STEPS)


def dataset() -> "xarray.Dataset":
    """Return the measured scales of every method, along (rule, replica, sigma)."""
    import xarray

    found = [measured(method) for method in METHODS]
    columns = {
        name: (("rule", "replica", "sigma"), np.stack(values))
        for name, values in zip(Scales._fields, zip(*found, strict=True), strict=True)
    }
    return xarray.Dataset(
        columns,
        coords={"rule": list(METHODS), "sigma": SIGMA},
        attrs={"title": "Effective decay against the gradient's scale", "weight_decay": LAM,
               "learning_rate": ALPHA, "steps": STEPS, "command": "wdref mechanisms"},
    )  # fmt: skip


def slopes(data: "xarray.Dataset") -> Iterator[Slope]:
    """Yield the slopes of every method, with 99.9 % intervals over the replicas.

    The interval is wider by what the formula's limit leaves out at its end, (1/RATIO)², and by the
    1 % that θ moves.
    """
    for method in METHODS:
        own = Scales(*(data[name].sel(rule=method).values for name in Scales._fields))
        decoupled, in_v = method == "AdamW", method in ("both", "v only")
        pull = 0.0 if decoupled else -1.0
        yield _fit(method, "decay", "denominator", own.denominator, own.decay, ALL, pull)
        yield _fit(method, "decay", "sigma", None, own.decay, WEAK, pull)
        yield _fit(method, "decay", "sigma", None, own.decay, STRONG, 0.0 if in_v else pull)
        yield _fit(method, "step", "sigma", None, own.step, STRONG, 1.0 if in_v else 0.0)


def _fit(
    method: str, measure: str, against: str, x: Array | None, y: Array, where: Array, want: float
) -> Slope:
    """Fit each replica, and compare their interval with the slope that was predicted."""
    rows = np.broadcast_to(SIGMA, y.shape) if x is None else x
    found = [float(slope(np.log(a[where]), np.log(np.abs(b[where]))[:, None])[0])
             for a, b in zip(rows, y, strict=True)]  # fmt: skip
    mean, half = interval(found)
    half += RATIO**-2 + 0.01 / float(np.log(SIGMA[where][-1] / SIGMA[where][0]))
    words = {id(WEAK): "σ >= 30 λ|θ|", id(STRONG): "σ <= λ|θ|/30", id(ALL): "all σ"}
    low, high = mean - half, mean + half
    return Slope(
        method, measure, against, words[id(where)], want, mean, low, high, low <= want <= high
    )
