"""wdref in PyTorch's and optax's place: the same bits in a real training, and their conventions."""

import copy
import io
import re
import threading
from dataclasses import dataclass

import ml_dtypes
import numpy as np
import pytest

import wdref
from wdref.interchange import optax_transformation, torch_optimizer

OPTIMIZERS = {
    "AdamW": wdref.AdamW(learning_rate=0.05, weight_decay=0.1),
    "scheduled": wdref.AdamW(
        learning_rate=0.05, weight_decay=0.1, schedule=wdref.schedules.step_drop((4, 8), 0.5)
    ),
    "masked": wdref.AdamW(
        learning_rate=0.05, weight_decay=0.1, decay_mask=lambda path, p: p.ndim > 1,
        groups={"2.*": {"learning_rate": 0.01, "betas": (0.8, 0.99)}},
    ),
    "AMSGrad": wdref.Adam.like("pytorch", weight_decay=0.1, amsgrad="raw"),
    "masters": wdref.AdamW(learning_rate=0.05, weight_decay=0.1, master_weights=True),
    "SGDW": wdref.SGDW(learning_rate=0.05, weight_decay=0.1, nesterov=True),
    "SGD": wdref.SGD.like("pytorch", learning_rate=0.05, momentum=0.9, weight_decay=0.01),
    "bare": wdref.SGD(learning_rate=0.05, momentum=0.0),
    "normalised": wdref.AdamW(weight_decay=lambda t: 0.1 / t),
    "scaled": wdref.AdamW(weight_decay=0.1, form="scaled_l2"),
}  # fmt: skip
STEPS = 10
every = pytest.mark.parametrize("name", OPTIMIZERS)


# -- PyTorch ------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("form", ["paper", "lr", "l2", "fixed", "initial_lr"])
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


# -- optax --------------------------------------------------------------------------------------


@pytest.fixture
def jax():
    pytest.importorskip("optax", reason="the extra `frameworks` installs it")
    return pytest.importorskip("jax", reason="the extra `frameworks` installs it")


def gradients(params, steps=STEPS):
    rng = np.random.default_rng(4)
    return [{k: rng.normal(size=p.shape).astype(p.dtype) for k, p in params.items()}
            for _ in range(steps)]  # fmt: skip


def start(dtype):
    rng = np.random.default_rng(5)
    shapes = {"0.weight": (4, 3), "2.bias": (3,)}
    return {k: (rng.uniform(1, 2, s)).astype(np.dtype(dtype)) for k, s in shapes.items()}


@every
@pytest.mark.parametrize("horizon", [None, STEPS])
@pytest.mark.parametrize("jitted", [False, True])
def test_a_training_in_optax_is_wdrefs(jax, name, horizon, jitted):
    import optax

    opt, params = OPTIMIZERS[name], start("float32")
    tx = optax_transformation(opt, horizon=horizon)
    there = jax.tree.map(jax.numpy.asarray, params)

    def update(params, grads, state):
        updates, state = tx.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    update = jax.jit(update) if jitted else update
    other = tx.init(there)
    apply = jax.jit(opt.apply) if jitted else opt.apply
    for t, g in enumerate(gradients(params), 1):
        # from the same state: XLA fuses, flushes and rounds √ as it likes
        old, slots = there, dict(other.slots)
        there, other = update(there, jax.tree.map(jax.numpy.asarray, g), other)
        want, own = apply(old, jax.tree.map(jax.numpy.asarray, g), slots, opt.scalars(t))
        for key, p in there.items():
            unit = np.finfo("f4").eps
            near = (p <= 2 * old[key]) & (old[key] <= 2 * p)
            if not jitted:  # θ' - θ is exact, and so is what optax makes of it
                np.testing.assert_array_equal(p[near], want[key][near])
            bound = 8 * unit * (abs(old[key]) + abs(want[key] - old[key]))
            assert (abs(p - want[key]) <= bound).all()
            for slot, values in own.items():
                np.testing.assert_allclose(other.slots[slot][key], values[key], rtol=8 * unit)
    assert int(other.count) == STEPS


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("horizon", [None, 1000])
def test_the_scalars_are_the_hosts(jax, horizon, dtype):
    """A late step, where a bias correction in float32 would be far outside the envelope."""
    with jax.enable_x64(dtype == "float64"):
        opt = wdref.AdamW(weight_decay=0.0, betas=(0.999, 0.9999), eps=0.0, learning_rate=1.0)
        tx = optax_transformation(opt, horizon=horizon)
        params = {"w": jax.numpy.ones(1, dtype)}
        state = tx.init(params)._replace(count=jax.numpy.asarray(99, "int32"))
        updates, _ = jax.jit(tx.update)(params, state, params)
        s = opt.scalars(100)[0]
        want = s.step * (s.one_minus_beta1 / s.bias1) / np.sqrt(s.one_minus_beta2 / s.bias2)
        assert abs(1 - float((params["w"] + updates["w"])[0]) - want) < 4 * np.finfo(dtype).eps


