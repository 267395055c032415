"""Optimizers as users of MLX, Paddle, tinygrad and Thinc derive them: right in every life.

`DERIVED`: a source, how it is asked, and a change of it that is wrong in one event alone.
"""

from dataclasses import dataclass

MLX = """
import mlx.core as mx
from mlx.optimizers import Optimizer


class AdamW(Optimizer):
    def __init__(self, learning_rate, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        super().__init__()
        self._maybe_schedule("learning_rate", learning_rate)
        self.betas, self.eps, self.weight_decay, self.t = betas, eps, weight_decay, 0

    def init_single(self, parameter, state):
        state["m"], state["v"] = mx.zeros_like(parameter), mx.zeros_like(parameter)

    def apply_gradients(self, gradients, parameters):
        self.t += 1
        return super().apply_gradients(gradients, parameters)

    def apply_single(self, gradient, parameter, state):
        (b1, b2), t = self.betas, self.step.item()
        rate = self.learning_rate.astype(gradient.dtype)
        state["m"] = b1 * state["m"] + (1 - b1) * gradient
        state["v"] = b2 * state["v"] + (1 - b2) * mx.square(gradient)
        m, v = state["m"] / (1 - b1**t), state["v"] / (1 - b2**t)
        parameter = parameter * (1 - rate * self.weight_decay)
        return parameter - rate * m / (mx.sqrt(v) + self.eps)
"""
PADDLE = """
import paddle
from paddle.optimizer import Optimizer


class Heavy(Optimizer):
    def __init__(self, learning_rate, momentum=0.9, weight_decay=0.0, parameters=None,
                 grad_clip=None):
        super().__init__(learning_rate, parameters, weight_decay, grad_clip)
        self.momentum, self.own = momentum, {}

    def _create_accumulators(self, block, parameters):
        grouped = isinstance(parameters, dict)
        for p in self._update_param_group(parameters) if grouped else parameters:
            if p.name not in self._accumulators["velocity"]:
                self._add_accumulator("velocity", p)

    def _update_param_group(self, group):
        return group["params"]

    def velocity(self, p):
        return self._get_accumulator("velocity", p)

    @paddle.no_grad()
    def _append_optimize_op(self, block, param_and_grad):
        grouped = isinstance(param_and_grad, dict)
        p, g = self._update_param_group(param_and_grad) if grouped else param_and_grad
        v = self.velocity(p)
        v.set_value(self.momentum * v + g)  # the base adds the decay to g
        p.set_value(p - self._create_param_lr((p, g)) * v)
"""
TINYGRAD = """
from tinygrad.nn.optim import Optimizer


class Heavy(Optimizer):
    def __init__(self, params, lr=0.001, momentum=0.9, weight_decay=0.0):
        super().__init__(params, lr, None, False)
        self.momentum, self.weight_decay = momentum, weight_decay
        self.damping = momentum
        self.b = self._new_optim_param()

    def _step(self, params, grads):
        steps = []
        for b, t, g in zip(self.b, params, grads):
            b.assign(self.momentum * b + g + self.weight_decay * t.detach())
            steps.append((self.lr * b).cast(t.dtype))
        return steps, self.b
"""
THINC = """
from thinc.optimizers import Optimizer


class Decaying(Optimizer):
    def __init__(self, learn_rate, *, L2=0.0):
        super().__init__(learn_rate, L2=L2, use_averages=False)

    def __call__(self, key, weights, gradient, *, lr_scale=1.0):
        rate = lr_scale * self.learn_rate(self.step, key=key)
        weights -= rate * gradient
        weights -= rate * self.L2(self.step, key=key) * weights
        gradient *= 0
        return weights, gradient
"""


@dataclass(frozen=True)
class Derived:
    """A class of a user's: `seen` are the cases in which a change of the source is wrong."""

    source: str
    name: str
    claim: str
    convention: str
    wrong: tuple[str, str]
    seen: tuple[str, ...]
    refused: tuple[str, ...] = ()  # beside what the framework has no means for


# one count for all tensors, as MLX itself has it
TOGETHER = ("resume-tensors", "added")
DERIVED = {
    # a count beside the state, which no file of the state holds
    "mlx": Derived(MLX, "AdamW", "adamw", "pytorch", ("self.step.item()", "self.t"), ("resume",),
                   (*TOGETHER, "clip-value", "skip", "maximize", "accumulate", "complex")),
    # a state beside the accumulators, which `state_dict` does not hold
    "paddle": Derived(PADDLE, "Heavy", "sgd", "optax",
                      ('self._get_accumulator("velocity", p)',
                       "self.own.setdefault(p.name, paddle.zeros_like(p))"),
                      ("resume", "resume-tensors"),
                      ("change-decay", "skip", "maximize", "added", "million", "complex")),
    # what the constructor made of a hyperparameter, read in its place
    "tinygrad": Derived(TINYGRAD, "Heavy", "sgd", "optax",
                        ("self.momentum * b", "self.damping * b"), ("change-moments",),
                        ("resume-tensors", "skip", "maximize", "added", "removed", "clip-value",
                         "clip-norm", "million", "scheduler", "complex")),
    # a schedule that is asked for its first step alone
    "thinc": Derived(THINC, "Decaying", "sgdw", "thinc", ("self.L2(self.step", "self.L2(0"),
                     ("change-decay",),
                     ("resume", "resume-tensors", "skip", "maximize", "clip-value", "clip-norm",
                      "complex", "change-moments")),  # of which it has none
}  # fmt: skip
