"""ASGD by hand, in 50 digits: from Bottou's papers and from PyTorch's source.

Bottou, Stochastic Gradient Descent Tricks (2012), whose t begins at 0; torch/optim/asgd.py,
_single_tensor_asgd, which shrinks θ before it steps and makes the next step's rate when one is
done. It shares no line with the rule.
"""

from mpmath import mp, mpf, power

from .decays import decayed


def by_hand(dialect, case):
    """Return the rows θ_1 … θ_T and those of the average; asked for in 50 digits."""
    assert mp.dps >= 50
    hyper = {name: mpf(x) for name, x in case.hyper.items()}
    etas = [mpf(eta) for eta in case.eta.tolist()]
    if dialect.schedule == "late":
        etas = [etas[0], *etas[:-1]]
    columns = [_column(dialect, hyper, mpf(float(x)), case.grads[:, i].tolist(), etas)
               for i, x in enumerate(case.theta0)]  # fmt: skip
    paths, averages = zip(*columns, strict=True)
    return [*zip(*paths, strict=True)], [*zip(*averages, strict=True)]


def _column(d, h, theta, grads, etas):
    average, path, averages = mpf(0), [], []
    done = mpf(0 if d.count == "done" else 1)
    for g, eta in zip(grads, etas, strict=True):
        grad = _gradient(d, h, mpf(g), theta)
        rate = _rate(d, h, eta * h["learning_rate"], done)
        step = theta * (h["penalty"] * rate) + grad * rate
        theta = decayed(d, theta, step, h["learning_rate"], h["weight_decay"], eta)
        average += (theta - average) / max(mpf(1), done - h["onset"])
        done += 1
        path.append(theta)
        averages.append(average)
    return path, averages


def _rate(d, h, begun, done):
    """Return what is left of the rate that it began with."""
    if d.raised == "count":
        return begun / (1 + h["penalty"] * begun * power(done, h["exponent"]))
    return begun * power(1 + h["penalty"] * begun * done, -h["exponent"])


def _gradient(d, h, g, theta):
    if d.clip == "gradient":
        g = max(-h["clip"], min(h["clip"], g))
    if d.form == "l2":
        g += h["weight_decay"] * theta
    return max(-h["clip"], min(h["clip"], g)) if d.clip == "sum" else g
