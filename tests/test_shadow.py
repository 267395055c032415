"""The shadow of torch trainings: nothing where nothing is wrong."""

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

from wdref.oracle import shadow

torch = pytest.importorskip("torch", reason="torch, installed by the extra `frameworks`")
pytest.importorskip("flint", reason="ball arithmetic, installed by the extra `oracle`")
runs = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("shadow_runs.py"))))


one_thread = runs.one_thread


def bits(net):
    return [p.detach().clone() for p in net.parameters()]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("implementation", runs.IMPLEMENTATIONS)
@pytest.mark.parametrize("name", runs.OPTIMIZERS)
def test_a_right_training_reports_nothing(name, implementation, dtype):
    net = runs.network(dtype)
    cls = getattr(torch.optim, name)
    opt = cls(
        runs.groups(net), lr=1e-2, **runs.OPTIMIZERS[name], **runs.IMPLEMENTATIONS[implementation]
    )
    with shadow(opt, on_departure="raise", sample=50) as watch:
        runs.train(net, opt, 200, schedule=lambda step: 1 - step / 300)
    assert watch.watched == watch.seen == 200
    assert watch.leaves == {n for n, _ in net.named_parameters()}
    assert watch.judged > 200 * (50 + 9 + 18 + 2)
    assert (watch.departures, watch.undecided) == ([], 0)
    assert "nothing departs" in watch.report()


def test_the_training_keeps_its_bits():
    nets = runs.network(), runs.network()
    for net, watched in zip(nets, (True, False), strict=True):
        opt = torch.optim.AdamW(net.parameters(), lr=1e-2)
        watch = shadow(opt, sample=5) if watched else None
        runs.train(net, opt, 20)
        assert watch is None or watch.watched == 20
    assert all(torch.equal(x, y) for x, y in zip(*map(bits, nets), strict=True))


@pytest.mark.parametrize("options", [{}, {"momentum": 0.9, "dampening": 0.5}, {"maximize": True}])
def test_other_sgds(options):
    net = runs.network()
    opt = torch.optim.SGD(net.parameters(), lr=1e-2, weight_decay=0.1, **options)
    with shadow(opt, on_departure="raise") as watch:
        runs.train(net, opt, 20)
    assert watch.judged > 0


def test_a_rate_that_is_a_tensor_makes_scalars_float32():
    net = runs.network()
    opt = torch.optim.AdamW(net.parameters(), lr=torch.tensor(1e-2), foreach=False)
    with shadow(opt, on_departure="raise") as watch:
        for step in range(20):
            runs.loss_of(net, step).backward()
            opt.step()
    assert watch.judged > 0


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("implementation", runs.IMPLEMENTATIONS)
def test_half_precision(implementation, dtype):
    net = runs.network(dtype)
    opt = torch.optim.AdamW(net.parameters(), lr=1e-2, **runs.IMPLEMENTATIONS[implementation])
    with shadow(opt, on_departure="raise") as watch:
        runs.train(net, opt, 30)
    # eps is 0 in float16: only what computes in float32 can be certified
    certain = dtype == "bfloat16" or implementation == "fused"
    assert (watch.undecided == 0) == certain


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
def test_half_parameters_with_float32_state(dtype):
    net = runs.network(dtype)
    opt = runs.wide(net)
    with shadow(opt, on_departure="raise", **runs.OWN) as watch:
        runs.train(net, opt, 30)
    assert (watch.judged > 0, watch.undecided) == (True, 0)


def test_parameters_without_a_gradient_rest():
    net = runs.network()
    opt = torch.optim.AdamW(net.parameters(), lr=1e-2)

    def some(step):
        if step < 4 or step % 3 == 0:
            net[2].bias.grad = None

    with shadow(opt, on_departure="raise") as watch:
        runs.train(net, opt, 20, before=some)
    assert len(watch.leaves) == 4


@pytest.mark.parametrize("implementation", runs.IMPLEMENTATIONS)
def test_scaled_gradients_and_skipped_steps(implementation):
    net = runs.network()
    opt = torch.optim.AdamW(net.parameters(), lr=1e-2, **runs.IMPLEMENTATIONS[implementation])
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=5)
    with shadow(opt, on_departure="raise") as watch:
        for step in range(30):
            opt.zero_grad()
            scaler.scale(runs.loss_of(net, step)).backward()
            if step in (0, 12):
                net[0].weight.grad[0, 0] = torch.inf
            scaler.step(opt)
            scaler.update()
    # without fused, torch does not even call a step that is skipped
    assert watch.seen == (30 if implementation == "fused" else 28)
    assert watch.judged > 0


def test_gradients_that_a_closure_makes():
    net = runs.network()
    opt = torch.optim.AdamW(net.parameters(), lr=1e-2)

    def closure():
        opt.zero_grad()
        loss = runs.loss_of(net, 1)
        loss.backward()
        return loss

    with shadow(opt, on_departure="raise") as watch:
        assert opt.step(closure) > 0
        assert opt.step(closure=closure) > 0
    assert watch.watched == 2


def test_every_so_many_steps():
    net = runs.network()
    opt = torch.optim.AdamW(net.parameters(), lr=1e-2)
    with shadow(opt, every=100, on_departure="raise") as watch:
        runs.train(net, opt, 201)
    assert (watch.seen, watch.watched) == (201, 3)
    runs.train(net, opt, 5)
    assert watch.seen == 201  # closed: the hooks are gone
