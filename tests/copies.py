"""Copies of the rules, written as users write them: right in another order of operations, or wrong.

A copy takes one step, ``copy(s, θ, g, m, v) -> (θ, m, v)``; `drive` runs it over a case.
"""

import math

import numpy as np

from wdref.oracle.targets.targets import Result

DTYPES = ("float32", "float64")
WIDER = {"float32": np.float64, "float64": np.longdouble}


class Step:
    """What one step of a copy reads: a rate, a decay factor k, powers, and plain numbers."""

    def __init__(self, h, t, eta):
        self.h, self.t, self.eta = h, t, eta
        self.lr, self.lam = h["learning_rate"] * eta, h["weight_decay"]
        self.k, self.eps = self.lr * self.lam, h.get("eps")
        self.mu, self.tau = h.get("momentum"), h.get("dampening")
        self.b1, self.b2 = h.get("beta1", 0.0), h.get("beta2", 0.0)
        self.c1, self.c2 = 1 - self.b1**t, 1 - self.b2**t


def drive(copy, case, wide=None):
    """Run `copy(s, θ, g, m, v) -> (θ, m, v)` over a case, rounding the state after each step."""
    theta, path = case.theta0.copy(), []
    m, v = np.zeros_like(theta), np.zeros_like(theta)
    with np.errstate(all="ignore"):
        for t, (g, eta) in enumerate(zip(case.grads, case.eta.tolist(), strict=True), 1):
            state = [x.astype(wide or case.dtype) for x in (theta, g, m, v)]
            theta, m, v = copy(Step(case.hyper, t, eta), *state)
            theta, m, v = (x.astype(case.dtype) for x in (theta, m, v))
            path.append(theta.astype(np.float64))
    return Result("ok", np.array(path))


def moments(s, g, m, v):
    return s.b1 * m + (1 - s.b1) * g, s.b2 * v + (1 - s.b2) * (g * g)


def unit(s, m, v):
    """The direction of Adam's step."""
    return m / s.c1 / (np.sqrt(v / s.c2) + s.eps)


def adamw(s, theta, g, m, v):
    m, v = moments(s, g, m, v)
    return theta - (s.lr * unit(s, m, v) + s.k * theta), m, v


# -- right copies --------------------------------------------------------------------------------


def decay_first(s, theta, g, m, v):
    m, v = moments(s, g, m, v)
    return theta * (1 - s.k) - s.lr * unit(s, m, v), m, v


def decay_last(s, theta, g, m, v):
    m, v = moments(s, g, m, v)
    return theta - s.lr * unit(s, m, v) - s.k * theta, m, v


def folded(s, theta, g, m, v):
    m, v = moments(s, g, m, v)
    rate, eps = s.lr * math.sqrt(s.c2) / s.c1, s.eps * math.sqrt(s.c2)
    return (1 - s.k) * theta - rate * m / (np.sqrt(v) + eps), m, v


def torch_order(s, theta, g, m, v):
    theta = theta * (1 - s.lr * s.lam)
    m = m + (1 - s.b1) * (g - m)
    v = v * s.b2 + (1 - s.b2) * g * g
    return theta - (s.lr / s.c1) * m / (np.sqrt(v) / math.sqrt(s.c2) + s.eps), m, v


def lerp(s, theta, g, m, v):
    m, v = m + (1 - s.b1) * (g - m), v + (1 - s.b2) * (g * g - v)
    return theta - s.lr * (unit(s, m, v) + s.lam * theta), m, v


def reciprocals(s, theta, g, m, v):
    m, v = moments(s, g, m, v)
    m_hat, v_hat = m * (1 / s.c1), v * (1 / s.c2)
    return theta - s.lr * m_hat / (np.sqrt(v_hat) + s.eps) - s.k * theta, m, v


def running_products(s, theta, g, m, v):
    power1 = power2 = 1.0
    for _ in range(s.t):
        power1, power2 = power1 * s.b1, power2 * s.b2
    s.c1, s.c2 = 1 - power1, 1 - power2
    return adamw(s, theta, g, m, v)