def test_past_the_horizon_everything_is_nan(jax):
    tx = optax_transformation(OPTIMIZERS["AdamW"], horizon=1)
    params = {"w": jax.numpy.ones(2)}
    updates, state = jax.jit(tx.update)(params, tx.init(params), params)
    assert np.isfinite(updates["w"]).all()
    updates, _ = jax.jit(tx.update)(params, state, params)
    assert np.isnan(updates["w"]).all()
    with pytest.raises(ValueError, match=r"\Ahorizon=0: expected a whole number >= 1\Z"):
        optax_transformation(OPTIMIZERS["AdamW"], horizon=0)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("name", ["AdamW", "masters"])
def test_half_precision_in_optax_has_the_parameters_of_apply(jax, dtype, name, same_bits):
    import optax

    opt = OPTIMIZERS[name]
    tx = optax_transformation(opt, horizon=STEPS)
    params = jax.tree.map(jax.numpy.asarray, start(dtype))
    state = tx.init(params)
    for t, g in enumerate(gradients(start(dtype)), 1):
        want, _ = opt.apply(
            params, jax.tree.map(jax.numpy.asarray, g), dict(state.slots), opt.scalars(t)
        )
        updates, state = tx.update(jax.tree.map(jax.numpy.asarray, g), state, params)
        params = optax.apply_updates(params, updates)
        for key, p in params.items():
            same_bits(np.asarray(p), np.asarray(want[key]))


def test_trees_of_jax_alone_chains_and_masks(jax):
    import optax

    @jax.tree_util.register_dataclass
    @dataclass
    class Net:
        weight: object
        bias: object

    opt = wdref.SGDW(learning_rate=0.5, weight_decay=0.5, momentum=0.0,
                     decay_mask=lambda path, _: path.endswith("weight"))  # fmt: skip
    net = {"layers": [Net(jax.numpy.ones(2), jax.numpy.ones(1))]}
    tx = optax.chain(optax.clip(1.0), optax_transformation(opt))
    grads = jax.tree.map(lambda x: 8 * x, net)

    @jax.jit
    def update(net, grads, state):
        updates, state = tx.update(grads, state, net)
        return optax.apply_updates(net, updates), state

    new, _ = update(net, grads, tx.init(net))
    np.testing.assert_array_equal(new["layers"][0].weight, [0.0, 0.0])  # 1 - 0.5 - 0.5
    np.testing.assert_array_equal(new["layers"][0].bias, [0.5])
    half = optax.masked(optax_transformation(opt), {"layers": [Net(True, False)]})
    updates, _ = half.update(net, half.init(net), net)
    np.testing.assert_array_equal(updates["layers"][0].weight, [-1.0, -1.0])
    np.testing.assert_array_equal(updates["layers"][0].bias, [1.0])  # as it came


def test_refused_by_the_transformation(jax):
    tx = optax_transformation(OPTIMIZERS["AdamW"])
    params = {"w": jax.numpy.ones(2)}
    with pytest.raises(ValueError, match=r"\Aupdate needs the parameters too: update\("):
        tx.update(params, tx.init(params))
    with pytest.raises(ValueError, match=r"grads\['w'\] has shape \(3,\): params\['w'\] needs"):
        tx.update({"w": jax.numpy.ones(3)}, tx.init(params), params)


def test_a_schedule_that_fails_is_told_from_inside_jit(jax):
    opt = wdref.AdamW(weight_decay=0.0, schedule=lambda t: 1.0 if t < 2 else -1.0)
    tx = optax_transformation(opt)
    params = {"w": jax.numpy.ones(2)}
    update = jax.jit(tx.update)
    _, state = update(params, tx.init(params), params)
    with pytest.raises(Exception, match=r"schedule\(2\)=-1.0: expected a finite number >= 0"):
        jax.block_until_ready(update(params, state, params))


def test_the_host_is_asked_from_a_thread_that_thinks_x64_off(jax):
    """JAX runs callbacks where it likes, and there rounds what they return to its own float."""
    with jax.enable_x64(True):
        tx = optax_transformation(OPTIMIZERS["AdamW"])
        params = {"w": jax.numpy.ones(2)}
        state = tx.init(params)
        program = jax.jit(tx.update).lower(params, state, params).compile()
        want, _ = tx.update(params, state, params)
    found = []
    thread = threading.Thread(target=lambda: found.append(program(params, state, params)[0]["w"]))
    thread.start()
    thread.join()
    assert found[0].dtype == np.float64
    np.testing.assert_allclose(np.asarray(found[0]), np.asarray(want["w"]), rtol=2**-50)
