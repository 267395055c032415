"""Trees of tensors by hand: which tensors step, and their numbers, in 50 digits.

A rule that looks at the tree is a function of all tensors that have a gradient: `walked` goes from
step to step with it. It shares no line with the rules.
"""

from mpmath import mp, mpf


def walked(case, step, begin):
    """Return the rows θ_1 … θ_T of each tensor.

    ``begin(thetas, hyper)`` is the state of the tree, ``step(state, tensors, t)`` changes it and
    the θ of the tensors that step: dicts of theta, g, hyper, eta, t and their place.
    """
    assert mp.dps >= 50
    many = "tensors" in case.flags
    thetas, every = (case.theta0, case.grads) if many else ([case.theta0], [case.grads])
    tensors = [
        {
            "place": i,
            "theta": [mpf(float(x)) for x in theta.reshape(-1)],
            "hyper": {**case.hyper, **(case.groups[i] if case.groups else {})},
            "t": 0,
            "eta": None,
        }
        for i, theta in enumerate(thetas)
    ]
    for x in tensors:
        x["hyper"] = {name: mpf(value) for name, value in x["hyper"].items()}
    state, rows = begin(tensors), [[] for _ in tensors]
    for t in range(len(case.eta)):
        now = [x for x in tensors if t in case.steps_taken(x["place"])]
        for x in now:
            eta = mpf(float(case.eta[t]))
            x["before"], x["eta"] = eta if x["eta"] is None else x["eta"], eta
            x["g"] = [mpf(float(v)) for v in every[x["place"]][t].reshape(-1)]
            x["t"] += 1
        step(state, now)
        for x in now:
            rows[x["place"]].append(list(x["theta"]))
    return rows


def decay_of(dialect, tensor, adapted, eta):
    """Return what θ is multiplied by and loses: k of θ ← θ - k θ; `adapted` is the whole rate."""
    lam, alpha = (tensor["hyper"][name] for name in ("weight_decay", "learning_rate"))
    return {
        "adapted": adapted * lam,
        "paper": eta * lam,
        "lr": eta * alpha * lam,
        "fixed": lam,
        "initial_lr": alpha * lam,
    }.get(dialect.form, mpf(0))


def moved(dialect, tensor, step, adapted, eta):
    """Take a step and the decay from a tensor's θ."""
    k = decay_of(dialect, tensor, adapted, eta)
    if dialect.order == "after":
        tensor["theta"] = [(x - s) * (1 - k) for x, s in zip(tensor["theta"], step, strict=True)]
    else:
        tensor["theta"] = [x * (1 - k) - s for x, s in zip(tensor["theta"], step, strict=True)]


def gradient(dialect, tensor):
    """Return g, with the L2 term where there is one."""
    lam = tensor["hyper"]["weight_decay"] if dialect.form == "l2" else mpf(0)
    return [g + lam * x for g, x in zip(tensor["g"], tensor["theta"], strict=True)]


def inner(pairs):
    """Return the sum of products over all tensors."""
    return mp.fsum(a * b for x, y in pairs for a, b in zip(x, y, strict=True))
