"""Branches: right rules with one `if` in them that takes the wrong way, for proving the suite.

A program does not go wrong in its formula alone: it branches, on a hyperparameter that is 0, on the
rate, on t, on the size of a number or a norm, on the shape of a tensor or its place among others.
Every *condition* here is one that real optimizers have, every *consequence* what they did there;
their pairs are mutants that differ from the rule at the condition and nowhere else.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from .moment import Moment, Outcome

Condition = Callable[[Moment], Any]  # a truth value, or one an element
Consequence = Callable[[Moment], Outcome]


@dataclass(frozen=True)
class Branch:
    """One wrong turn: where it is taken, and what happens there."""

    condition: str
    consequence: str

    @property
    def id(self) -> str:
        """Condition and consequence in words."""
        return f"where {self.condition}: {self.consequence}"

    def taken(self, moment: Moment) -> Any:
        """Whether the wrong way is taken: a truth value, or one an element."""
        if (self.condition == NO_GRADIENT) != (moment.g is None):
            return False
        return CONDITIONS[self.condition](moment)

    def outcome(self, moment: Moment) -> Outcome:
        """What the wrong way leads to."""
        return CONSEQUENCES[self.consequence](moment)


def _norm(x: Any) -> float:
    return float(np.sqrt(np.sum(np.square(x, dtype=np.float64))))


def _rms(x: Any) -> float:
    return _norm(x) / x.size**0.5 if x.size else 0.0


def _is(name: str, value: float) -> Condition:
    return lambda at: at.hyper.get(name) == value


NO_GRADIENT = "there is no gradient"

HYPERPARAMETERS: dict[str, Condition] = {
    "momentum is 0": _is("momentum", 0.0),
    "dampening is 0": _is("dampening", 0.0),
    "dampening is 1": _is("dampening", 1.0),
    "β1 is 0": _is("beta1", 0.0),
    "β2 is 0": _is("beta2", 0.0),
    "ε is 0": _is("eps", 0.0),
    "λ is 0": _is("weight_decay", 0.0),
    "α is 0": _is("learning_rate", 0.0),
    "α is above 1": lambda at: at.hyper["learning_rate"] > 1,
    "λ is above 1": lambda at: at.hyper["weight_decay"] > 1,
    "λ is below 0.02": lambda at: 0 < at.hyper["weight_decay"] < 0.02,
}
SCHEDULE: dict[str, Condition] = {
    "η is 0": lambda at: at.eta == 0,
    "η is 0 at the first step": lambda at: at.eta == 0 and at.t == 1,
    "η is below 1": lambda at: 0 < at.eta < 1,
    "η is above 1": lambda at: at.eta > 1,
    "η rises": lambda at: at.eta > at.before,
    "η falls": lambda at: at.eta < at.before,
    "η was 0 before": lambda at: at.before == 0 < at.t - 1,
}
TIME: dict[str, Condition] = {
    "t is 1": lambda at: at.t == 1,
    "t is 2": lambda at: at.t == 2,
    "t is even": lambda at: at.t % 2 == 0,
    "t is above 10": lambda at: at.t > 10,
    "t is above 127": lambda at: at.t > 127,
    "t is above 256": lambda at: at.t > 256,
    "t is above 1000": lambda at: at.t > 1000,
    "t is above 2048": lambda at: at.t > 2048,
}
PARAMETERS: dict[str, Condition] = {
    "θ is 0": lambda at: at.theta == 0,
    "θ is negative": lambda at: at.theta < 0,
    "|θ| is below 1e-3": lambda at: np.abs(at.theta) < 1e-3,
    "|θ| is below 1e-8": lambda at: np.abs(at.theta) < 1e-8,
    "|θ| is above 1": lambda at: np.abs(at.theta) > 1,
    "|θ| is above 1000": lambda at: np.abs(at.theta) > 1000,
    "‖θ‖ is 0": lambda at: at.theta.size > 0 and _norm(at.theta) == 0,
    "‖θ‖ is above 1": lambda at: _norm(at.theta) > 1,
    "‖θ‖ is above 100": lambda at: _norm(at.theta) > 100,
}
GRADIENTS: dict[str, Condition] = {
    NO_GRADIENT: lambda at: True,
    "g is 0": lambda at: at.g == 0,
    "g is negative": lambda at: at.g < 0,
    "|g| is below 1e-8": lambda at: np.abs(at.g) < 1e-8,
    "|g| is above 1": lambda at: np.abs(at.g) > 1,
    "|g| is above 100": lambda at: np.abs(at.g) > 100,
    "g is no number": lambda at: np.isnan(at.g),
    "g is infinite": lambda at: np.isinf(at.g),
    "some g is no finite number": lambda at: not np.all(np.isfinite(at.g)),
    "‖g‖ is 0": lambda at: at.g.size > 0 and _norm(at.g) == 0,
    "‖g‖ is above 1": lambda at: _norm(at.g) > 1,
    "‖g‖ is above 100": lambda at: _norm(at.g) > 100,
}
STEPS: dict[str, Condition] = {
    "|u| is above 1": lambda at: np.abs(at.u) > 1,
    "u is negative": lambda at: at.u < 0,
    "u and θ have other signs": lambda at: at.u * at.theta < 0,
    "u and g have other signs": lambda at: at.u * at.g < 0,
    "m and g have other signs": lambda at: at.slots[0] * at.g < 0 if at.slots else False,
    "RMS(u) is above 1": lambda at: _rms(at.u) > 1,
    "m is 0": lambda at: at.slots[0] == 0 if at.slots else False,
    "v is 0": lambda at: at.slots[1] == 0 if len(at.slots) > 1 else False,
    "v is below 1e-12": lambda at: at.slots[1] < 1e-12 if len(at.slots) > 1 else False,
    "v is above 1": lambda at: at.slots[1] > 1 if len(at.slots) > 1 else False,
}
SHAPES: dict[str, Condition] = {
    "θ is a scalar": lambda at: at.theta.ndim == 0,
    "θ is a vector": lambda at: at.theta.ndim == 1,
    "θ is a matrix": lambda at: at.theta.ndim == 2,
    "θ has two dimensions or more": lambda at: at.theta.ndim > 1,
    "θ has three dimensions": lambda at: at.theta.ndim == 3,
    "θ has four dimensions": lambda at: at.theta.ndim == 4,
    "θ is a square matrix": lambda at: at.theta.ndim == 2 and len(set(at.theta.shape)) == 1,
    "θ has more rows than columns": lambda at: (
        at.theta.ndim == 2 and at.theta.shape[0] > at.theta.shape[1]
    ),
    "θ has more columns than rows": lambda at: (
        at.theta.ndim == 2 and at.theta.shape[0] < at.theta.shape[1]
    ),
    "θ has one element": lambda at: at.theta.size == 1,
    "a dimension of θ is 1": lambda at: at.theta.ndim > 1 and 1 in at.theta.shape,
    "θ has more than 64 elements": lambda at: at.theta.size > 64,
    "θ has more than 1024 elements": lambda at: at.theta.size > 1024,
}
TENSORS: dict[str, Condition] = {
    "there are several tensors": lambda at: at.tensors > 1,
    "there are more than 32 tensors": lambda at: at.tensors > 32,
    "θ is not the first tensor": lambda at: at.tensor > 0,
    "θ is the last tensor": lambda at: at.tensor == at.tensors - 1 > 0,
    "θ has a group of its own": lambda at: at.of_first_group is not None,
    "θ has missed steps": lambda at: at.step > at.t,
}
DTYPES: dict[str, Condition] = {
    "θ is in float32": lambda at: at.theta.dtype == np.float32,
    "θ is in float64": lambda at: at.theta.dtype == np.float64,
}
CONDITIONS = (HYPERPARAMETERS | SCHEDULE | TIME | PARAMETERS | GRADIENTS | STEPS | SHAPES | TENSORS
              | DTYPES)  # fmt: skip


def _scaled(factor: Callable[[Any], Any]) -> Consequence:
    """The step times a factor of u; the decay as it is."""
    return lambda at: Outcome(at.after.theta + (1 - factor(at.u)) * at.stepped, at.after.slots)


def _with_gradient(change: Callable[[Any], Any]) -> Consequence:
    return lambda at: at.rule(g=change(at.g))


def _of_first(name: str) -> Consequence:
    return lambda at: at.rule(hyper={**at.hyper, name: (at.of_first_group or at.hyper)[name]})


WHOLE: dict[str, Consequence] = {
    "the decay is lost": lambda at: at.rule(decays=0),
    "the decay is doubled": lambda at: at.rule(decays=2),
    "nothing moves": lambda at: Outcome(at.theta, at.slots, counts=False),
    "θ stands, the moments move": lambda at: Outcome(at.theta, at.after.slots),
    "θ moves, the moments stand": lambda at: Outcome(at.after.theta, at.slots),
    "the moments are forgotten": lambda at: at.rule(slots=tuple(0 * x for x in at.slots)),
    "the step is lost": _scaled(lambda u: 0),
    "the step is halved": _scaled(lambda u: 0.5),
    "the step is clipped at 1": _scaled(lambda u: 1 / np.maximum(np.abs(u), 1)),
    "the step is divided by its RMS": _scaled(lambda u: 1 / (_rms(u) or 1.0)),
    "the gradient is 0": _with_gradient(lambda g: np.where(np.isfinite(g), 0 * g, 0.0)),
    "the gradient is clipped at 1": _with_gradient(lambda g: np.clip(g, -1, 1)),
    "the gradient is divided by its norm": _with_gradient(lambda g: g / (_norm(g) or 1.0)),
    "the gradient is centralised": _with_gradient(lambda g: g - np.mean(g) if g.size else g),
    "the count stands": lambda at: Outcome(at.after.theta, at.after.slots, counts=False),
}
WITHOUT_GRADIENT: dict[str, Consequence] = {
    "the decay is applied": lambda at: Outcome(at.decayed, at.slots, counts=False),
    "the count goes on": lambda at: Outcome(at.theta, at.slots),
    "a step with 0 is taken": lambda at: at.rule(g=0 * at.theta),
}
OF_FIRST_GROUP: dict[str, Consequence] = {
    f"{name} is the first group's": _of_first(name)
    for name in ("learning_rate", "weight_decay", "momentum", "dampening", "beta1", "beta2", "eps")
}
CONSEQUENCES = WHOLE | WITHOUT_GRADIENT | OF_FIRST_GROUP


@cache
def branches(dialect: Any) -> tuple[Branch, ...]:
    """Every branch that the rule of `dialect` can take wrongly, the same function not excepted."""
    return tuple(_branches(dialect))


def _branches(dialect: Any) -> Iterator[Branch]:
    for condition in CONDITIONS:
        for consequence in WHOLE if condition != NO_GRADIENT else WITHOUT_GRADIENT:
            if _reads(dialect, condition, consequence):
                yield Branch(condition, consequence)
    for name in OF_FIRST_GROUP:
        if name.partition(" ")[0] in dialect.hyper:
            yield Branch("θ has a group of its own", name)


ELEMENTWISE = {
    name
    for table in (PARAMETERS, GRADIENTS, STEPS)
    for name in table
    if not name.startswith(("‖", "RMS", "some", "there"))
}
LETTERS = {"momentum": "momentum", "dampening": "dampening", "β1": "beta1", "β2": "beta2",
           "ε": "eps"}  # fmt: skip


def _reads(dialect: Any, condition: str, consequence: str) -> bool:
    """Whether the rule has what the words speak of."""
    name = LETTERS.get(condition.partition(" ")[0])
    if name is not None and name not in dialect.hyper:
        return False
    if condition.startswith(("v ", "m ")) and len(dialect.slots) < 1 + condition.startswith("v"):
        return False
    corrects = getattr(dialect, "bias", "none") != "none"
    if consequence == "the count stands":  # of a whole tensor
        return corrects and condition not in ELEMENTWISE
    return consequence != "the count goes on" or corrects or dialect.first == "gradient"
