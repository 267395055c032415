"""A step of an optimizer on many entries, each with a learning rate and a decay of its own."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import wdref
from wdref.backend import PLAIN, Leaf, default_for
from wdref.engine.half_precision import Kernel
from wdref.rules.shapes import PARAMETERS, check_gradients_alone

Array = Any


class Entries:
    """The optimizer's rule on parameters (K, rows, columns) with K learning rates and decays.

    The scalars of a step are the dialect's own, computed in float64 from arrays of the
    hyperparameters and rounded once to the parameters' dtype, as NumPy rounds a Python float that
    meets an array. So entry k takes the steps, bit for bit, that the optimizer takes with
    ``learning_rates[k]`` and ``weight_decays[k]``.
    """

    def __init__(
        self,
        optimizer: wdref.Optimizer,
        learning_rates: np.ndarray[Any, Any],
        weight_decays: np.ndarray[Any, Any],
        params: Mapping[str, Array],
        decays: Callable[[str], bool],
        xp: Any,
    ) -> None:
        check_gradients_alone(optimizer.dialect, "a sweep")
        self.optimizer, self.params = optimizer, params
        self.kernel = Kernel(optimizer.dialect)
        self.hyper = {**optimizer.hyper, "learning_rate": learning_rates}
        self.weight_decays = weight_decays
        self.decays = {name: decays(name) for name in params}
        self.slots = {
            name: tuple(xp.asarray(p, copy=True) if x == PARAMETERS else xp.full_like(p, x)
                        for x in optimizer.dialect.starts(optimizer.hyper))
            for name, p in params.items()
        }  # fmt: skip
        library = xp.__name__.rpartition(".")[2]
        self._write = getattr(default_for(library), "step_entries", PLAIN.step_entries)
        self.t = 0

    def step(self, grads: Mapping[str, Array]) -> None:
        """Write one step into the parameters."""
        self.t += 1
        scalars = {decay: self._scalars(decay) for decay in set(self.decays.values())}
        self._write(
            [
                Leaf(self.kernel, p, grads[name], self.slots[name], scalars[self.decays[name]])
                for name, p in self.params.items()
            ]
        )

    def _scalars(self, decay: bool) -> Any:
        hyper = {**self.hyper, "weight_decay": self.weight_decays if decay else None}
        eta = self.optimizer.schedule(self.t)
        return self.optimizer.dialect.scalars(hyper, self.t, eta)
