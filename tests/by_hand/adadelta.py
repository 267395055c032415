"""Adadelta in 50 digits, from the equations of the paper and the sources of the programs.

Zeiler (2012), Algorithm 1 and equation 9; torch/optim/adadelta.py, optax's scale_by_adadelta,
keras/src/optimizers/adadelta.py, mlx's AdaDelta, paddle's adadelta kernel, TensorFlow's
ApplyAdadelta. They differ in the decay alone; what no program has is from the dialect's words.
"""

from mpmath import mp, mpf, sqrt

from .decays import decayed


def by_hand(dialect, case):
    """Return θ_1 … θ_T, a list of coordinates each."""
    with mp.workdps(50):
        columns = [column(dialect, case, i) for i in range(len(case.theta0))]
        return [list(row) for row in zip(*columns, strict=True)]


def column(d, case, i):
    """One coordinate: a number after the other."""
    h = {name: mpf(x) for name, x in case.hyper.items()}
    alpha, lam, rho, eps = (h[k] for k in ("learning_rate", "weight_decay", "rho", "eps"))
    etas = [mpf(x) for x in case.eta.tolist()]
    if d.schedule == "late":
        etas = etas[:1] + etas[:-1]
    x, mean_square, mean_update = mpf(float(case.theta0[i])), mpf(0), mpf(0)
    path = []
    for raw, eta in zip(case.grads[:, i].tolist(), etas, strict=True):
        g = mpf(raw)
        if d.clip == "gradient":
            g = min(max(g, -h["clip"]), h["clip"])
        if d.form == "l2":
            g = g + lam * x
        if d.clip == "sum":
            g = min(max(g, -h["clip"]), h["clip"])
        mean_square = rho * mean_square + (1 - rho) * g**2
        delta = -rms(d, mean_update, eps) / rms(d, mean_square, eps) * g
        kept = delta * eta * alpha if d.kept == "step" else delta
        mean_update = rho * mean_update + (1 - rho) * kept**2
        if d.numerator == "after":
            delta = -rms(d, mean_update, eps) / rms(d, mean_square, eps) * g
        x = decayed(d, x, -eta * alpha * delta, alpha, lam, eta)
        path.append(x)
    return path


def rms(d, mean, eps):
    """Equation 9, or with ε beside the root."""
    return sqrt(mean + eps) if d.eps == "inside" else sqrt(mean) + eps
