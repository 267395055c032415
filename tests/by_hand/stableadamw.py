"""StableAdamW in 50 digits, from the lines of its paper and the sources of the programs.

Wortsman et al. (2023), Algorithm 2; optimi's stableadamw.py, pytorch_optimizer's adamw.py, zeta's
stable_adam.py, timm's AdamWLegacy with its clipping_threshold, levanter's AdamConfig with its
update_rms_clipping. It shares no line with the rule: averages are weighted sums of all gradients.
"""

from mpmath import fsum, mp, mpf, sqrt

from .decays import decayed


def by_hand(d, case):
    """Return θ_1 … θ_T of one tensor, a list of coordinates each."""
    with mp.workdps(50):
        h = {name: mpf(x) for name, x in case.hyper.items()}
        etas = [mpf(x) for x in case.eta.tolist()]
        if d.schedule == "late":
            etas = etas[:1] + etas[:-1]
        x, seen, path = [mpf(float(x)) for x in case.theta0], [], []
        for row, eta in zip(case.grads.tolist(), etas, strict=True):
            lam = h["weight_decay"] if d.form == "l2" else 0
            seen.append([mpf(y) + lam * z for y, z in zip(row, x, strict=True)])
            x = step(d, h, x, seen, eta)
            path.append(x)
        return path


def step(d, h, x, seen, eta):
    """Return the parameters after a step whose gradients were `seen`, the last of them now."""
    t = len(seen)
    means = [average(d, h["beta1"], column) for column in zip(*seen, strict=True)]
    squares = [average(d, h["beta2"], [y * y for y in column])
               for column in zip(*seen, strict=True)]  # fmt: skip
    eps = h["eps"]
    if d.eps == "hat" and d.bias != "none":
        eps = eps / sqrt(1 - h["beta2"] ** t)
    below = [sqrt(v + eps) if d.eps == "inside" else sqrt(v) + eps for v in squares]
    u = [over(m, b) for m, b in zip(means, below, strict=True)]
    if d.form == "ratio":
        u = [y + h["weight_decay"] * z for y, z in zip(u, x, strict=True)]
    if d.measure == "clamped":
        measured = [over(g, max(sqrt(v), eps)) for g, v in zip(seen[-1], squares, strict=True)]
    elif d.measure == "added":
        measured = [over(g, b) for g, b in zip(seen[-1], below, strict=True)]
    else:
        measured = u
    total = fsum(y * y for y in measured)
    length = sqrt(total / len(x)) if d.length == "rms" else sqrt(total)
    r = 1 / length if length > 1 else mpf(1)
    alpha = h["learning_rate"]
    if d.form == "ratio":
        return [z - eta * alpha * r * y for z, y in zip(x, u, strict=True)]
    lam = h["weight_decay"] * (r if d.rate == "clipped" else 1)
    return [decayed(d, z, eta * alpha * r * y, alpha, lam, eta) for z, y in zip(x, u, strict=True)]


def average(d, beta, column):
    """Return the weighted mean of a coordinate's values, or the sum of what weighs less than 1."""
    weights = [(1 - beta) * beta**age for age in range(len(column))][::-1]
    whole = 1 if d.bias == "none" else 1 - beta ** len(column)
    return fsum(w * y for w, y in zip(weights, column, strict=True)) / whole


def over(x, y):
    """Return x / y, no number where y is 0."""
    return x / y if y else mpf("nan")
