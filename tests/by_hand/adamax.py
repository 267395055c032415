"""Adamax in 50 digits, from the equations of the paper and the sources of the programs.

Kingma & Ba (2015), Algorithm 2 of Section 7.1, and where ε stands: torch/optim/adamax.py and
optax's tree_update_infinity_moment (|g| + ε), keras/src/optimizers/adamax.py, mlx's Adamax and
TensorFlow's ApplyAdaMax (u + ε), paddle's adamax kernel (β2 u + ε).
"""

from mpmath import mp, mpf

from .decays import decayed


def by_hand(dialect, case):
    """Return θ_1 … θ_T, a list of coordinates each; nan where nothing but 0 has come."""
    with mp.workdps(50):
        columns = [column(dialect, case, i) for i in range(len(case.theta0))]
        return [list(row) for row in zip(*columns, strict=True)]


def column(d, case, i):
    """One coordinate: a number after the other."""
    h = {name: mpf(x) for name, x in case.hyper.items()}
    alpha, lam, b1, b2 = (h[k] for k in ("learning_rate", "weight_decay", "beta1", "beta2"))
    eps, bound = h.get("eps", mpf(0)), h.get("clip")
    etas = [mpf(x) for x in case.eta.tolist()]
    if d.schedule == "late":
        etas = [etas[0], *etas[:-1]]
    theta, m, u = mpf(float(case.theta0[i])), mpf(0), mpf(0)
    shrunk = lambda x: max(-bound, min(bound, x))  # noqa: E731
    path = []
    for t, (raw, eta) in enumerate(zip(case.grads[:, i].tolist(), etas, strict=True), start=1):
        g = shrunk(mpf(raw)) if d.clip == "gradient" else mpf(raw)
        if d.form == "l2":
            g += lam * theta
        elif d.form == "scaled_l2":
            g += lam / alpha * below(d, u, eps, b2, t - 1) * theta
        g = shrunk(g) if d.clip == "sum" else g
        m += (1 - b1) * (g - m)
        u = {
            "none": max(b2 * u, abs(g)),
            "out": max(b2 * u, abs(g)),
            "num": max(b2 * u, abs(g) + eps),
            "old": max(b2 * u + eps, abs(g)),
        }[d.eps]
        k = {"first": t, "both": t, "ahead": t + 1, "behind": t - 1, "none": 0}[d.bias]
        rate = eta * alpha / (1 - b1**k) if k else eta * alpha
        under = below(d, u, eps, b2, t)
        step = rate * m / under if under else mpf("nan")
        theta = decayed(d, theta, step, alpha, lam, eta)
        path.append(theta)
    return path


def below(d, u, eps, b2, t):
    """What m is divided by, after t steps."""
    u = u / (1 - b2**t) if d.bias == "both" and t else u
    return u + eps if d.eps == "out" else u
