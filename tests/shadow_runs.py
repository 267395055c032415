"""The trainings that tests of the shadow share, and the faults they plant (by `runpy.run_path`)."""

import pytest
import torch

from wdref.oracle import shadow

IMPLEMENTATIONS = {
    "loop": {"foreach": False},
    "foreach": {"foreach": True},
    "fused": {"fused": True},
}
OPTIMIZERS = {
    "AdamW": {"weight_decay": 0.1},
    "Adam": {"weight_decay": 0.1, "amsgrad": True},
    "SGD": {"weight_decay": 0.1, "momentum": 0.9, "nesterov": True},
}


@pytest.fixture(autouse=True)
def one_thread():
    """The layers are small."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def network(dtype="float32"):
    torch.manual_seed(0)
    layers = torch.nn.Linear(12, 9), torch.nn.Tanh(), torch.nn.Linear(9, 2)
    return torch.nn.Sequential(*layers).to(getattr(torch, dtype))


def groups(net, *, decay=0.1):
    """Weights with decay, biases without."""
    named = dict(net.named_parameters())
    weights = [(n, p) for n, p in named.items() if p.ndim > 1]
    biases = [(n, p) for n, p in named.items() if p.ndim == 1]
    return [{"params": weights, "weight_decay": decay}, {"params": biases, "weight_decay": 0.0}]


def loss_of(net, step):
    x = torch.sin(torch.arange(60.0).reshape(5, 12) * (step + 1)).to(next(net.parameters()).dtype)
    return (net(x) ** 2).mean()


def train(net, opt, steps, *, schedule=lambda step: 1.0, before=lambda step: None):
    base = [group["lr"] for group in opt.param_groups]
    for step in range(1, steps + 1):
        for group, lr in zip(opt.param_groups, base, strict=True):
            group["lr"] = lr * schedule(step)
        opt.zero_grad()
        loss_of(net, step).backward()
        before(step)
        opt.step()


class Wide(torch.optim.Optimizer):
    """AdamW on half-precision parameters with float32 state, as mixed precision does."""

    def __init__(self, params, **defaults):
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            (b1, b2), lr, lam = group["betas"], group["lr"], group["weight_decay"]
            for p in group["params"]:
                s = self.state[p]
                if not s:
                    s |= {"n": 0, "first": torch.zeros(p.shape), "second": torch.zeros(p.shape)}
                s["n"] += 1
                g, theta = p.grad.float(), p.float()
                s["first"].mul_(b1).add_(g, alpha=1 - b1)
                s["second"].mul_(b2).addcmul_(g, g, value=1 - b2)
                m, v = s["first"] / (1 - b1 ** s["n"]), s["second"] / (1 - b2 ** s["n"])
                p.copy_(theta - lr * (m / (v.sqrt() + group["eps"]) + lam * theta))


def wide(net):
    return Wide(net.parameters(), lr=1e-2, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.1)


OWN = {"claim": "adamw", "slots": {"m": "first", "v": "second"}, "counter": "n"}


# -- planted faults -------------------------------------------------------------------------------

STEP, WEIGHT, BIAS = 7, "2.weight", "2.bias"


def planted(fault, name="AdamW"):
    """Return torch's optimizer with a fault in step 7; `fault` yields once, for the step."""

    class Planted(getattr(torch.optim, name)):
        steps = 0

        @torch.no_grad()
        def step(self, closure=None):
            self.steps += 1
            at_work = fault(self) if self.steps == STEP else iter([None])
            next(at_work)
            super().step()
            next(at_work, None)

    return Planted


def leaf(opt, name):
    rows = [zip(g["param_names"], g["params"], strict=True) for g in opt.param_groups]
    return next(p for row in rows for n, p in row if n == name)


def decay_skipped(opt):
    old, opt.param_groups[0]["weight_decay"] = opt.param_groups[0]["weight_decay"], 0.0
    yield
    opt.param_groups[0]["weight_decay"] = old


def decay_twice(opt):
    group = opt.param_groups[0]
    leaf(opt, WEIGHT).mul_(1 - group["lr"] * group["weight_decay"])
    yield


def stale_rate(opt):
    now = opt.param_groups[0]["lr"]
    opt.param_groups[0]["lr"] = now * (1 - (STEP - 1) / 20) / (1 - STEP / 20)
    yield
    opt.param_groups[0]["lr"] = now


def counter_shared(opt):
    opt.state[leaf(opt, WEIGHT)]["step"] = opt.state[leaf(opt, "0.weight")]["step"]
    yield


def bfloat16_cast(opt):
    yield
    leaf(opt, WEIGHT).copy_(leaf(opt, WEIGHT).bfloat16())


def bfloat16_state(opt):
    yield
    state = opt.state[leaf(opt, WEIGHT)]
    key = "exp_avg" if "exp_avg" in state else "momentum_buffer"
    state[key].copy_(state[key].bfloat16())


def gradient_cast(opt):
    p = leaf(opt, WEIGHT)
    old, p.grad = p.grad, p.grad.bfloat16().float()
    yield
    p.grad = old


def tail_skipped(opt):
    flat = leaf(opt, WEIGHT).view(-1)
    old = flat[-2:].clone()
    yield
    flat[-2:] = old


FAULTS = {  # the leaves that it is in, and what it is called
    decay_skipped: ({"0.weight", WEIGHT}, "form=none"),
    decay_twice: ({WEIGHT}, "decay applied twice"),
    stale_rate: ({"0.weight", WEIGHT}, "schedule=late"),
    bfloat16_cast: ({WEIGHT}, "parameters cast to bfloat16"),
    bfloat16_state: ({WEIGHT}, "m cast to bfloat16"),
    gradient_cast: ({WEIGHT}, "gradient cast to bfloat16"),
    tail_skipped: ({WEIGHT}, "the parameters did not move, at 2 of 18 coordinates"),
}


def shadowed_with(fault, name="AdamW", dtype="float32", **options):
    net = network(dtype)
    cls = planted(fault, name)
    opt = cls(groups(net), lr=1e-2, **OPTIMIZERS[name], **options)
    with shadow(opt, on_departure="collect", sample=50) as watch:
        train(net, opt, STEP + 3, schedule=lambda step: 1 - step / 20)
    return watch
