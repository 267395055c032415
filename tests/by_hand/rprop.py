"""Rprop by hand, in 50 digits: from the paper and from each program's source.

Igel & Hüsken (2003), Rprop+, Rprop- and iRprop-; torch/optim/rprop.py, _single_tensor_rprop;
optax/_src/transform.py, scale_by_rprop. It shares no line with the rule.
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
    """One coordinate's path; `moved` is the step of the time before, `side` its gradient's sign."""
    path, side, length = [], 0, hyper["learning_rate"]
    for g, eta in zip(grads, etas, strict=True):
        new = int(mp.sign(gradient(dialect, hyper, theta, mpf(g))))
        # optax multiplies the gradient by the step before: where that is 0 nothing agrees
        agree = 0 if dialect.turn == "late" and length == 0 else side * new
        turned, moved = agree < 0, -side * length
        length = sized(dialect.bounded, hyper, agree, length)
        side = 0 if turned and dialect.turn != "through" else new
        step = -side * length
        if dialect.turn == "revert" and turned:
            step = -moved
        if dialect.turn == "late":
            step = mpf(0) if turned else moved
        rate, lam = hyper["learning_rate"], hyper["weight_decay"]
        path.append(decayed(dialect, theta, -step, rate, lam, mpf(eta)))
        theta = path[-1]
    return path


def sized(bounded, hyper, agree, length):
    """Return the next length."""
    low, high = hyper["smallest"], hyper["largest"]
    if agree:
        length *= hyper["grow"] if agree > 0 else hyper["shrink"]
        if bounded == "each":
            return min(length, high) if agree > 0 else max(length, low)
    return max(low, min(high, length)) if agree or bounded == "always" else length


def gradient(dialect, hyper, theta, g):
    """Return the gradient with an L2 term, clipped before or after it."""
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
