"""The forms of decay by hand: θ after a step and its decay, for every family.

Loshchilov & Hutter (2019), Algorithms 1 and 2, and each program's own: torch and optax ``lr``,
tensorflow_addons ``fixed``. Proximal: Adan's ``param / (1 + lr * weight_decay)``, TensorFlow's
ApplyProximalGradientDescent with l1 = 0. Corrected: Defazio (2025), γ_t²/γ_max. Masked: cautious
weight decay, arXiv 2510.12402, Algorithm 1. It shares no line with the rules.
"""

from mpmath import mpf


def decayed(d, theta, step, alpha, lam, eta):
    """Return θ, in the digits of its numbers, after `step` is taken from it."""
    if d.form == "proximal":
        return (theta - step) / (1 + eta * alpha * lam)
    if d.form == "masked":
        return theta - step - (eta * alpha * lam * theta if step * theta >= 0 else 0)
    k = {
        "paper": eta * lam,
        "lr": eta * alpha * lam,
        "fixed": lam,
        "initial_lr": alpha * lam,
        "corrected": (eta * alpha) ** 2 / alpha * lam if alpha else mpf(0),
    }.get(d.form, mpf(0))
    return (theta - step) * (1 - k) if d.order == "after" else theta * (1 - k) - step
