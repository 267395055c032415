"""A training of TensorFlow: the variables of a case, their optimizers, and what befalls them.

Every event happens as TensorFlow's users have it: `tf.train.Checkpoint`, hyperparameters that are
callables, `MixedPrecisionLossScaleOptimizer`, `tf.clip_by_value` and `tf.clip_by_global_norm`.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from wdref.oracle import Unsupported

from .events import changes, waits

FOREVER = 2**30  # steps between two growths of a scale


class Training:
    """One case. ``make_step(variables, hyper)`` returns ``step(gradients, rate, …)``.

    With `whole` one object steps all tensors; with `counts` a step is told the powers of beta.
    """

    def __init__(
        self, case: Any, make_step: Callable[..., Any], *, decay: str, jit_compile: bool,
        whole: bool, counts: bool = False, eager: bool = False,
    ) -> None:  # fmt: skip
        self.case, self.life, self.make_step, self.decay = case, case.life, make_step, decay
        self.jit_compile, self.counts, self.eager = jit_compile, counts, eager
        self.many = "tensors" in case.flags
        thetas = case.theta0 if self.many else [case.theta0]
        self.grads = case.grads if self.many else [case.grads]
        self.dtypes = self.life.get("mixed", [case.dtype] * len(thetas))
        self.hyper = [{**case.hyper, **group} for group in case.groups or [{}] * len(thetas)]
        alone = [[i] for i in range(len(thetas))]
        # an object for all, as users have it
        self.sets = [list(range(len(thetas)))] if whole and case.groups is None else alone
        self._begin(thetas)

    def run(self) -> Any:
        """Return the parameters after each step."""
        path: list[list[Any]] = [[] for _ in self.variables]
        for t, eta in enumerate(self.case.eta.tolist()):
            self._before(t + 1)
            for its, step in zip(self.sets, self.compiled, strict=True):
                gs = self._clipped([self._gradient(i, t) for i in its])
                if any(g is not None for g in gs):
                    scalars = _scalars(self.case, its[0], t, self.counts, self.hyper[its[0]], eta)
                    step(gs, *(tf.constant(x, self.wide) for x in scalars))
            if self.life.get("resume") == t + 1:
                self._resume()
            if self.life.get("jump", (0, 0))[0] == t + 1:
                self._count()
            for variable, values in zip(self.variables, path, strict=True):
                values.append(tf.cast(variable, tf.float64).numpy())
        return [np.array(values) for values in path] if self.many else np.array(path[0])

    def _begin(self, thetas: Sequence[Any]) -> None:
        """Make the variables, a step for each set, and compile it."""
        pairs = zip(thetas, self.dtypes, strict=True)
        self.variables = [tf.Variable(tf.constant(theta, dtype)) for theta, dtype in pairs]
        self.wide = _widest(self.variables)
        # the caller's own decay, in a variable so that it may change
        self.lam = [tf.Variable(h["weight_decay"], dtype=v.dtype, trainable=False)
                    for h, v in zip(self.hyper, self.variables, strict=True)]  # fmt: skip
        self.steps = [self.make_step([self.variables[i] for i in its], self.hyper[its[0]])
                      for its in self.sets]  # fmt: skip
        self.compiled = [self._decayed(step, its)
                         for step, its in zip(self.steps, self.sets, strict=True)]  # fmt: skip

    def _decayed(self, step: Any, its: Sequence[int]) -> Any:
        def with_l2(gs: Any, *scalars: Any) -> None:
            step([g if g is None else g + self.lam[i] * self.variables[i]
                  for i, g in zip(its, gs, strict=True)], *scalars)  # fmt: skip

        def once(gs: Any, *scalars: Any) -> None:
            (with_l2 if self.decay == "l2" else step)(gs, *scalars)

        return once if self.eager else tf.function(once, jit_compile=self.jit_compile or None)

    def _gradient(self, i: int, t: int) -> Any:
        none = waits(self.case, i, t + 1)
        return None if none else tf.constant(self.grads[i][t], self.dtypes[i])

    def _clipped(self, gs: list[Any]) -> list[Any]:
        bound = self.life.get("clip", {})
        if "value" in bound:
            return [tf.clip_by_value(g, -bound["value"], bound["value"]) for g in gs]
        if "norm" in bound:
            return list(tf.clip_by_global_norm(gs, bound["norm"])[0])
        return gs

    def _before(self, t: int) -> None:
        new = changes(self.case, t)
        if not new:
            return
        for i, h in enumerate(self.hyper):
            self.hyper[i] = {**h, **new}
            self.lam[i].assign(self.hyper[i]["weight_decay"])
        for step, its in zip(self.steps, self.sets, strict=True):
            step.change(self.hyper[its[0]])

    def _resume(self) -> None:
        """Write a checkpoint, and read it into new optimizers of new variables."""
        with tempfile.TemporaryDirectory() as folder:
            place = self._checkpoint().write(str(Path(folder) / "state"))
            self._begin([np.zeros(v.shape) for v in self.variables])
            self._checkpoint().read(place).assert_existing_objects_matched()

    def _checkpoint(self) -> Any:
        opts = {f"opt{i}": step.opt for i, step in enumerate(self.steps)}
        return tf.train.Checkpoint(theta=self.variables, **opts)

    def _count(self) -> None:
        for step in self.steps:
            if step.opt.variables() and "beta1" in self.case.hyper:
                raise Unsupported("β^t is kept as a product, and no count is")


class ByClass:
    """A step of an object of tf.compat.v1.train: ``step(gradients, rate)``."""

    def __init__(
        self, make: Any, words: Any, variables: Any, hyper: Mapping[str, float], life: Any
    ) -> None:
        wide = _widest(variables)
        self.variables, self.words = variables, words
        self.rate = tf.Variable(hyper["learning_rate"], dtype=wide)
        given = {**words(hyper), words.rate: lambda: self.rate}
        others = [words({**hyper, **new}) for _, new in life.get("change", ())]
        changes = {name for other in others for name, x in other.items()
                   if x != given[name] and name != words.rate}  # fmt: skip
        # what may change is a callable, as the classes' documentation has it
        self.own = {name: tf.Variable(given[name], dtype=wide) for name in changes}
        given |= {name: self.own[name].read_value for name in changes}
        self.opt = make(**{**given, **words.fixed})
        self.opt._create_slots(variables)  # before the tf.function: slots are variables
        self.stepper = _scaled(self.opt) if "skip" in life else self.opt

    def __call__(self, gs: Any, now: Any) -> None:
        """Step with the rate `now`."""
        self.rate.assign(tf.cast(now, self.rate.dtype))
        self.stepper.apply_gradients(zip(gs, self.variables, strict=True))

    def change(self, hyper: Mapping[str, float]) -> None:
        """Set what is a variable to what it is in `hyper`."""
        for name, value in self.words(hyper).items():
            if name in self.own:
                self.own[name].assign(value)


def _widest(variables: Sequence[Any]) -> Any:
    return max((v.dtype for v in variables), key=lambda dtype: dtype.size)


def _scaled(opt: Any) -> Any:
    """A scaler that is 1 and stays there: 1 is its least."""
    precision = tf.compat.v1.mixed_precision
    scale = precision.DynamicLossScale(1.0, increment_period=FOREVER)
    return precision.MixedPrecisionLossScaleOptimizer(opt, scale)


def _scalars(case: Any, i: int, t: int, counts: bool, hyper: Any, eta: float) -> list[float]:
    """What a step is told: the rate, and by an operator's caller that counts steps β^t."""
    scalars = [hyper["learning_rate"] * eta]
    if counts:
        count = t + 1 - sum(waits(case, i, before) for before in range(1, t + 1))
        scalars += [hyper["beta1"] ** count, hyper["beta2"] ** count]
    return scalars
