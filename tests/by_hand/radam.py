"""RAdam once more, in 50 digits: from Liu et al.'s Algorithm 2 and from each program's source.

It shares no line with wdref's rule: every program is written as it stands, branch and all.
"""

from mpmath import mp, mpf, sqrt

from .decays import decayed

mp.dps = 50


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
    m = v = mpf(0)
    path = []
    for i, (g, eta) in enumerate(zip(grads, etas, strict=True)):
        if d.form == "l2":
            g += h["weight_decay"] * theta
        m = h["beta1"] * m + (1 - h["beta1"]) * g
        v = h["beta2"] * v + (1 - h["beta2"]) * g**2
        t = i + 2 if d.bias == "ahead" else i + 1  # thinc's state["step"] += 1 of a count from 1
        step = eta * h["learning_rate"] * _direction(d, h, m, v, t)
        theta = decayed(d, theta, step, h["learning_rate"], h["weight_decay"], eta)
        path.append(theta)
    return path


def _direction(d, h, m, v, t):
    """The step for a rate of 1, from the running means after it."""
    beta1, beta2 = h["beta1"], h["beta2"]
    longest = 2 / (1 - beta2) - 1
    length = longest - 2 * t * beta2**t / (1 - beta2**t)
    known = {"over_4": length > 4, "over_5": length > 5, "from_5": length >= 5}[d.threshold]
    if not known:
        return m / (1 - beta1**t)
    r = sqrt((length - 4) / (longest - 4) * (length - 2) / (longest - 2) * longest / length)
    if d.eps == "hat":  # torch, paddle, thinc: √(1 - β2^t) over √v + ε
        adaptive = sqrt(1 - beta2**t) / (sqrt(v) + h["eps"])
    elif d.eps == "outside":  # optax, tensorflow_addons
        adaptive = 1 / (sqrt(v / (1 - beta2**t)) + h["eps"])
    else:  # the paper's l_t; 0/0 has no value, whatever r is
        adaptive = sqrt((1 - beta2**t) / v) if v else mp.nan
    return r * m / (1 - beta1**t) * adaptive
