"""A training of Thinc: the parameters of a case, their optimizer, and what befalls them.

Every event happens as Thinc's users have it: hyperparameters change by schedules, gradients add up
in a model, a parameter has a key by which its state is found, ``nr_update`` counts its steps.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from thinc.api import Model, Schedule

from wdref.oracle import Unsupported

from .events import waits

# no resume: an optimizer has no to_bytes; no clip: grad_clip is of each tensor's own norm
SUPPORTS = ("tensors", "groups", "late", "none", "change", "scheduler", "accumulate", "order",
            "count")  # fmt: skip


class Training:
    """One case: `make` makes the optimizer, `words` say what its keywords mean."""

    def __init__(self, make: Callable[..., Any], words: Any, case: Any, ops: Any) -> None:
        if case.dtype != "float32":
            raise Unsupported("Thinc computes in float32 alone")
        self.case, self.life, self.ops = case, case.life, ops
        self.many = "tensors" in case.flags
        thetas = case.theta0 if self.many else [case.theta0]
        self.grads = case.grads if self.many else [case.grads]
        self.models = [Model("one parameter", lambda *_, **__: None, params={"W": None}, ops=ops)
                       for _ in thetas]  # fmt: skip
        for model, theta in zip(self.models, thetas, strict=True):
            model.set_param("W", ops.asarray(theta.copy()))
        self.places = {model.id: i if case.groups else 0 for i, model in enumerate(self.models)}
        given = {**self._keywords(words), words.rate: self._rates()}
        self.opt = make(**{**given, **words.fixed})

    def run(self) -> Any:
        """Return the parameters after each step."""
        path: list[list[Any]] = [[] for _ in self.models]
        for t in range(1, len(self.case.eta) + 1):
            for i, model in enumerate(self.models):
                if not waits(self.case, i, t):
                    self._step(model, self.grads[i][t - 1], t)
                weights = self.ops.to_numpy(model.get_param("W"))
                path[i].append(weights.astype(np.float64))
            self.opt.step_schedules()
            if self.life.get("jump", (0, 0))[0] == t:
                for key in self.opt.nr_update:
                    self.opt.nr_update[key] = self.life["jump"][1] - 1
        return [np.array(steps) for steps in path] if self.many else np.array(path[0])

    def _step(self, model: Any, g: Any, t: int) -> None:
        k = self.life.get("accumulate", 1)
        gradient = self.ops.asarray(np.array(g))  # a copy: Thinc empties it
        if k == 1:
            weights, _ = self.opt((model.id, "W"), model.get_param("W"), gradient)
            model.set_param("W", weights)
            return
        model.inc_grad("W", gradient / k)
        if t % k == 0:
            model.finish_update(self.opt)  # which leaves gradients of 0

    # -- schedules --------------------------------------------------------------------------------

    def _keywords(self, words: Any) -> dict[str, Any]:
        """Numbers; or schedules, where a tensor's own are others, or those of a later step."""
        given = [[words(hyper) for hyper in hypers] for hypers in self._phases()]
        first = given[0][0]
        if len(given) == 1 and len(given[0]) == 1:
            return dict(first)
        return {word: self._schedule([[now[word] for now in each] for each in given])
                for word in first}  # fmt: skip

    def _rates(self) -> Any:
        phases = [[hyper["learning_rate"] for hyper in hypers] for hypers in self._phases()]
        return self._schedule(phases, self.case.eta.tolist())

    def _phases(self) -> list[list[dict[str, float]]]:
        """Return each group's hyperparameters, at first and after each change."""
        groups = [{**self.case.hyper, **group} for group in self.case.groups or [{}]]
        changes = [{}, *[new for _, new in self.life.get("change", ())]]
        return [[{**hyper, **new} for new in changes] for hyper in groups]

    def _schedule(self, values: Sequence[Sequence[float]], eta: Sequence[float] = ()) -> Any:
        begins = [k for k, _ in self.life.get("change", ())]

        def value(schedule: Any, step: int, *, key: Any, **_: Any) -> Any:
            phase = sum(step + 1 >= k for k in begins)
            return values[self.places[key[0]]][phase] * (eta[step] if eta else 1.0)

        return Schedule("prescribed", value)
