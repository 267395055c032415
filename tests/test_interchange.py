"""wdref in PyTorch's place: the same bits in a real training, and PyTorch's conventions."""

import copy
import io
import re

import ml_dtypes
import pytest
from interchange_runs import OPTIMIZERS, STEPS, every

import wdref
from wdref.interchange import torch_optimizer


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="the extra `frameworks` installs it")


def network(torch, dtype="float32"):
    """A network, and a loss of it that changes from step to step."""
    torch.manual_seed(3)
    layers = torch.nn.Linear(6, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1)
    net = torch.nn.Sequential(*layers).to(getattr(torch, dtype))
    inputs = torch.randn(STEPS, 16, 6).to(getattr(torch, dtype))

    def loss(step):
        return (net(inputs[step]) - inputs[step].sum(1, keepdim=True)).square().mean()

    return net, loss


def trained_by_wdref(torch, opt, dtype="float32", rates=None):
    """The same training, by wdref's own step on NumPy arrays of the gradients."""
    net, loss = network(torch, dtype)
    params = {name: numpy(p) for name, p in net.named_parameters()}
    state = opt.init(params)
    for step in range(STEPS):
        net.zero_grad()
        loss(step).backward()
        grads = {name: numpy(p.grad) for name, p in net.named_parameters()}
        state = opt.step(params, grads, state)
        with torch.no_grad():
            for name, p in net.named_parameters():
                p.copy_(as_tensor(torch, params[name]))
    return params, state


def numpy(x):
    x = x.detach()
    if str(x.dtype) == "torch.bfloat16":
        return x.clone().view(__import__("torch").int16).numpy().view(ml_dtypes.bfloat16)
    return x.numpy().copy()


def as_tensor(torch, x):
    if x.dtype == ml_dtypes.bfloat16:
        return torch.from_numpy(x.view("int16")).view(torch.bfloat16)
    return torch.from_numpy(x)


def train(opt, loss, steps=range(STEPS), after=lambda: None):
    for step in steps:
        opt.zero_grad()
        loss(step).backward()
        opt.step()
        after()


@every
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_a_training_in_torch_has_wdrefs_bits(torch, name, dtype, same_bits):
    opt = OPTIMIZERS[name]
    want, state = trained_by_wdref(torch, opt, dtype)
    net, loss = network(torch, dtype)
    found = torch_optimizer(opt, net.named_parameters())
    train(found, loss)
    for key, p in net.named_parameters():
        same_bits(numpy(p), want[key])
        assert found.state[p]["step"] == STEPS
        for slot, values in state.slots.items():
            same_bits(numpy(found.state[p][slot]), values[key])


@every
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_going_on_from_a_state_dict(torch, name, dtype, same_bits):
    opt = OPTIMIZERS[name]
    net, loss = network(torch, dtype)
    train(torch_optimizer(opt, net.named_parameters()), loss)
    want = net.state_dict()
    net, loss = network(torch, dtype)
    found = torch_optimizer(opt, net.named_parameters())
    train(found, loss, range(4))
    saved = found.state_dict()
    if name not in ("normalised",):  # λ(t) is a function, which no file holds
        file = io.BytesIO()
        torch.save(saved, file)
        file.seek(0)
        saved = torch.load(file, weights_only=True)
    other, loss = network(torch, dtype)
    other.load_state_dict(net.state_dict())
    again = torch_optimizer(opt, other.named_parameters())
    again.load_state_dict(saved)
    train(again, loss, range(4, STEPS))
    for key, p in other.state_dict().items():
        same_bits(numpy(p), numpy(want[key]))


@pytest.mark.parametrize("form", ["paper", "lr", "l2", "fixed", "initial_lr", "proximal",
                                  "corrected", "masked"])  # fmt: skip
@pytest.mark.parametrize("adam", [False, True])
def test_a_scheduler_of_torch_is_the_schedule_of_the_paper(torch, form, adam, same_bits):
    method = wdref.AdamW if adam else wdref.SGDW
    own = {"learning_rate": 0.05, "weight_decay": 0.1, "form": form}
    want, _ = trained_by_wdref(
        torch, method(**own, schedule=wdref.schedules.step_drop((3, 6), 0.5))
    )
    net, loss = network(torch)
    found = torch_optimizer(method(**own), net.parameters())
    drops = torch.optim.lr_scheduler.MultiStepLR(found, [3, 6], gamma=0.5)
    train(found, loss, after=drops.step)
    for key, p in net.named_parameters():
        same_bits(numpy(p), want[key])


