"""LAMB by hand, in 50 digits: from the paper and from each program's source.

You et al. (2020), Algorithm 2; optax/_src/alias.py (lamb) and transform.py (scale_by_trust_ratio),
keras/src/optimizers/lamb.py with base_optimizer.py (_apply_weight_decay), tinygrad/nn/optim.py
(LAMB), paddle/phi/kernels/impl/lamb_kernel_impl.h. It shares no line with the rule.
"""

from mpmath import fsum, mp, mpf, sqrt

from .decays import decayed


def by_hand(dialect, case):
    """Return the rows θ_1 … θ_T of a case of one tensor; asked for in 50 digits."""
    assert mp.dps >= 50
    h = {name: mpf(x) for name, x in case.hyper.items()}
    etas = [mpf(x) for x in case.eta.tolist()]
    if dialect.schedule == "late":
        etas = etas[:1] + etas[:-1]
    x = [mpf(float(value)) for value in case.theta0]
    moments, path = [(mpf(0), mpf(0))] * len(x), []
    for t, (row, eta) in enumerate(zip(case.grads.tolist(), etas, strict=True), start=1):
        x, moments = step(dialect, h, x, row, moments, t, eta)
        path.append(x)
    return path


def step(d, h, x, row, moments, t, eta):
    """Return the tensor and its moments after a step."""
    alpha, lam = h["learning_rate"], h["weight_decay"]
    if d.order == "before":  # the ratio reads what the decay leaves
        x = [decayed(d, z, mpf(0), alpha, lam, eta) for z in x]
    grads = [mpf(y) + (lam * z if d.form == "l2" else 0) for y, z in zip(row, x, strict=True)]
    moments = [((1 - h["beta1"]) * y + h["beta1"] * m, (1 - h["beta2"]) * y**2 + h["beta2"] * v)
               for y, (m, v) in zip(grads, moments, strict=True)]  # fmt: skip
    inside = lam if d.form == "ratio" else mpf(0)
    u = [adam(d, h, m, v, t) + inside * z for (m, v), z in zip(moments, x, strict=True)]
    scale = eta * alpha * ratio(d, lam, length(x), length(u))
    if d.order == "before":
        return [z - scale * w for z, w in zip(x, u, strict=True)], moments
    return [decayed(d, z, scale * w, alpha, lam, eta) for z, w in zip(x, u, strict=True)], moments


def adam(d, h, m, v, t):
    """Return Adam's direction of one coordinate; 0/0 is no number."""
    first, second = 1 - h["beta1"] ** t, 1 - h["beta2"] ** t
    above = m if d.bias == "none" else m / first
    square = v if d.bias == "none" else v / second
    if d.eps == "hat" and d.bias == "both":  # m̂ √(1-β2^t) / (√v + ε)
        below = (sqrt(v) + h["eps"]) / sqrt(second)
    elif d.eps == "inside":
        below = sqrt(square + h["eps"])
    else:
        below = sqrt(square) + h["eps"]
    return above / below if below else mpf("nan")


def ratio(d, lam, theta, u):
    """Return what the step is multiplied by: ‖θ‖/‖u‖, where there is one."""
    if d.undecayed == "adam" and (d.form == "none" or lam == 0):
        return mpf(1)
    quotient = mpf(1) if 0 in (theta, u) else theta / u
    return min(quotient, 1) if d.trust == "bounded" else quotient


def length(x):
    """Return the norm of a tensor."""
    return sqrt(fsum(z * z for z in x))
