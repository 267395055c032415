"""MARS in 50 digits, from the lines of its paper and the sources of the programs.

Yuan et al. (2024), Algorithms 2 and 3; mars.py of AGI-Arena/MARS, its update_fn, with the README's
formula of v; timm's mars.py, pytorch_optimizer's mars.py, mlx_optimizers' mars.py. It shares no
line with the rule: averages are weighted sums of all that was clipped.
"""

from mpmath import fsum, isnan, mp, mpf, sign, sqrt

from .decays import decayed


def by_hand(d, case):
    """Return θ_1 … θ_T of one tensor, a list of coordinates each."""
    with mp.workdps(50):
        h = {name: mpf(x) for name, x in case.hyper.items()}
        etas = [mpf(x) for x in case.eta.tolist()]
        if d.schedule == "late":
            etas = etas[:1] + etas[:-1]
        x, gradients, clipped, path = [mpf(float(x)) for x in case.theta0], [], [], []
        for row, eta in zip(case.grads.tolist(), etas, strict=True):
            lam = h["weight_decay"] if d.form == "l2" else 0
            gradients.append([mpf(y) + lam * z for y, z in zip(row, x, strict=True)])
            clipped.append(unit(d, corrected(d, h, gradients)))
            x = step(d, h, x, gradients, clipped, eta)
            path.append(x)
        return path


def corrected(d, h, gradients):
    """Return g (1 + k) - k g₋, with k = γ β1/(1 - β1)."""
    now = gradients[-1]
    if len(gradients) > 1:
        before = gradients[-2]
    else:
        before = now if d.start == "first" else [mpf(0)] * len(now)
    k = h["gamma"] / (1 / h["beta1"] - 1) if h["beta1"] else mpf(0)
    return [(1 + k) * y - k * z for y, z in zip(now, before, strict=True)]


def unit(d, c):
    """Return c of no norm above 1."""
    length = sqrt(fsum(y * y for y in c))
    return [y / length for y in c] if d.norm == "tensor" and length > 1 else c


def step(d, h, x, gradients, clipped, eta):
    """Return the parameters after a step."""
    squared = gradients if d.square == "gradient" else clipped
    means = [average(d, h["beta1"], column) for column in zip(*clipped, strict=True)]
    if d.direction == "sign":
        u = [y if isnan(y) else sign(y) for y in means]
    else:
        squares = [average(d, h["beta2"], [y * y for y in column])
                   for column in zip(*squared, strict=True)]  # fmt: skip
        eps = h["eps"]
        if d.eps == "hat" and d.bias == "both":
            eps = eps / sqrt(1 - h["beta2"] ** len(gradients))
        below = [sqrt(v + eps) if d.eps == "inside" else sqrt(v) + eps for v in squares]
        u = [m / b if b else mpf("nan") for m, b in zip(means, below, strict=True)]
    alpha, lam = h["learning_rate"], h["weight_decay"]
    return [decayed(d, z, eta * alpha * y, alpha, lam, eta) for z, y in zip(x, u, strict=True)]


def average(d, beta, column):
    """Return the weighted mean of a coordinate's values, or the sum of what weighs less than 1."""
    weights = [(1 - beta) * beta**age for age in range(len(column))][::-1]
    whole = 1 - beta ** len(column) if d.bias == "both" else 1
    return fsum(w * y for w, y in zip(weights, column, strict=True)) / whole
