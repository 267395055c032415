"""A rule of wdref on one array, step after step: what the checks of the theory run on.

The dialect's own rule and scalars, without the optimizer's checks of trees, which would take most
of the time on arrays so small.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from wdref.conventions import dialect
from wdref.schedules import Constant, Schedule

Array = np.ndarray[Any, Any]

ADAM = {"learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0}
SGD = {"learning_rate": 1e-1, "momentum": 0.0, "weight_decay": 0.0}


class Walk:
    """θ under a rule, from θ_0 on: `step` takes the gradient at θ.

    A hyperparameter may be an array that broadcasts against θ: a value a replica, a row or a
    coordinate. ``weight_decay`` may be a function of t. `rule` replaces the dialect of `claim`.

    >>> walk = Walk("sgd", np.array([1.0]), learning_rate=0.5)
    >>> walk.step(np.array([1.0]))
    array([0.5])
    """

    def __init__(
        self,
        claim: str,
        theta: Array,
        *,
        schedule: Schedule | None = None,
        rule: Any = None,
        form: str | None = None,
        order: str | None = None,
        **hyper: Any,
    ) -> None:
        answers = {"form": form, "order": order}
        given = {name: value for name, value in answers.items() if value is not None}
        self.rule = dialect(claim, **given) if rule is None else rule
        known = SGD if self.rule.family == "sgd" else ADAM
        unknown = set(hyper) - set(known)
        if unknown:
            raise TypeError(f"no hyperparameter {', '.join(sorted(unknown))} in {claim}")
        self.hyper: dict[str, Any] = {**known, **hyper}
        self.schedule: Callable[[int], float] = Constant() if schedule is None else schedule
        self.theta, self.t = np.array(theta, dtype=float), 0
        self.slots = tuple(np.zeros_like(self.theta) for _ in self.rule.slots)
        self._apply = self.rule.apply

    def step(self, g: Array) -> Array:
        """Make the step with gradient `g`, and return the new θ."""
        self.t += 1
        self.theta, self.slots = self._apply(self.theta, g, self.slots, self.scalars())
        return self.theta

    def scalars(self) -> Any:
        """The scalars of step t."""
        h, lam = self.hyper, self.hyper["weight_decay"]
        if callable(lam):
            h = {**h, "weight_decay": lam(self.t)}
        return self.rule.scalars(h, self.t, self.schedule(self.t))
