"""Life: what befalls a training after its first steps, and what is right then.

`case.life` holds one event by its name, in words that JSON has. Each is the training of a rule that
nothing befell: `still` are the steps that it does not take, `meant` the gradients that it reads.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

# What each event asks of a target, in the words of `run.supports`. Steps are counted from 1.
EVENTS = {
    "resume": "k: after step k the state is saved, loaded into a new optimizer, and it goes on",
    "change": "[[k, {name: value}], …]: from step k on these hyperparameters are others",
    "scheduler": "true: the program's own scheduler sets the rate, η of each step",
    "skip": "[k, …]: a scaler finds a gradient of these steps not finite, and cancels the step",
    "accumulate": "k: k gradients in a row are averaged to one, whose step is taken at the last",
    "maximize": "true: the step goes up the gradient",
    "clip": "{value: c} or {norm: c}: gradients are clipped, each or all together, before the step",
    "add": "[i, k]: tensor i joins at step k",
    "remove": "[i, k]: tensor i leaves after step k",
    "mixed": "[dtype, …]: the dtypes of the tensors of one group",
    "complex": "pairs: real and imaginary parts of complex numbers, in turn; each is stepped alone",
    "jump": "[k, t]: after step k the count of steps is set, so that the next is step t",
}
# What a training is in which it happens.
WORDS = {
    "resume": "a training that is resumed",
    "change": "a hyperparameter that is changed in the midst of a training",
    "scheduler": "a rate that the program's own scheduler sets",
    "skip": "a step that a scaler cancels",
    "accumulate": "gradients that are accumulated",
    "maximize": "a step up the gradient",
    "clip": "gradients that are clipped before the step",
    "add": "a tensor that joins later",
    "remove": "a tensor that leaves",
    "mixed": "tensors of several dtypes in one group",
    "complex": "complex numbers",
    "jump": "a count of a million steps",
}
# What a tensor has done that moved at a step that is none of its own.
MOVED = {
    "skip": "moved at a step that was cancelled",
    "accumulate": "moved before all gradients of its step were there",
    "add": "moved before it had joined",
    "remove": "moved after it had left",
}
FLAGS = {**{name: name for name in EVENTS}, "add": "order", "remove": "order", "jump": "count"}


def still(life: Mapping[str, Any], tensor: int, steps: int) -> set[int]:
    """Return the steps, from 1, at which `tensor` stands still."""
    every = range(1, steps + 1)
    found = set(life.get("skip", ()))
    if "accumulate" in life:
        found |= {t for t in every if t % life["accumulate"]}
    for name in ("add", "remove"):
        joined, k = life.get(name, (None, 0))
        if joined == tensor:
            found |= {t for t in every if (t < k if name == "add" else t > k)}
    return found


def meant(life: Mapping[str, Any], grads: Sequence[Any], tensor: int) -> Any:
    """Return the gradients that the rule reads in place of those given, of the same dtype."""
    g = grads[tensor]
    if "accumulate" in life:
        return _averaged(g, life["accumulate"])
    if "maximize" in life:
        return -g
    if "value" in life.get("clip", ()):
        bound = g.dtype.type(life["clip"]["value"])
        return np.clip(g, -bound, bound)
    if "norm" in life.get("clip", ()):
        return _shortened(g, grads, life["clip"]["norm"])
    return g


def _averaged(g: Any, k: int) -> Any:
    """At every k-th step the mean of k gradients, which is a number of the dtype."""
    groups = g.astype(float).reshape(-1, k, *g.shape[1:])
    return np.repeat(groups.mean(axis=1), k, axis=0).astype(g.dtype)


def _shortened(g: Any, grads: Sequence[Any], bound: float) -> Any:
    """Gradients of which none is longer than `bound`, all tensors of a step together."""
    squares = [(x.astype(float) ** 2).reshape(len(x), -1).sum(axis=1) for x in grads]
    norms = [math.sqrt(x) for x in np.sum(squares, axis=0).tolist()]
    factors = np.array([min(1.0, bound / norm) for norm in norms])
    return (g * factors.reshape(-1, *[1] * (g.ndim - 1))).astype(g.dtype)


def alone(life: Mapping[str, Any], taken: Sequence[int]) -> dict[str, Any]:
    """Return the life of one tensor alone, whose steps are those of `taken`, from 0.

    Its hyperparameters and its count are all that the rule knows of it.
    """
    if "change" in life:
        return {"change": [[sum(t + 1 < k for t in taken) + 1, new] for k, new in life["change"]]}
    return {"jump": life["jump"]} if "jump" in life else {}


def hyper_at(hyper: Mapping[str, Any], life: Mapping[str, Any], t: int) -> dict[str, Any]:
    """Return the hyperparameters of step `t`."""
    now = dict(hyper)
    for k, new in life.get("change", ()):
        now |= new if t >= k else {}
    return now


def count_at(life: Mapping[str, Any], t: int) -> int:
    """Return what the rule's t is at the step `t` of a case."""
    k, first = life.get("jump", (t, 0))
    return t if t <= k else first + t - k - 1
