"""Cautious weight decay: AdamW that decays only where the step agrees, and minimises L itself.

Chen et al. (2025), arXiv 2510.12402: θ ← θ - α(u + λ 1[u θ >= 0] θ) keeps the minima of L; among
them it slides to one where no |θ_i| can fall without another's rising.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..check import Check
from ..variants import CAUTIOUS
from ..walk import Array, Walk
from .ball import CENTRE, LAM, RATE, STEPS

SOURCE = "Chen et al. 2025, arXiv:2510.12402"


def unregularised() -> Iterator[Check]:
    """The quadratic of 1-box: cautious AdamW ends at c, AdamW at clip(c, ±1/λ)."""
    found = {name: _settled(rule) for name, rule in (("cautious", CAUTIOUS), ("adamw", None))}
    reach = 2 * RATE / (STEPS / 2) ** 0.5 / (1 - 0.9)
    yield Check("7-minimum", "Cautious AdamW ends at the minimum of L itself: max|θ - c|", 0.0,
                _apart(found["cautious"]), reach, "2 α_T/(1-β1), as 1-box", SOURCE,
                ).against("AdamW stops at the box", _apart(found["adamw"]))  # fmt: skip


def _settled(rule: object) -> Array:
    walk = Walk("adamw", np.zeros_like(CENTRE), rule=rule, form="lr", learning_rate=RATE,
                weight_decay=LAM, schedule=lambda t: t**-0.5)  # fmt: skip
    for _ in range(STEPS // 2):
        walk.step(walk.theta - CENTRE)
    return walk.theta


def _apart(theta: Array) -> float:
    return float(np.abs(theta - CENTRE).max())


def pareto() -> Iterator[Check]:
    """Two coordinates, one equation, L = (a·θ - 1)²/2: all points of the line a·θ = 1 are minima.

    For a = (1, 0.8) those with θ >= 0 are Pareto: no |θ_i| can fall without the other's rising.
    From (3, -2.5) on the line both can. Measured is how far the end is from that part of the line.
    """
    a, start = np.array([1.0, 0.8]), np.array([3.0, -2.5])
    ends = {
        name: _slid(rule, a, start) for name, rule in (("cautious", CAUTIOUS), ("bare", "none"))
    }
    off = {name: max(abs(float(a @ end) - 1), -float(end.min()), 0.0) for name, end in ends.items()}
    yield Check("7-pareto", "Of the minima it slides to one where no |θ_i| can fall alone", 0.0,
                off["cautious"], 2 * RATE / (STEPS / 2) ** 0.5 / (1 - 0.9),
                "2 α_T/(1-β1), as 1-box", SOURCE,
                detail={"start": start.tolist(), "end": ends["cautious"].tolist()},
                ).against("Adam without decay stays where it is", off["bare"])  # fmt: skip


def _slid(rule: object, a: Array, start: Array) -> Array:
    options: dict[str, Any] = {
        "learning_rate": RATE,
        "weight_decay": 0.0 if rule == "none" else LAM,
    }
    walk = Walk("adamw", start, rule=None if rule == "none" else rule, form="lr", **options,
                schedule=lambda t: t**-0.5)  # fmt: skip
    for _ in range(STEPS // 2):
        walk.step((a @ walk.theta - 1) * a)
    return walk.theta
