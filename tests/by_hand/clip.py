"""Clipping by a norm, by hand and in 50 digits: of Adam's gradients and of momentum's.

Pascanu, Mikolov & Bengio (2013), Algorithm 1, with > for its ≥: at the bound both leave g. By
tensor as keras/src/optimizers/base_optimizer.py does (clipnorm), by tree as it does
(global_clipnorm), torch.nn.utils.clip_grad_norm_ and optax.clip_by_global_norm. It shares no line
with the rules.
"""

from mpmath import mp, mpf

from .decays import decayed
from .tree import gradient, inner, walked


def by_hand(dialect, case):
    """Return the rows θ_1 … θ_T of every tensor."""

    def begin(tensors):
        for x in tensors:
            x |= {"m": [mpf(0)] * len(x["theta"]), "v": [mpf(0)] * len(x["theta"])}

    def step(_, now):
        for x, g in zip(now, clipped(dialect, now), strict=True):
            moved = {"adam": adam, "sgd": momentum}[dialect.family](x, g)
            h, eta = x["hyper"], x["eta"]
            x["theta"] = [decayed(dialect, theta, s, h["learning_rate"], h["weight_decay"], eta)
                          for theta, s in zip(x["theta"], moved, strict=True)]  # fmt: skip

    return walked(case, step, begin)


def clipped(dialect, now):
    """Return the gradient of each tensor that steps, as the moments read it."""
    where, _, whole = dialect.clip.partition("_")
    read = [gradient(dialect, x) if whole else x["g"] for x in now]
    squares = [inner([(g, g)]) for g in read]
    norms = [mp.sqrt(mp.fsum(squares) if where == "tree" else square) for square in squares]
    found = []
    for x, g, norm in zip(now, read, norms, strict=True):
        bound = x["hyper"]["clip"]
        short = [y * bound / norm for y in g] if norm > bound else g
        found.append(short if whole else gradient(dialect, {**x, "g": short}))
    return found


def adam(x, g):
    """Return Adam's step."""
    h, t = x["hyper"], x["t"]
    x["m"] = [m + (1 - h["beta1"]) * (y - m) for m, y in zip(x["m"], g, strict=True)]
    x["v"] = [v + (1 - h["beta2"]) * (y * y - v) for v, y in zip(x["v"], g, strict=True)]
    first, second = 1 - h["beta1"] ** t, 1 - h["beta2"] ** t
    rate = x["eta"] * h["learning_rate"]
    return [rate * (m / first) / (mp.sqrt(v / second) + h["eps"])
            for m, v in zip(x["m"], x["v"], strict=True)]  # fmt: skip


def momentum(x, g):
    """Return the step of momentum, whose buffer holds rates."""
    h = x["hyper"]
    rate = x["eta"] * h["learning_rate"]
    x["m"] = [h["momentum"] * m + rate * y for m, y in zip(x["m"], g, strict=True)]
    return x["m"]
