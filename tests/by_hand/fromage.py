"""Fromage by hand, in 50 digits: from the paper and from each program's source.

Bernstein et al. (2020), Algorithm 1; the authors' jxbz/fromage (norms of 0);
optax/_src/transform.py (scale_by_trust_ratio, whose norms are not below min_norm). It shares no
line with the rule.
"""

from mpmath import mp, mpf

from .decays import decayed


def by_hand(dialect, case):
    """Return the rows θ_1 … θ_T of a case of one tensor; asked for in 50 digits."""
    assert mp.dps >= 50
    hyper = {name: mpf(x) for name, x in case.hyper.items()}
    theta = [mpf(float(x)) for x in case.theta0]
    last, path = case.eta.tolist()[0], []
    for row, eta in zip(case.grads.tolist(), case.eta.tolist(), strict=True):
        read, last = mpf(last if dialect.schedule == "late" else eta), eta
        theta = step(dialect, hyper, theta, [mpf(g) for g in row], read)
        path.append(theta)
    return path


def step(d, hyper, theta, grads, eta):
    """Return the tensor after a step."""
    alpha, lam = hyper["learning_rate"], hyper["weight_decay"]
    if d.order == "before":
        theta = [decayed(d, x, mpf(0), alpha, lam, eta) for x in theta]
    if d.form == "l2":
        grads = [g + lam * x for g, x in zip(grads, theta, strict=True)]
    least = hyper["min_norm"] if d.floor == "norms" else mpf(0)
    size, slope = max(length(theta), least), max(length(grads), least)
    ratio = mpf(1) if 0 in (size, slope) else size / slope
    root = mp.hypot(1, eta * alpha) if d.shrink == "all" else mpf(1)
    new = [(x - eta * alpha * ratio * g) / root for x, g in zip(theta, grads, strict=True)]
    if d.order == "before":
        return new
    # `decayed` takes a step from θ: here what the whole step has changed
    return [decayed(d, x, x - y, alpha, lam, eta) for x, y in zip(theta, new, strict=True)]


def length(x):
    """Return the norm of a tensor."""
    return mp.sqrt(sum((a * a for a in x), mpf(0)))
