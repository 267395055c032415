"""Normalised layers under a schedule: why gradients grow at its end, and what keeps them.

Defazio (2025), arXiv 2506.02285: in the steady state ‖g‖/‖x‖ = √(2λ/γ_t), which grows without bound
as the learning rate γ_t goes to 0. The decay γ_t² λ/γ_max in place of γ_t λ keeps it at
√(2λ/γ_max). And D'Angelo et al. (2023), arXiv 2310.04415: without any decay the angle a step dies.
"""

from collections.abc import Callable, Iterator

import numpy as np

from ..check import Check, slope
from ..walk import Array, Walk
from .rotation import noise

SOURCE = "Defazio 2025, arXiv:2506.02285"
C, STEPS, GAMMA, LAM = 64, 4000, 0.5, 0.01


def corrected() -> Iterator[Check]:
    """SGDW (form ``lr``), linear decay of γ: ‖g‖/‖x‖ at 50 % and 99 % of the steps.

    x and g being orthogonal, ‖x_{t+1}‖² = (1-k)²‖x‖² + γ²‖g‖² exactly, k = γ λ. At rest
    ‖g‖²/‖x‖² = (2k - k²)/γ²: the formula leaves out k/4 of the ratio.
    """

    def eta(t: int) -> float:
        return 1 - (t - 1) / STEPS

    plain, fixed = _ratios(LAM, eta), _ratios(lambda t: LAM * eta(t), eta)
    goal = (2 * LAM / GAMMA) ** 0.5
    marks = [int(share * STEPS) for share in (0.05, 0.5, 0.9, 0.99)]
    k = GAMMA * LAM
    yield Check("4-corrected", "Decay γ_t²λ/γ_max: ‖g‖/‖x‖ stays at √(2λ/γ_max) (worst)",
                goal, _farthest(fixed[marks], goal), goal * k / 2,
                "k = γλ: k/4 of it left out, and as much for what is left of the start", SOURCE,
                detail={"at": [t / STEPS for t in marks], "corrected": fixed[marks].tolist(),
                        "uncorrected": plain[marks].tolist()},
                ).against("decay γ_t λ", _farthest(plain[marks], goal))  # fmt: skip
    t = STEPS // 2
    now = GAMMA * eta(t + 1)
    want = (2 * LAM / now) ** 0.5
    # ‖x‖⁴ follows its goal at rate 4k while γ falls by 1/(T-t) a step: a lag of 1/(4k(T-t)), half
    # of which is the ratio's
    lag = 1 / (8 * now * LAM * (STEPS - t)) + now * LAM / 4
    yield Check("4-steady", "Decay γ_t λ: ‖g‖/‖x‖ = √(2λ/γ_t) halfway", want, float(plain[t]),
                want * lag, "the lag 1/(8k(T-t)) behind γ_t, and k/4", SOURCE,
                ).against("the corrected decay", float(fixed[t]))  # fmt: skip


def _ratios(decay: float | Callable[[int], float], eta: Callable[[int], float]) -> Array:
    """‖g‖/‖x‖ at each step, started at rest: ‖x‖⁴ = γ/(2λ) for G = 1."""
    rng = np.random.default_rng(5)
    x = rng.standard_normal(C)
    x *= (GAMMA / (2 * LAM)) ** 0.25 / np.linalg.norm(x)
    walk = Walk("sgdw", x, form="lr", learning_rate=GAMMA, weight_decay=decay, schedule=eta)
    found = []
    for _ in range(STEPS):
        g = noise(rng, walk.theta, 1.0)
        found.append(np.linalg.norm(g) / np.linalg.norm(walk.theta))
        walk.step(g)
    return np.array(found)


def _farthest(values: Array, goal: float) -> float:
    return float(values[np.abs(values - goal).argmax()])


def undecayed() -> Iterator[Check]:
    """Without decay ‖x‖⁴ grows by 2γ²G² a step, so that the angle γG/‖x‖² falls as t^(-1/2)."""
    times = np.unique(np.geomspace(STEPS / 10, STEPS, 20).astype(int))
    slopes = {lam: float(slope(np.log(times), np.log(_angles(lam)[times - 1])[:, None])[0])
              for lam in (0.0, LAM)}  # fmt: skip
    # ‖x‖⁴ = ‖x_0‖⁴ + 2γ²t: a start of 1 moves the slope by at most 1/(2 · 2γ² t_first)
    start = 1 / (4 * GAMMA**2 * times[0])
    yield Check("8-rate", "Scale-invariant weights without decay: the angle falls as t^(-1/2)",
                -0.5, slopes[0.0], start * 1.5, "‖x_0‖ = 1 against its growth, and γ⁴ terms",
                "D'Angelo et al. 2023, arXiv:2310.04415 (decay keeps the effective learning rate)",
                ).against("with decay it stays", slopes[LAM])  # fmt: skip


def _angles(lam: float) -> Array:
    rng = np.random.default_rng(6)
    x = rng.standard_normal(C)
    walk = Walk("sgdw", x / np.linalg.norm(x), form="lr", learning_rate=GAMMA, weight_decay=lam)
    found = []
    for _ in range(STEPS):
        old = walk.theta
        new = walk.step(noise(rng, old, 1.0))
        found.append(np.arccos(old @ new / (np.linalg.norm(old) * np.linalg.norm(new))))
    return np.array(found)
