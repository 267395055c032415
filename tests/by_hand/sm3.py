"""SM3 in 50 digits, from the lines of SM3-II in its paper and from optax's scale_by_sm3.

Anil et al. (2019). One accumulator a slice, under its axis and its place, as the paper has them.
It shares no line with the rule.
"""

from itertools import product

from mpmath import mp, mpf, sqrt

from .decays import decayed


def by_hand(d, case):
    """Return θ_1 … θ_T of one tensor, a list of coordinates each."""
    shape = case.shape if case.shape is not None else case.theta0.shape
    places = list(product(*map(range, shape)))
    slices = {i: [(axis, k) for axis, k in enumerate(place)] or [()]
              for i, place in enumerate(places)}  # fmt: skip
    with mp.workdps(50):
        h = {name: mpf(x) for name, x in case.hyper.items()}
        etas = [mpf(x) for x in case.eta.tolist()]
        if d.schedule == "late":
            etas = etas[:1] + etas[:-1]
        x = [mpf(float(y)) for y in case.theta0]
        mu = {r: mpf(0) for own in slices.values() for r in own}
        moment, path = [mpf(0)] * len(x), []
        for row, eta in zip(case.grads.tolist(), etas, strict=True):
            c = h["weight_decay"] if d.form == "l2" else 0
            g = [mpf(y) + c * z for y, z in zip(row, x, strict=True)]
            nu = [summed(d, h, min(mu[r] for r in slices[i]), y) for i, y in enumerate(g)]
            mu = {r: max(nu[i] for i, own in slices.items() if r in own) for r in mu}
            moment = [h["momentum"] * m + (1 - h["momentum"]) * scaled(d, h, y, n)
                      for m, y, n in zip(moment, g, nu, strict=True)]  # fmt: skip
            x = [decayed(d, z, eta * h["learning_rate"] * m, h["learning_rate"],
                         h["weight_decay"], eta)
                 for z, m in zip(x, moment, strict=True)]  # fmt: skip
            path.append(x)
        return path


def summed(d, h, least, y):
    """Return ν of one coordinate: the least of its slices' accumulators, and its square."""
    if d.squares == "sum":
        return least + y**2
    return h["beta2"] * least + (1 - h["beta2"]) * y**2


def scaled(d, h, y, nu):
    """Return a gradient over its root; 0/0 is 0."""
    eps = {"none": mpf(0), "fixed": mpf(1e-8)}.get(d.eps, h.get("eps"))
    return y / sqrt(nu + eps) if nu else mpf(0)
