"""NovoGrad in 50 digits, from the lines of its paper and the sources of the programs.

Ginsburg et al. (2019), Algorithm 1; optax's scale_by_novograd, tensorflow_addons' NovoGrad, timm's
NvNovoGrad, apex's fused_novograd.py and multi_tensor_novograd.cu. It shares no line with the rule.
"""

from mpmath import fsum, mp, mpf, sqrt

from .decays import decayed


def by_hand(d, case):
    """Return θ_1 … θ_T of one tensor, a list of coordinates each."""
    with mp.workdps(50):
        h = {name: mpf(x) for name, x in case.hyper.items()}
        etas = [mpf(x) for x in case.eta.tolist()]
        if d.schedule == "late":
            etas = etas[:1] + etas[:-1]
        x, path = [mpf(float(x)) for x in case.theta0], []
        moment, square = [mpf(0)] * len(x), None
        for t, (row, eta) in enumerate(zip(case.grads.tolist(), etas, strict=True), start=1):
            g = gradient(d, h, x, row)
            square = second(d, h, square, fsum(y**2 for y in g))
            below = denominator(d, h, square, t)
            taken = [entering(d, h, y, z, below) for y, z in zip(g, x, strict=True)]
            weight = weighed(d, h, t)
            moment = [h["beta1"] * m + weight * u for m, u in zip(moment, taken, strict=True)]
            steps = [eta * h["learning_rate"] * direction(d, h, m, below, t) for m in moment]
            x = [moved(d, h, z, step, eta) for z, step in zip(x, steps, strict=True)]
            path.append(x)
        return path


def gradient(d, h, x, row):
    """Return the gradient, with an L2 term."""
    c = h["weight_decay"] if d.form == "l2" else 0
    return [mpf(y) + c * z for y, z in zip(row, x, strict=True)]


def second(d, h, square, norm):
    """Return the second moment; before the first step there is none."""
    if square is None:
        return norm if d.start != "zero" else (1 - h["beta2"]) * norm
    if d.start == "again" and square == 0:
        return norm
    return h["beta2"] * square + (1 - h["beta2"]) * norm


def denominator(d, h, square, t):
    """Return what a gradient is divided by."""
    if d.bias == "both":
        square = square / (1 - h["beta2"] ** t)
    if d.eps == "inside":
        return sqrt(square + h["eps"])
    return sqrt(square) + (0 if d.eps == "later" and t == 1 else h["eps"])


def entering(d, h, y, z, below):
    """Return what the moment takes in of one coordinate."""
    own = y if d.moment == "raw" else over(y, below)
    return own + h["weight_decay"] * z if d.form == "moment" else own


def weighed(d, h, t):
    """Return its weight: 1, or 1 - β1."""
    plain = d.averaging == "none" or (d.averaging == "later" and t == 1)
    return mpf(1) if plain else 1 - h["beta1"]


def direction(d, h, m, below, t):
    """Return what a step goes along."""
    m = m / (1 - h["beta1"] ** t) if d.bias == "both" else m
    return over(m, below) if d.moment == "raw" else m


def over(x, y):
    """Return x / y, no number where y is 0."""
    return x / y if y else mpf("nan")


def moved(d, h, z, step, eta):
    """Return one coordinate after its step, and a decay outside the moment."""
    if d.form == "moment":
        return z - step
    return decayed(d, z, step, h["learning_rate"], h["weight_decay"], eta)
