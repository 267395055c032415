"""The sign rules by hand, in 50 digits: from the papers and from each program's source.

Chen et al. (2023), Algorithm 2; Bernstein et al. (2018), Algorithms 1 and 2; Su (2023), equation 1.
optax/_src/transform.py (scale_by_lion, scale_by_sign, ema), keras/src/optimizers/lion.py,
mlx/optimizers/optimizers.py. It shares no line with the rule.
"""

from mpmath import mp, mpf

from .decays import decayed


def by_hand(dialect, case):
    """Return the rows θ_1 … θ_T; asked for in 50 digits."""
    assert mp.dps >= 50
    hyper = {name: mpf(x) for name, x in case.hyper.items()}
    columns = [
        coordinate(dialect, hyper, mpf(float(theta)), case.grads[:, i].tolist(), case.eta.tolist())
        for i, theta in enumerate(case.theta0)
    ]
    return [list(row) for row in zip(*columns, strict=True)]


def coordinate(dialect, hyper, theta, grads, etas):
    """One coordinate's path."""
    path, average, last = [], mpf(0), etas[0]
    for g, eta in zip(grads, etas, strict=True):
        read = mpf(last if dialect.schedule == "late" else eta)
        g, last = gradient(dialect, hyper, theta, mpf(g)), eta
        direction, average = sides(dialect, hyper, average, g)
        rate = hyper["learning_rate"]
        step = read * rate * mp.sign(direction)
        theta = decayed(dialect, theta, step, rate, hyper["weight_decay"], read)
        path.append(theta)
    return path


def gradient(dialect, hyper, theta, g):
    """Return what the moments are made of: with an L2 term, clipped before or after it."""
    extra = {"l2": hyper["weight_decay"]}
    if dialect.form == "scaled_l2":
        extra["scaled_l2"] = hyper["weight_decay"] / hyper["learning_rate"]
    term = extra.get(dialect.form, mpf(0)) * theta
    if dialect.clip == "none":
        return g + term
    bound = hyper["clip"]
    if dialect.clip == "gradient":
        return max(-bound, min(bound, g)) + term
    return max(-bound, min(bound, g + term))


def sides(dialect, hyper, average, g):
    """Return what the sign is taken of, and the new average."""
    if dialect.sign == "gradient":
        return g, average
    one = mpf(1)
    new = average + (one - hyper["beta2"]) * (g - average)
    if dialect.sign == "moment":
        return new, new
    return average + (one - hyper["beta1"]) * (g - average), new
