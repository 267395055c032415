"""Prodigy by hand, in 50 digits: from the paper and from each program's source.

Mishchenko & Defazio (2023), Algorithm 4; prodigyopt/prodigy.py; optax/contrib/_prodigy.py. The
programs' own scale of r and s is kept, d/d0 in place of (1 - √β2) d: it cancels. It shares no line
with the rule.
"""

from mpmath import mp, mpf

from .tree import gradient, inner, moved, walked


def by_hand(dialect, case):
    """Return the rows θ_1 … θ_T of every tensor."""

    def begin(tensors):
        for x in tensors:
            zeros = [mpf(0)] * len(x["theta"])
            x |= {"first": list(x["theta"]), "s": zeros, "m": zeros, "v": zeros}
        d0 = tensors[0]["hyper"]["distance"]
        return {"d": d0, "d0": d0, "numerator": mpf(0)}

    return walked(case, lambda state, now: one_step(dialect, state, now), begin)


def rate_of(dialect, x):
    """Return γ, the learning rate with its correction."""
    h, eta = x["hyper"], x["before"] if dialect.schedule == "late" else x["eta"]
    gamma = eta * h["learning_rate"]
    if dialect.bias == "rate":
        gamma *= mp.sqrt(1 - h["beta2"] ** x["t"]) / (1 - h["beta1"] ** x["t"])
    return gamma, eta


def one_step(dialect, state, now):
    """Change the tree by one step."""
    d, d0 = state["d"], state["d0"]
    state["numerator"] *= mp.sqrt(now[0]["hyper"]["beta2"])
    denominator = mpf(0)
    for x in now:
        h, (gamma, _) = x["hyper"], rate_of(dialect, x)
        g, far = gradient(dialect, x), [a - b for a, b in zip(x["first"], x["theta"], strict=True)]
        state["numerator"] += d / d0 * d * gamma * inner([(g, far)])
        x["m"] = [h["beta1"] * m + (1 - h["beta1"]) * d * y for m, y in zip(x["m"], g, strict=True)]
        x["v"] = [h["beta2"] * v + (1 - h["beta2"]) * (d * y) ** 2
                  for v, y in zip(x["v"], g, strict=True)]  # fmt: skip
        grows = d / d0 * d * (1 if dialect.weight == "distance" else gamma)
        x["s"] = [mp.sqrt(h["beta2"]) * s + grows * y for s, y in zip(x["s"], g, strict=True)]
        denominator += mp.fsum(map(abs, x["s"]))
    if denominator:
        times = now[0]["hyper"]["coefficient"]
        state["d"] = max(d, times * state["numerator"] / denominator)
    for x in now:
        gamma, eta = rate_of(dialect, x)
        at, under = (state["d"] if word == "new" else d for word in (dialect.rate, dialect.eps))
        step = [gamma * at * m / (mp.sqrt(v) + under * x["hyper"]["eps"]) if m else mpf(0)
                for m, v in zip(x["m"], x["v"], strict=True)]  # fmt: skip
        moved(dialect, x, step, gamma * at, eta)
