"""Grokking: how long a large start keeps a network from the solution that decay leads it to.

Lyu et al. (2024), arXiv 2311.18817: a homogeneous network started at scale α_0 fits the data as a
kernel machine, until decay has shrunk it, at a time of about (log α_0)/λ in units of Σ α. Here the
diagonal linear network f(x) = (u∘u - v∘v)·x on data of a sparse w*. In gradient flow
u∘v = α_0² e^{-2λs} whatever the data, so that two runs differ by a shift in time alone: doubling
α_0 costs (log 2)/λ.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ..check import Check, slope
from ..walk import Array, Walk

SOURCE = "Lyu et al. 2024, arXiv:2311.18817 (transition at a time of order (log α_0)/λ)"
SAMPLES, WEIGHTS, SEEDS, RATE = 24, 48, 4, 1 / 120  # RATE · max(u², v²) keeps below instability
DECAYS, SCALES, MOST = np.array([0.1, 0.2, 0.4]), np.array([2.0, 4.0]), 30_000
GROKKED = 0.1  # of the squared error of f = 0; kernel machines stay at about half


class Batch(NamedTuple):
    """One problem for each (decay, scale, seed): data, target, start and decay."""

    x: Array
    target: Array
    theta0: Array
    lam: Array


def law() -> Iterator[Check]:
    """SGDW (form ``lr``): the shift from α_0 = 2 to 4 is (log 2)/λ; that of Adam + L2 is not."""
    times, l2 = _times("sgdw"), _times("adam")
    shift, other = times[:, 1] - times[:, 0], l2[:, 1] - l2[:, 0]
    scale = (DECAYS[:, None] * shift / np.log(2)).ravel()
    wrong = (DECAYS[:, None] * other / np.log(2)).ravel()
    # each time is known to a step of RATE, and Euler's factor is (1-αλ)², not e^{-2αλ}: αλ/2
    step = RATE * DECAYS.max()
    off = 2 * step / np.log(2) + step / 2
    detail = {"weight_decay": DECAYS.tolist(), "scale": SCALES.tolist(),
              "time": times.mean(axis=-1).tolist(), "time_l2": l2.mean(axis=-1).tolist(),
              "seeds": SEEDS}  # fmt: skip
    yield Check("12-scale", "Grokking: doubling the start costs λ Δ(Σα) = log 2 (over log 2)",
                1.0, _farthest(scale), off, "two times known to a step each, Euler's αλ/2",
                SOURCE, detail=detail).against("Adam + L2", _farthest(wrong))  # fmt: skip
    slopes = [_farthest(slope(np.log(DECAYS), np.log(np.abs(x))), -1.0) for x in (shift, other)]
    yield Check("12-decay", "Grokking: that cost falls as λ^(-1) (slope, worst seed)", -1.0,
                slopes[0], 2 * off / float(np.log(DECAYS[-1] / DECAYS[0])),
                "the tolerance of 12-scale at both ends of λ", SOURCE,
                ).against("Adam + L2", slopes[1])  # fmt: skip


def _farthest(values: Array, goal: float = 1.0) -> float:
    return float(values[np.abs(values - goal).argmax()])


def _batch() -> Batch:
    rng = np.random.default_rng(11)
    x = rng.standard_normal((SEEDS, SAMPLES, WEIGHTS)) / SAMPLES**0.5
    target = np.zeros(WEIGHTS)
    target[:3] = 1.0, -1.0, 1.0
    copies = DECAYS.size * SCALES.size
    lam, start = (
        np.repeat(DECAYS, SCALES.size * SEEDS),
        np.repeat(np.tile(SCALES, DECAYS.size), SEEDS),
    )
    theta0 = np.repeat(start[:, None], 2 * WEIGHTS, axis=1)  # u and v side by side
    return Batch(np.tile(x, (copies, 1, 1)), target, theta0, lam[:, None])


def _times(claim: str) -> Array:
    """Σ α until the error of w is below GROKKED: (decay, scale, seed); nan where it never is."""
    batch = _batch()
    walk = Walk(claim, batch.theta0, form="lr" if claim == "sgdw" else None,
                weight_decay=batch.lam)  # fmt: skip
    elapsed, found = np.zeros(len(batch.lam)), np.full(len(batch.lam), np.nan)
    y, transposed = batch.x @ batch.target, np.ascontiguousarray(batch.x.transpose(0, 2, 1))
    for _ in range(MOST):
        u, v = walk.theta[:, :WEIGHTS], walk.theta[:, WEIGHTS:]
        w = u * u - v * v
        error = ((w - batch.target) ** 2).sum(axis=1) / (batch.target**2).sum()
        found = np.where(np.isnan(found) & (error < GROKKED), elapsed, found)
        if not np.isnan(found).any():
            break
        g = (transposed @ ((batch.x @ w[..., None])[..., 0] - y)[..., None])[..., 0]
        # SGD's stable step shrinks with the square of the weights; Adam's is fixed
        rate = RATE / np.maximum((walk.theta**2).max(axis=1), 1.0)
        rate = rate if claim == "sgdw" else np.full_like(rate, 1e-3)
        walk.hyper["learning_rate"] = rate[:, None]
        walk.step(np.concatenate([2 * u * g, -2 * v * g], axis=1))
        elapsed += rate
    return found.reshape(DECAYS.size, SCALES.size, SEEDS)
