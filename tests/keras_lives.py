"""Keras' optimizers in lives, in a process of one backend: prints the verdict of every case.

``KERAS_BACKEND=torch python keras_lives.py CLASS …`` runs classes of this file; each but the first
is wrong in one event, as people make it.
"""

import json
import sys
from pathlib import Path

import keras
from keras import ops

import wdref.frameworks
from wdref.conventions import dialect
from wdref.oracle import Unsupported
from wdref.oracle.cases.lives import lives
from wdref.oracle.judge.verdict import judge
from wdref.oracle.targets.driver import drive
from wdref.oracle.targets.exchange import Result, handed
from wdref.oracle.targets.pointing import Pointing

ADAPTERS = {"keras": str(Path(wdref.frameworks.__file__).with_name("keras.py"))}


class MyAdamW(keras.optimizers.Optimizer):
    """Right, and written to be read; a method of it is what a fault replaces."""

    def __init__(self, learning_rate=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-7, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def build(self, variables):
        if not self.built:
            super().build(variables)
            self.m = [self.slot(v, "m") for v in variables]
            self.v = [self.slot(v, "v") for v in variables]

    def slot(self, variable, name):
        return self.add_variable_from_reference(variable, name)

    def count(self, i):
        return self.iterations + 1

    def gradient(self, g):
        return g

    def tiny(self):
        return self.epsilon

    def update_step(self, g, variable, rate):
        dtype, i = variable.dtype, self._get_variable_index(variable)
        rate, t, g = ops.cast(rate, dtype), ops.cast(self.count(i), dtype), self.gradient(g)
        m, v = self.m[i], self.v[i]
        self.assign(m, self.beta_1 * m + (1 - self.beta_1) * g)
        self.assign(v, self.beta_2 * v + (1 - self.beta_2) * g * g)
        m_hat = m / (1 - ops.power(ops.cast(self.beta_1, dtype), t))
        v_hat = v / (1 - ops.power(ops.cast(self.beta_2, dtype), t))
        self.assign_sub(variable, rate * m_hat / (ops.sqrt(v_hat) + self.tiny()))


class KeepsItsMoments(MyAdamW):
    """The moments are hidden from the optimizer, so that no file has them."""

    def slot(self, variable, name):
        slot = keras.Variable(ops.zeros_like(variable.value), dtype=variable.dtype)
        self.hidden = (*getattr(self, "hidden", ()), lambda: slot)
        return _Hidden(slot)


class _Hidden:
    def __init__(self, slot):
        self.slot = slot

    def __getattr__(self, name):
        return getattr(self.slot, name)

    def __rmul__(self, factor):
        return factor * self.slot

    def __truediv__(self, other):
        return self.slot / other


class CountsItself(MyAdamW):
    """The bias correction reads a Python number of its own."""

    def count(self, i):
        kept = self.__dict__.setdefault("kept", {})
        kept[i] = kept.get(i, 0) + 1
        return kept[i]


class CountsEveryCall(MyAdamW):
    """The count is that of calls, where gradients are accumulated too."""

    def count(self, i):
        return self._iterations + 1


class AddsUp(MyAdamW):
    """Accumulated gradients are a sum."""

    def gradient(self, g):
        return g * (self.gradient_accumulation_steps or 1)


class DecayOnce(MyAdamW):
    """λ is read when the object is made."""

    def __init__(self, learning_rate=1e-3, weight_decay=0.0, **kwargs):
        super().__init__(learning_rate, weight_decay=weight_decay, **kwargs)
        self.lam = weight_decay

    def _apply_weight_decay(self, variables):
        for v in variables:
            self.assign(v, v - v * ops.cast(self.learning_rate, v.dtype) * self.lam)


class EpsilonOnce(MyAdamW):
    """ε is read when the object is built."""

    def build(self, variables):
        super().build(variables)
        self.eps = self.epsilon

    def tiny(self):
        return self.eps


class Unclipped(MyAdamW):
    """Bounds are not read."""

    def _clip_gradients(self, grads):
        return grads


class ClipsEach(MyAdamW):
    """Each tensor is clipped by its own norm."""

    def _clip_gradients(self, grads):
        if self.global_clipnorm is None:
            return super()._clip_gradients(grads)
        norms = [ops.sqrt(ops.sum(g * g)) for g in grads]
        bound = self.global_clipnorm
        return [g * ops.minimum(1.0, bound / ops.maximum(norm, 1.0))
                for g, norm in zip(grads, norms, strict=True)]  # fmt: skip


class FirstDtype(MyAdamW):
    """The rate takes the dtype of the first variable."""

    def update_step(self, g, variable, rate):
        super().update_step(g, variable, ops.cast(rate, self.m[0].dtype))


class PlainAttribute(MyAdamW):
    """A count of its own, which within a LossScaleOptimizer is no variable of the optimizer."""

    def build(self, variables):
        super().build(variables)
        self.steps = [keras.Variable(0, dtype="int32") for _ in variables]

    def count(self, i):
        self.steps[i].assign_add(1)
        return self.steps[i].value


def verdicts(target, options):
    """Return the verdict of each case of a class."""
    rule, found = dialect("adamw", "keras", eps="outside"), {}
    every = [c for dtype in ("float64", "float32") for c in lives("adamw", rule, dtype)]
    request = Pointing("adamw", "keras").request(options, ADAPTERS)
    run, _ = drive(target, request, [{"hyper": c.hyper, "groups": c.groups} for c in every])
    for case in every:
        if set(case.flags) <= set(run.supports):
            found[case.id] = judge(rule, case, _result(run, case)).verdict
    return found


def _result(run, case):
    try:
        return Result("ok", run(handed(case)))
    except Unsupported as reason:
        return Result("unsupported", message=str(reason))


if __name__ == "__main__":
    found = {}
    for name in sys.argv[1:]:
        cls, _, option = name.partition("+")
        found[name] = verdicts(globals()[cls], {"recompile": False} if option == "once" else {})
    json.dump(found, sys.stdout)
