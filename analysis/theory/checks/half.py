"""Half precision: a decay below half a unit in the last place moves nothing that is stored in it.

With p bits of precision, θ(1-k) rounds back to θ where kθ is at most half the spacing below θ: for
every θ if k <= 2^-(p+1), p = 8 for bfloat16 and 11 for float16. D'Angelo et al. (2023) find
decay to matter for training in bfloat16; AdamW's usual k = αλ = 1e-5 is below both thresholds.
"""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import ml_dtypes
import numpy as np

import wdref

from ..check import Check

SOURCE = "rounding to nearest (IEEE 754); on bfloat16: D'Angelo et al. 2023, arXiv:2310.04415"
DTYPES = {"bfloat16": (8, ml_dtypes.bfloat16), "float16": (11, np.float16)}
WORDS = {"half": "2^-(p+1)", "above": "1.01·2^-(p+1)", "double": "2^-p"}


def threshold() -> Iterator[Check]:
    """The share of all θ in [1, 2) that one decay of k moves: at, just above and below 2^-(p+1)."""
    for name, (p, dtype) in DTYPES.items():
        half = Fraction(1, 2 ** (p + 1))
        for words, k in (("half", half), ("above", half * 101 / 100), ("double", 2 * half)):
            found = _moved(p, dtype, float(k), master=False)
            check = Check(f"8-{name}-{words}",
                          f"Share of {name} weights that a decay of {WORDS[words]} moves",
                          _share(p, k), found, 0.0, "counted exactly", SOURCE,
                          detail={"k": float(k), "weights": 2 ** (p - 1)})  # fmt: skip
            kept = _moved(p, dtype, float(k), master=True)
            yield check if _share(p, k) == 1 else check.against("with a float32 master copy", kept)


def _share(p: int, k: Fraction) -> float:
    """Count θ = 1 + j 2^(1-p): it moves if kθ is more than half the spacing below it.

    That spacing is 2^(1-p), below 1 half as much. A tie goes to the even neighbour, j even.
    """
    moved: int = 0
    for j in range(2 ** (p - 1)):
        theta = 1 + Fraction(j, 2 ** (p - 1))
        half = Fraction(1, 2 ** (p + (j == 0)))
        moved += k * theta > half or (k * theta == half and j % 2 == 1)
    return moved / float(2 ** (p - 1))


def _moved(p: int, dtype: Any, k: float, *, master: bool) -> float:
    """Share of the weights that AdamW's decay moves, or their copies in float32 where kept."""
    theta = (1 + np.arange(2 ** (p - 1)) / 2 ** (p - 1)).astype(dtype)
    opt = wdref.AdamW(weight_decay=k, master_weights=master, backend="plain")
    params, grads = {"w": theta}, {"w": np.zeros_like(theta)}
    new, state = opt.update(params, grads, opt.init(params))
    after = state.slots["master"]["w"] if master else new["w"]
    return float(np.mean(after.astype(np.float64) != theta.astype(np.float64)))
