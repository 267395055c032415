"""The cautious rules and Grams in 50 digits, from their papers and the sources of the programs.

Liang et al. (2024), Algorithms 1 and 2; Cao, Li & Song (2024); C-Optim's c_adamw.py and c_lion.py,
timm's adamw.py and lion.py, pytorch_optimizer's lion.py and grams.py, the authors' grams.py. It
shares no line with the rules: averages are weighted sums of all gradients.
"""

from mpmath import fsum, mp, mpf, sign, sqrt

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
    columns = list(zip(*seen, strict=True))
    base = lions if d.base == "lion" else adams
    moved = [left(d, base(d, h, column), column[-1]) for column in columns]
    count = sum(1 for one in moved if one is not None)
    factor = mpf(1)
    if d.mask != "gradient":
        share = mpf(count) / len(x)
        factor = len(x) / mpf(count + 1) if d.scale == "count" else 1 / max(share, mpf("0.001"))
    alpha, lam = h["learning_rate"], h["weight_decay"]
    return [decayed(d, z, eta * alpha * factor * (y or 0), alpha, lam, eta)
            for z, y in zip(x, moved, strict=True)]  # fmt: skip


def left(d, u, g):
    """Return what is left of a coordinate's step, None where it is masked."""
    if d.mask == "gradient":
        return sign(g) * abs(u)
    return u if sign(u) * sign(g) > 0 else None


def adams(d, h, column):
    """Return Adam's step of a coordinate, without its rate."""
    t = len(column)
    mean = average(h["beta1"], column)
    square = average(h["beta2"], [y * y for y in column])
    eps = h["eps"]
    if d.bias == "both":
        mean, square = mean / (1 - h["beta1"] ** t), square / (1 - h["beta2"] ** t)
        eps = eps / sqrt(1 - h["beta2"] ** t) if d.eps == "hat" else eps
    below = sqrt(square) + eps
    return mean / below if below else mpf("nan")


def lions(d, h, column):
    """Return Lion's step of a coordinate: a sign."""
    before = average(h["beta2"], column[:-1])
    return sign(h["beta1"] * before + (1 - h["beta1"]) * column[-1])


def average(beta, column):
    """Return the average of a coordinate's values that began at 0."""
    return fsum((1 - beta) * beta**age * y for age, y in enumerate(reversed(column)))