def fused(s, theta, g, m, v):
    """Multiply-adds rounded once: a product is exact in the wider format."""
    own, wide = theta.dtype, WIDER[theta.dtype.name]

    def fma(a, x, y):
        return (wide(own.type(a)) * x.astype(wide) + y.astype(wide)).astype(own)

    m = fma(s.b1, m, (1 - s.b1) * g)
    v = fma(s.b2, v, (1 - s.b2) * (g * g))
    return theta - fma(s.k, theta, s.lr * unit(s, m, v)), m, v


def sgd(s, theta, g, m, v):
    """PyTorch's: learning rate outside, dampening not on the first step."""
    g = g + s.lam * theta
    m = s.mu * m + (1 - s.tau if s.t > 1 else 1) * g
    return theta - s.lr * m, m, v


def sgd_lerp(s, theta, g, m, v):
    g = s.lam * theta + g
    damped = s.mu * m if s.tau == 1 else (1 - s.tau) * (g + s.mu / (1 - s.tau) * m)
    m = g if s.t == 1 else damped
    return theta - m * s.lr, m, v


def sgdw(s, theta, g, m, v):
    """The paper's, parameters multiplied first."""
    m = s.mu * m + s.lr * g
    return (1 - s.eta * s.lam) * theta - m, m, v


def sgdw_negative(s, theta, g, m, v):
    """The buffer with the sign turned, as Keras and scikit-learn keep it."""
    m = s.mu * m - s.lr * g
    return theta + m - s.lam * (s.eta * theta), m, v


RIGHT = {
    "adamw": [adamw, decay_first, decay_last, folded, torch_order, lerp, reciprocals,
              running_products, fused],
    "sgd": [sgd, sgd_lerp],
    "sgdw": [sgdw, sgdw_negative],
}  # fmt: skip
# whose formula the right copies compute, and the wrong ones miss by one thing
CONVENTION = {"adamw": "pytorch", "adam": "pytorch", "sgd": "pytorch", "sgdw": "paper"}


# -- wrong copies ------------------------------------------------------------------------------


def wrong_adam(change):
    """Adam with one thing changed: `change` returns what differs of g, c1, c2, eps and the rest."""

    def copy(s, theta, g, m, v):
        new = change(s, theta, g)
        g = new.get("g", g)
        s.c1, s.c2, s.eps = (new.get(name, getattr(s, name)) for name in ("c1", "c2", "eps"))
        s.b1, s.b2 = new.get("betas", (s.b1, s.b2))
        m, v = moments(s, g, m, v)
        step = s.lr * (m / s.c1 / new["root"](v / s.c2) if "root" in new else unit(s, m, v))
        return theta - step - new.get("decay", 0.0 * theta), m, v

    return copy


def after(s, theta, g, m, v):
    theta, m, v = wrong_adam(lambda s, x, g: {})(s, theta, g, m, v)
    return theta - s.k * theta, m, v


