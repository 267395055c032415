"""NAdam once more, in 50 digits: from Dozat's Algorithm 2 and from each program's source.

It shares no line with wdref's rule: the schedule of μ is written out for every step and multiplied.
"""

from mpmath import fprod, mp, mpf, sqrt

from .decays import decayed

mp.dps = 50
DECAY = mpf(0.96)  # the double that every program has


def by_hand(dialect, case):
    """Return the rows θ_1 … θ_T of the program whose answers `dialect` has."""
    h = {name: mpf(x) for name, x in case.hyper.items()}
    etas = [mpf(eta) for eta in case.eta.tolist()]
    columns = [
        _column(dialect, h, mpf(float(x)), [mpf(float(g)) for g in case.grads[:, i]], etas)
        for i, x in enumerate(case.theta0)
    ]
    return [list(row) for row in zip(*columns, strict=True)]


def _column(d, h, theta, grads, etas):
    mus = [_mu(d, h, t) for t in range(1, len(grads) + 2)]  # one more than there are steps
    m = v = mpf(0)
    path = []
    for t, (g, eta) in enumerate(zip(grads, etas, strict=True), start=1):
        if d.form == "l2":
            g += h["weight_decay"] * theta
        beta = mus[t - 1] if d.average == "mu" else h["beta1"]
        m += (g - m) * (1 - beta)
        v += (g**2 - v) * (1 - h["beta2"])
        ahead = mus[t] * m / (1 - fprod(mus[: t + 1]))
        now = (1 - mus[t - 1]) * g / (1 - fprod(mus[:t]))
        v_hat = v / (1 - h["beta2"] ** t) * (h["beta2"] if d.second == "beta2" else 1)
        update = eta * h["learning_rate"] * (ahead + now) / (sqrt(v_hat) + h["eps"])
        theta = decayed(d, theta, update, h["learning_rate"], h["weight_decay"], eta)
        path.append(theta)
    return path


def _mu(d, h, t):
    """μ_t: torch and paddle have momentum_decay, Keras has 1 for it, optax β1 throughout."""
    if d.ramp == "none":
        return h["beta1"]
    psi = h["psi"] if d.ramp == "psi" else 1
    return h["beta1"] * (1 - DECAY ** (t * psi) / 2)
