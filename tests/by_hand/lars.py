"""LARS by hand, in 50 digits: from the paper and from each program's source.

You, Gitman & Ginsburg (2017), Algorithm 1 and equation 6; NVCaffe's GetLocalRate (norms of 0);
optax/_src/transform.py (scale_by_trust_ratio, trace), tinygrad/nn/optim.py (LARS),
paddle/phi/kernels/cpu/lars_momentum_kernel.cc. It shares no line with the rule.
"""

from mpmath import mp, mpf

from .decays import decayed


def by_hand(dialect, case):
    """Return the rows θ_1 … θ_T of a case of one tensor; asked for in 50 digits."""
    assert mp.dps >= 50
    hyper = {name: mpf(x) for name, x in case.hyper.items()}
    theta = [mpf(float(x)) for x in case.theta0]
    buffer, last, path = [mpf(0)] * len(theta), case.eta.tolist()[0], []
    for row, eta in zip(case.grads.tolist(), case.eta.tolist(), strict=True):
        read, last = mpf(last if dialect.schedule == "late" else eta), eta
        theta, buffer = step(dialect, hyper, theta, [mpf(g) for g in row], buffer, read)
        path.append(theta)
    return path


def step(d, hyper, theta, grads, buffer, eta):
    """Return the tensor and its buffer after a step."""
    alpha, lam, beta = (hyper[x] for x in ("learning_rate", "weight_decay", "momentum"))
    if d.order == "before":  # what the step reads is decayed, and nothing afterwards
        theta = [decayed(d, x, mpf(0), alpha, lam, eta) for x in theta]
    inside = lam if d.form == "ratio" else mpf(0)
    own = local(d, hyper, length(theta), grads, theta, inside)
    rates = {"step": (eta * alpha * own, 1), "ratio": (own, eta * alpha), "gradient":
             (1, eta * alpha * own)}  # fmt: skip
    within, without = rates[d.kept]
    entering = [within * (g + inside * x) for g, x in zip(grads, theta, strict=True)]
    buffer = [beta * b + e for b, e in zip(buffer, entering, strict=True)]
    ahead = [beta * b + e for b, e in zip(buffer, entering, strict=True)] if d.nesterov else buffer
    moves = [without * x for x in ahead]
    if d.order == "before":
        return [x - move for x, move in zip(theta, moves, strict=True)], buffer
    return [decayed(d, x, move, alpha, lam, eta)
            for x, move in zip(theta, moves, strict=True)], buffer  # fmt: skip


def local(d, hyper, size, grads, theta, inside):
    """Return ℓ: the quotient of the norms, or 1 where the program has none."""
    summed = length([g + inside * x for g, x in zip(grads, theta, strict=True)])
    plain = length(grads)
    absent = {
        "norms": False,
        "none": False,
        "coefficient": hyper["trust_coefficient"] == 0,
        "decay": d.form == "none" or hyper["weight_decay"] == 0,
    }[d.guard]
    compared = summed if d.norms == "sum" else plain
    if absent or (d.guard != "none" and 0 in (size, compared)):
        return mpf(1)
    below = {"parts": plain + inside * size, "sum": summed, "gradient": plain}[d.norms]
    below += hyper["eps"] if d.eps == "outside" else 0
    above = hyper["trust_coefficient"] * size
    return above / below if below else mpf("nan") if not above else mpf("inf")


def length(x):
    """Return the norm of a tensor."""
    return mp.sqrt(sum((a * a for a in x), mpf(0)))
