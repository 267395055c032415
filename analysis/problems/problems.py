"""The problems of a sweep by name: what is minimised, on which data, from which start."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np

from ..networks.scratch import Scratch
from .cifar import Cifar10
from .data import Data
from .digits import digits, linear_net, logistic
from .modular import ModularAddition
from .quadratic import Quadratic
from .teacher import teacher

Array = Any


class Model(Protocol):
    """Many models at once: every parameter is an array (K, rows, columns), K models."""

    def start(self, rng: np.random.Generator) -> Mapping[str, np.ndarray[Any, Any]]:
        """Draw the parameters of one model, (rows, columns) each, in float64."""
        ...

    def decays(self, name: str) -> bool:
        """Whether the parameter decays."""
        ...

    def gradients(
        self, params: Mapping[str, Array], x: Array, y: Array, scratch: Scratch | None = None
    ) -> Mapping[str, Array]:
        """Return the gradients of the mean loss over the samples."""
        ...

    def measures(
        self, params: Mapping[str, Array], train: Sequence[Array], test: Sequence[Array]
    ) -> tuple[Array, Array, Array, Array]:
        """Training loss and error, test loss and error, (K,) each."""
        ...


class Problem(Protocol):
    """A model and the data of each seed."""

    @property
    def network(self) -> Model:
        """What is trained."""
        ...

    def data(self, seed: int) -> Data:
        """Return what `seed` trains and tests on."""
        ...


PROBLEMS: dict[str, Callable[..., Problem]] = {
    "digits": digits,
    "digits-bn": partial(digits, normalised=1.0),
    "digits-mixed": partial(digits, normalised=2 / 3),
    "logistic": logistic,
    "linear-net": linear_net,
    "teacher": teacher,
    "teacher-bn": partial(teacher, normalised=1.0),
    "modular-addition": ModularAddition,
    "quadratic": Quadratic,
    "cifar10": Cifar10,
}


def problem(name: str, /, **options: Any) -> Problem:
    """Return the problem `name` with its options; a ValueError says which there are.

    >>> problem("digits-bn", width=32).network.sizes
    (64, 32, 32, 10)
    """
    if name not in PROBLEMS:
        raise ValueError(f"no problem {name!r}: there are {', '.join(PROBLEMS)}")
    known = inspect.signature(PROBLEMS[name]).parameters
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ValueError(f"{name} has no option {', '.join(unknown)}: only {', '.join(known)}")
    return PROBLEMS[name](**options)
