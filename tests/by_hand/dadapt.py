"""D-Adapted Adam by hand, in 50 digits: from the paper and from each program's source.

Defazio & Mishchenko (2023), D-Adapted Adam; dadaptation/dadapt_adam.py;
optax/contrib/_dadapt_adamw.py. It shares no line with the rule.
"""

from mpmath import mp, mpf

from .prodigy import rate_of
from .tree import gradient, inner, moved, walked


def by_hand(dialect, case):
    """Return the rows θ_1 … θ_T of every tensor."""

    def begin(tensors):
        for x in tensors:
            zeros = [mpf(0)] * len(x["theta"])
            x |= {"s": zeros, "m": zeros, "v": zeros}
        return {"d": tensors[0]["hyper"]["distance"], "numerator": mpf(0)}

    return walked(case, lambda state, now: one_step(dialect, state, now), begin)


def one_step(dialect, state, now):
    """Change the tree by one step."""
    d, share = state["d"], 1 - mp.sqrt(now[0]["hyper"]["beta2"])
    gathered, size = mpf(0), mpf(0)
    for x in now:
        h, gamma = x["hyper"], rate_of(dialect, x)[0]
        g = gradient(dialect, x)
        before = x["v"]
        x["v"] = [v + (1 - h["beta2"]) * (y * y - v) for v, y in zip(before, g, strict=True)]
        x["m"] = [h["beta1"] * m + (1 - h["beta1"]) * gamma * d * y
                  for m, y in zip(x["m"], g, strict=True)]  # fmt: skip
        under = before if dialect.metric == "old" else x["v"]
        weighted = [s / (mp.sqrt(v) + h["eps"]) if s else mpf(0)
                    for s, v in zip(x["s"], under, strict=True)]  # fmt: skip
        gathered += gamma * d * inner([(g, weighted)])
        own = 1 - mp.sqrt(h["beta2"])
        x["s"] = [(1 - own) * s + own * gamma * d * y for s, y in zip(x["s"], g, strict=True)]
        size += mp.fsum(map(abs, x["s"]))
    state["numerator"] += share * (gathered - state["numerator"])
    if size:
        state["d"] = max(d, state["numerator"] / (share * size))
    for x in now:
        gamma, eta = rate_of(dialect, x)
        step = [m / (mp.sqrt(v) + x["hyper"]["eps"]) if m else mpf(0)
                for m, v in zip(x["m"], x["v"], strict=True)]  # fmt: skip
        moved(dialect, x, step, gamma * d, eta)
