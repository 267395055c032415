"""Optimizers as people write them, each in a file of its own, and what points at them.

`WRITTEN`: a name, the source, how it is pointed at, and a change of the source that makes it wrong.
"""

from dataclasses import dataclass, field

from wdref.conventions import dialect
from wdref.oracle.cases.suite import cases as suite
from wdref.oracle.judge.verdict import judge, primitives_in
from wdref.oracle.targets.pointing import Pointing, word
from wdref.oracle.targets.targets import parse, start

SHORT = ("exaggerated", "sparse", "stop", "groups-own", "late", "gaps")
TORCH = """
import torch
from torch.optim import Optimizer


class Adam(Optimizer):
    def __init__(self, params, {signature}):
        super().__init__(params, {defaults})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            beta1, beta2 = {betas}
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state["step"] = 0
                    state["m"], state["v"] = torch.zeros_like(p), torch.zeros_like(p)
                state["step"] += 1
                p.mul_(1 - group["lr"] * group["{decay}"])
                state["m"].mul_(beta1).add_(p.grad, alpha=1 - beta1)
                state["v"].mul_(beta2).addcmul_(p.grad, p.grad, value=1 - beta2)
                v_hat = state["v"] / (1 - beta2 ** state["step"])
                m_hat = state["m"] / (1 - beta1 ** state["step"])
                p.addcdiv_(m_hat, v_hat.sqrt().add_(group["eps"]), value=-group["lr"])
"""
ADAMW = TORCH.format(
    signature="lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2",
    defaults="dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)",
    betas='group["betas"]',
    decay="weight_decay",
)
ODD = TORCH.format(
    signature="speed, inertia=(0.9, 0.999), tiny=1e-8, *, shrinkage=0.0, verbose=False",
    defaults="dict(lr=speed, betas=inertia, eps=tiny, shrinkage=shrinkage)",
    betas='group["betas"]',
    decay="shrinkage",
)
LION = """
import torch


class Lion(torch.optim.Optimizer):
    def __init__(self, params, lr=1e-4, betas=(0.9, 0.99), wd=0.0):
        if not 0.0 <= lr:
            raise ValueError(f"Invalid learning rate: {lr}")
        super().__init__(params, dict(lr=lr, betas=betas, wd=wd))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in filter(lambda p: p.grad is not None, group["params"]):
                m = self.state[p].setdefault("exp_avg", torch.zeros_like(p))
                p.data.mul_(1 - group["lr"] * group["wd"])
                update = m.clone().mul_(beta1).add(p.grad, alpha=1 - beta1).sign_()
                p.add_(update, alpha=-group["lr"])
                m.mul_(beta2).add_(p.grad, alpha=1 - beta2)
"""
SGD = """
import torch


class Momentum(torch.optim.Optimizer):
    def __init__(self, params, step_size, mu=0.9, l2=0.0):
        super().__init__(params, {"lr": step_size, "momentum": mu, "weight_decay": l2})

    def step(self, closure=None):
        with torch.no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is None:
                        continue
                    g = p.grad + group["weight_decay"] * p
                    if "buffer" in self.state[p]:
                        self.state[p]["buffer"].mul_(group["momentum"]).add_(g)
                    else:
                        self.state[p]["buffer"] = g.clone()
                    p -= group["lr"] * self.state[p]["buffer"]
"""
FACTORY = """
import torch


def make(params, lr, beta1=0.9, beta2=0.999, epsilon=1e-8, wd=0.0):
    return torch.optim.AdamW(params, lr=lr, betas=(beta1, beta2), eps=epsilon, weight_decay=wd)
"""
SCHEDULED = """
import optax


def make_tx(learning_rate, b1=0.9, b2=0.999, eps=1e-8, weight_decay=1e-4):
    return optax.chain(
        optax.scale_by_adam(b1=b1, b2=b2, eps=eps),
        optax.add_decayed_weights(weight_decay),
        optax.scale_by_learning_rate(learning_rate),
    )
"""
CHAIN = """
import optax


def chain(lr, *, beta, l2):
    return optax.chain(optax.add_decayed_weights(l2), optax.trace(beta), optax.scale(-lr))
"""
KERAS = """
import keras


class MyAdamW(keras.optimizers.Optimizer):
    def __init__(self, learning_rate=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-7, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def build(self, variables):
        if not self.built:
            super().build(variables)
            self.m = [self.add_variable_from_reference(v, "m") for v in variables]
            self.v = [self.add_variable_from_reference(v, "v") for v in variables]

    def update_step(self, g, variable, rate):
        ops, dtype, i = keras.ops, variable.dtype, self._get_variable_index(variable)
        rate, t = ops.cast(rate, dtype), ops.cast(self.iterations + 1, dtype)
        m, v = self.m[i], self.v[i]
        self.assign(m, self.beta_1 * m + (1 - self.beta_1) * g)
        self.assign(v, self.beta_2 * v + (1 - self.beta_2) * g * g)
        m_hat = m / (1 - ops.power(ops.cast(self.beta_1, dtype), t))
        v_hat = v / (1 - ops.power(ops.cast(self.beta_2, dtype), t))
        self.assign_sub(variable, rate * m_hat / (ops.sqrt(v_hat) + self.epsilon))
"""
MLX = """
import mlx.core as mx
from mlx.optimizers import Optimizer


class Heavy(Optimizer):
    def __init__(self, learning_rate, momentum=0.9, weight_decay=0.0):
        super().__init__()
        self._maybe_schedule("learning_rate", learning_rate)
        self.momentum, self.weight_decay = momentum, weight_decay

    def init_single(self, parameter, state):
        state["v"] = mx.zeros_like(parameter)

    def apply_single(self, gradient, parameter, state):
        state["v"] = self.momentum * state["v"] + gradient + self.weight_decay * parameter
        return parameter - self.learning_rate.astype(gradient.dtype) * state["v"]
"""
PROTOCOL = """
import torch


class SGDW:
    '''Derived from nothing, as in a course.'''

    def __init__(self, params, lr, momentum, weight_decay):
        self.params, self.lr = list(params), lr
        self.momentum, self.weight_decay = momentum, weight_decay
        self.buffers = [torch.zeros_like(p) for p in self.params]

    def zero_grad(self):
        for p in self.params:
            p.grad = None

    @torch.no_grad()
    def step(self):
        for p, m in zip(self.params, self.buffers):
            if p.grad is not None:
                p.mul_(1 - self.lr * self.weight_decay)
                p.sub_(self.lr * m.mul_(self.momentum).add_(p.grad))
"""
GLOBAL = ADAMW.replace("class Adam", "STEPS = 0\n\n\nclass Adam").replace(
    "        for group in", "        global STEPS\n        STEPS += 1\n        for group in", 1
).replace('** state["step"]', "** STEPS")  # fmt: skip


