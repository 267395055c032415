"""DoG and DoWG by hand, in 50 digits: from the papers and from each program's source.

Ivgi et al. (2023), equation 1; Khaled et al. (2023), Algorithm 1; formll/dog, dog/torch/dog.py;
optax/contrib/_dog.py. Distances are kept as such, not squared. It shares no line with the rules.
"""

from mpmath import mp, mpf

from .tree import gradient, inner, moved, walked


def by_hand(dialect, case):
    """Return the rows θ_1 … θ_T of every tensor."""
    return walked(case, lambda state, now: one_step(dialect, state, now), begin)


def begin(tensors):
    """Remember where each tensor is."""
    for x in tensors:
        x["first"] = list(x["theta"])
    return {"far": tensors[0]["hyper"]["distance"], "seen": mpf(0), "none": True}


def one_step(dialect, state, now):
    """Change the tree by one step."""
    ways = [[a - b for a, b in zip(x["theta"], x["first"], strict=True)] for x in now]
    far = mp.sqrt(inner(zip(ways, ways, strict=True)))
    if dialect.start == "relative":
        size = mp.sqrt(inner((x["first"], x["first"]) for x in now))
        begun = now[0]["hyper"]["distance"] * (1 + size)
        state["far"] = begun if state["none"] else max(begun, state["far"])
    state["none"], state["far"] = False, max(state["far"], far)
    gradients = [gradient(dialect, x) for x in now]
    weight = state["far"] ** 2 if dialect.weights == "distance" else 1
    state["seen"] += weight * inner(zip(gradients, gradients, strict=True))
    for x, g in zip(now, gradients, strict=True):
        h, eta = x["hyper"], x["before"] if dialect.schedule == "late" else x["eta"]
        inside = dialect.eps == "inside"
        below = mp.sqrt(state["seen"] + h["eps"] * inside) + h["eps"] * (not inside)
        reach = state["far"] ** (2 if dialect.weights == "distance" else 1)
        rate = eta * h["learning_rate"] * (reach / below if below else 0)
        moved(dialect, x, [rate * y for y in g], rate, eta)
