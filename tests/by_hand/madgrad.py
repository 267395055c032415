"""MADGRAD in 50 digits, from Algorithm 1 of its paper and from the sources of the programs.

Defazio & Jelassi (2021); facebookresearch/madgrad, madgrad.py; optax/contrib/_madgrad.py. It shares
no line with the rule.
"""

from mpmath import cbrt, mp, mpf, sqrt

from .decays import decayed


def by_hand(d, case):
    """Return θ_1 … θ_T, a list of coordinates each."""
    with mp.workdps(50):
        columns = [column(d, case, i) for i in range(len(case.theta0))]
        return [list(row) for row in zip(*columns, strict=True)]


def column(d, case, i):
    """One coordinate: a number after the other."""
    h = {name: mpf(x) for name, x in case.hyper.items()}
    alpha, lam, c = h["learning_rate"], h["weight_decay"], 1 - h["momentum"]
    etas = [mpf(x) for x in case.eta.tolist()]
    if d.schedule == "late":
        etas = etas[:1] + etas[:-1]
    x = x0 = mpf(float(case.theta0[i]))
    total, squares, path = mpf(0), mpf(0), []
    for k, (raw, eta) in enumerate(zip(case.grads[:, i].tolist(), etas, strict=True)):
        g = mpf(raw)
        if d.clip == "gradient":
            g = min(max(g, -h["clip"]), h["clip"])
        if d.form == "l2":
            g = g + lam * x
        if d.clip == "sum":
            g = min(max(g, -h["clip"]), h["clip"])
        lamb = (eta * alpha + (h["eps"] if d.rate == "eps" else 0)) * sqrt(mpf(k + 1))
        total, squares = total + lamb * g, squares + lamb * g**2
        below = cbrt(squares) + h["eps"]
        z = x0 - total / below if below else mpf("nan")
        x = decayed(d, x, c * (x - z), alpha, lam, eta)
        path.append(x)
    return path