WRONG_ADAMW = {
    "decay after the step": after,
    "eps-hat": lambda s, x, g: dict(decay=s.k * x, eps=s.eps / math.sqrt(s.c2)),
    "one step ahead": lambda s, x, g: dict(
        decay=s.k * x, c1=1 - s.b1 ** (s.t + 1), c2=1 - s.b2 ** (s.t + 1)),
    "t never grows": lambda s, x, g: dict(decay=s.k * x, c1=1 - s.b1, c2=1 - s.b2),
    "no bias correction": lambda s, x, g: dict(decay=s.k * x, c1=1.0, c2=1.0),
    "only m corrected": lambda s, x, g: dict(decay=s.k * x, c2=1.0),
    "corrections swapped": lambda s, x, g: dict(decay=s.k * x, c1=s.c2, c2=s.c1),
    "betas swapped": lambda s, x, g: dict(decay=s.k * x, betas=(s.b2, s.b1)),
    "eps in the root": lambda s, x, g: dict(decay=s.k * x, root=lambda v: np.sqrt(v + s.eps)),
    "eps twice": lambda s, x, g: dict(decay=s.k * x, root=lambda v: np.sqrt(v + s.eps) + s.eps),
    "eps as a floor": lambda s, x, g: dict(
        decay=s.k * x, root=lambda v: np.maximum(np.sqrt(v), s.eps)),
    "growth": lambda s, x, g: dict(decay=-s.k * x),
    "decay twice": lambda s, x, g: dict(decay=s.k * x + s.k * (x - s.k * x)),
    "decay dropped": lambda s, x, g: {},
    "only decayed": lambda s, x, g: dict(decay=x - s.k * x),
    "decay without x": lambda s, x, g: dict(decay=s.k * np.ones_like(x)),
    "decay of x squared": lambda s, x, g: dict(decay=s.k * x * x),
    "L2": lambda s, x, g: dict(g=g + s.lam * x),
    "L2 and decay": lambda s, x, g: dict(g=g + s.lam * x, decay=s.k * x),
    "decay without the rate": lambda s, x, g: dict(decay=s.eta * s.lam * x),
    "decay without rate and schedule": lambda s, x, g: dict(decay=s.lam * x),
    "decay without the schedule": lambda s, x, g: dict(decay=s.h["learning_rate"] * s.lam * x),
}  # fmt: skip
WRONG_ADAM = {
    "decay": lambda s, x, g: dict(decay=s.k * x),
    "L2 with the sign turned": lambda s, x, g: dict(g=g - s.lam * x),
    "L2 halved": lambda s, x, g: dict(g=g + s.lam / 2 * x),
    "L2 dropped": lambda s, x, g: {},
    "L2 times the rate": lambda s, x, g: dict(g=g + s.lr * s.lam * x),
}


def wrong_sgd(change):
    """PyTorch's SGD with one thing changed: (decay of g, weight of g, inside, decay of x, look)."""

    def copy(s, theta, g, m, v):
        l2, weight, inside, decay, look = change(s)
        g = g + l2 * theta
        m = s.mu * m + (s.lr if inside else 1.0) * weight * g
        step = g + s.mu * m if look else m
        return theta - (1.0 if inside else s.lr) * step - decay * theta, m, v

    return copy


WRONG_SGD = {
    "rate in the buffer": lambda s: (s.lam, 1 - s.tau if s.t > 1 else 1.0, True, 0.0, False),
    "first step damped": lambda s: (s.lam, 1 - s.tau, False, 0.0, False),
    "no dampening": lambda s: (s.lam, 1.0, False, 0.0, False),
    "average": lambda s: (s.lam, 1 - s.mu, False, 0.0, False),
    "decoupled": lambda s: (0.0, 1 - s.tau if s.t > 1 else 1.0, False, s.k, False),
    "sign turned": lambda s: (-s.lam, 1 - s.tau if s.t > 1 else 1.0, False, 0.0, False),
    "Nesterov": lambda s: (s.lam, 1 - s.tau if s.t > 1 else 1.0, False, 0.0, True),
}
WRONG_SGDW = {
    "rate outside": lambda s: (0.0, 1.0, False, s.eta * s.lam, False),
    "L2": lambda s: (s.lam, 1.0, True, 0.0, False),
    "decay times the rate": lambda s: (0.0, 1.0, True, s.k, False),
    "decay without the schedule": lambda s: (0.0, 1.0, True, s.lam, False),
    "growth": lambda s: (0.0, 1.0, True, -s.eta * s.lam, False),
}
WRONG = [
    *(("adamw", name, f if f is after else wrong_adam(f)) for name, f in WRONG_ADAMW.items()),
    *(("adam", name, wrong_adam(f)) for name, f in WRONG_ADAM.items()),
    *(("sgd", name, wrong_sgd(f)) for name, f in WRONG_SGD.items()),
    *(("sgdw", name, wrong_sgd(f)) for name, f in WRONG_SGDW.items()),
]