@dataclass(frozen=True)
class Written:
    """A class or a factory as somebody wrote it, and how it is pointed at."""

    source: str
    name: str
    claim: str
    convention: str
    wrong: tuple[str, str]  # what makes another optimizer of it
    words: tuple[str, ...] = ()
    options: dict = field(default_factory=dict)
    needs: str = "torch"


AFTER = ('p.mul_(1 - group["lr"] * group["weight_decay"])',
         'p.mul_(1 - group["weight_decay"])')  # fmt: skip
WRITTEN = {
    "torch AdamW": Written(ADAMW, "Adam", "adamw", "pytorch", AFTER),
    "Lion of a tutorial": Written(LION, "Lion", "lion", "optax", ("alpha=1 - beta2", "alpha=1")),
    "step_size and l2": Written(SGD, "Momentum", "sgd", "optax", (").add_(g)", ").add_(p.grad)")),
    "odd words": Written(
        ODD, "Adam", "adamw", "pytorch", ('value=1 - beta2', "value=1"),
        words=("speed=learning_rate", "inertia=beta1,beta2", "tiny=eps",
               "shrinkage=weight_decay"),
    ),
    "torch factory": Written(FACTORY, "make", "adamw", "pytorch", ("eps=epsilon", "eps=1e-8")),
    "optax factory": Written(SCHEDULED, "make_tx", "adamw", "optax", ("b2=b2", "b2=b1"),
                             needs="optax"),
    "optax chain": Written(CHAIN, "chain", "sgd", "optax", ("trace(beta)", "trace(beta, True)"),
                           needs="optax"),
    "keras": Written(KERAS, "MyAdamW", "adamw[eps=outside]", "keras", ("+ self.epsilon", ""),
                     options={"backend": "torch"}, needs="keras"),
    "mlx": Written(MLX, "Heavy", "sgd", "optax", ("+ gradient", "- gradient"), needs="mlx"),
    "protocol": Written(PROTOCOL, "SGDW", "sgdw", "optax", ("self.lr * self", "self")),
}  # fmt: skip


def answered(file, name, claim, convention, *, words=(), options=None, short=SHORT, **driving):
    """Run what a file has on short float32 cases: the cases, the results, and what was measured."""
    rule, _, answers = claim.partition("[")
    found = dialect(rule, convention, **dict(x.split("=") for x in answers[:-1].split(",") if x))
    cases = [c for c in suite(rule, found, "float32") if c.id.partition("/")[0] in short]
    pointing = Pointing(rule, convention, dict(map(word, words)), options or {}, **driving)
    results, measured = start(parse(f"{file}:{name}", pointing=pointing), cases).answers()
    return found, cases, results, measured


def verdicts(*args, **options):
    """The verdict of each case, by its name."""
    found, cases, results, measured = answered(*args, **options)
    return {
        case.id.partition("/")[0]: judge(
            found, case, result, primitives=primitives_in(case.dtype, measured)
        ).verdict
        for case, result in zip(cases, results, strict=True)
    }