def test_groups_of_torch(torch, same_bits):
    opt = wdref.AdamW(learning_rate=0.05, weight_decay=0.1, groups={
        "0.*": {"weight_decay": 0.0}, "2.*": {"learning_rate": 0.01, "betas": (0.8, 0.9)}
    })  # fmt: skip
    want, _ = trained_by_wdref(torch, opt)
    net, loss = network(torch)
    plain = wdref.AdamW(learning_rate=0.05, weight_decay=0.1)
    found = torch_optimizer(plain, [{"params": net[0].parameters(), "weight_decay": 0.0}])
    rate = torch.tensor(0.01, dtype=torch.float64)
    found.add_param_group({"params": net[2].parameters(), "lr": rate, "betas": (0.8, 0.9)})
    train(found, loss)
    for key, p in net.named_parameters():
        same_bits(numpy(p), want[key])


def test_a_closure_a_copy_and_a_parameter_without_gradient(torch):
    p, q = torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(2))
    found = torch_optimizer(OPTIMIZERS["AdamW"], [p, q])

    def closure():
        found.zero_grad()
        loss = p.sum()
        loss.backward()
        return loss

    assert found.step(closure).item() == 2.0
    assert (p < 1).all()
    assert (q == 1).all()
    assert q not in found.state
    assert copy.deepcopy(found).step() is None  # a copy steps too
    assert found.state[p]["step"] == 1


def test_autograd_notices(torch):
    p = torch.nn.Parameter(torch.ones(2))
    found = torch_optimizer(OPTIMIZERS["AdamW"], [p])
    p.grad = torch.ones(2)
    loss = (p * p).sum()
    found.step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_refused_by_the_torch_optimizer(torch):
    p, opt = torch.nn.Parameter(torch.ones(2)), OPTIMIZERS["AdamW"]
    for params, text in (
        ([{"params": [p], "weight_deacy": 0}],
         "param group has weight_deacy: AdamW has lr, betas, eps, weight_decay"),
        ([{"params": [p], "lr": -1.0}], "learning_rate=-1.0: expected a finite number >= 0"),
        ([{"params": [p], "betas": (0.9, 1.0)}],
         "beta2=1.0: expected a finite number >= 0 and < 1"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=rf"\A{re.escape(text)}\Z"):
            torch_optimizer(opt, params)
    with pytest.raises(ValueError, match=r"go by names: give model.named_parameters\(\)\Z"):
        torch_optimizer(OPTIMIZERS["masked"], [p])
    late = wdref.AdamW(weight_decay=0.1, answers={"schedule": "late"})
    with pytest.raises(ValueError, match="reads the schedule of the step before"):
        torch_optimizer(late, [p])
    found = torch_optimizer(opt, [p])
    saved = torch_optimizer(OPTIMIZERS["SGDW"], [p]).state_dict()
    with pytest.raises(ValueError, match=r"\Astate_dict belongs to another optimizer: g ← "):
        found.load_state_dict(saved)


def test_a_step_that_is_refused_changes_nothing(torch):
    p, q = torch.nn.Parameter(torch.ones(4)), torch.nn.Parameter(torch.ones(2))
    found = torch_optimizer(OPTIMIZERS["AdamW"], [("p", p), ("q", q)])
    p.grad = torch.ones(4)
    q.grad = torch.ones(2).to_sparse()
    with pytest.raises(TypeError, match=r"gradient of q is torch\.sparse_coo: expected a dense"):
        found.step()
    q.grad = None
    q.data = p.data[:2]
    q.grad = torch.ones(2)
    with pytest.raises(ValueError, match=r"params\['q'\] shares memory with params\['p'\]"):
        found.step()
    assert (p == 1).all()
    assert not found.state


def test_an_lr_that_was_0_has_no_multiplier(torch):
    p = torch.nn.Parameter(torch.ones(2))
    found = torch_optimizer(wdref.AdamW(weight_decay=0.1, learning_rate=0.0), [p])
    p.grad = torch.ones(2)
    found.param_groups[0]["lr"] = 0.1
    with pytest.raises(ValueError, match="lr was 0 when the group was added"):
        found.step()
