"""Sophia in 50 digits, from the lines of its paper and the sources of the programs.

Liu et al. (2023), Algorithm 3; optax/contrib/_sophia.py, whose average is refreshed after it is
used; sophia.py of Liuhong99/Sophia, whose |m|/(ρ h + ε) is bounded by 1 and given the sign of m;
pytorch_optimizer's sophia.py, without γ. It shares no line with the rule: averages are weighted
sums of all that they were given.
"""

from mpmath import fsum, mp, mpf, sign

from .decays import decayed


def by_hand(d, case):
    """Return θ_1 … θ_T of one tensor, a list of coordinates each."""
    with mp.workdps(50):
        h = {name: mpf(x) for name, x in case.hyper.items()}
        etas = [mpf(x) for x in case.eta.tolist()]
        if d.schedule == "late":
            etas = etas[:1] + etas[:-1]
        columns = zip(case.theta0.tolist(), case.grads.T.tolist(),
                      case.inputs["curvature"].T.tolist(), strict=True)  # fmt: skip
        paths = [coordinate(d, h, etas, mpf(x), gs, given) for x, gs, given in columns]
        return [list(row) for row in zip(*paths, strict=True)]


def coordinate(d, h, etas, x, grads, given):
    """Return one coordinate's path."""
    seen, path = [], []
    for t, (g, eta) in enumerate(zip(grads, etas, strict=True), start=1):
        seen.append(gradient(d, h, x, mpf(g)))
        m = average(h["beta1"], seen)
        if d.bias == "moment":
            m /= 1 - h["beta1"] ** t
        # in the middle of step t its own estimate is there already, or not yet
        steps = range(1, t + 1) if d.refresh == "before" else range(1, t)
        k = int(h["interval"])
        taken = [mpf(given[s - 1]) for s in steps if s in range(1, t + 1, k)]
        curvature = average(h["beta2"], [y * y if d.estimate == "squared" else y for y in taken])
        alpha = h["learning_rate"]
        step = eta * alpha * direction(d, h, m, curvature)
        x = decayed(d, x, step, alpha, h["weight_decay"], eta)
        path.append(x)
    return path


def gradient(d, h, x, g):
    """Return what the moment takes in: with an L2 term, clipped before or after it."""
    term = h["weight_decay"] * x if d.form == "l2" else mpf(0)
    if d.clip == "none":
        return g + term
    bound = h["clip"]
    if d.clip == "gradient":
        return max(-bound, min(bound, g)) + term
    return max(-bound, min(bound, g + term))


def direction(d, h, m, curvature):
    """Return the clipped quotient."""
    scaled = curvature if d.scale == "one" else h["gamma"] * curvature
    below = max(scaled, h["eps"]) if d.eps == "clamp" else scaled + h["eps"]
    if not below:
        return mpf("nan")
    if below > 0:  # as Sophia-G writes it
        return sign(m) * min(abs(m) / below, 1)
    return max(mpf(-1), min(mpf(1), m / below))


def average(beta, values):
    """Return the sum of what is younger, weighted more."""
    return fsum((1 - beta) * beta**age * y for age, y in enumerate(reversed(values)))
