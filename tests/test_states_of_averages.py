"""States of Adagrad and RMSprop: a run of a program goes on in wdref, on the same numbers."""

import numpy as np
import pytest

import wdref

GRADS = np.random.default_rng(0).normal(size=(6, 5))
NUMBERS = {"learning_rate": 0.1, "eps": 0.1}
RMS = {**NUMBERS, "rho": 0.8, "momentum": 0.5, "centered": True}


def torch_run(name, **options):
    torch = pytest.importorskip("torch", reason="the extra `frameworks` installs it")
    p = torch.nn.Parameter(torch.ones(5, dtype=torch.float64))
    opt = getattr(torch.optim, name)([p], lr=0.1, eps=0.1, **options)

    def step(g):
        p.grad = torch.tensor(g)
        opt.step()
        return p.detach().numpy().copy()

    return step, opt.state_dict


def optax_run(name, **options):
    jax = pytest.importorskip("jax", reason="the extra `frameworks` installs it")
    optax = pytest.importorskip("optax", reason="the extra `frameworks` installs it")
    opt = getattr(optax, name)(0.1, eps=0.1, **options)
    with jax.enable_x64(True):
        now = {"p": [jax.numpy.ones(5)]}
        now["s"] = opt.init(now["p"])

    def step(g):
        with jax.enable_x64(True):
            u, now["s"] = opt.update([jax.numpy.asarray(g)], now["s"], now["p"])
            now["p"] = optax.apply_updates(now["p"], u)
            return np.array(now["p"][0])

    return step, lambda: jax.tree.map(np.asarray, now["s"])


CENTERED = {"momentum": 0.5, "centered": True}
RUNS = {
    "torch Adagrad": (torch_run, "Adagrad", {"lr_decay": 0.2, "initial_accumulator_value": 0.4},
                      wdref.Adagrad.like("pytorch", **NUMBERS, annealing=0.2, initial=0.4)),
    "torch RMSprop": (torch_run, "RMSprop", {"alpha": 0.8, **CENTERED},
                      wdref.RMSprop.like("pytorch", **RMS)),
    "optax adagrad": (optax_run, "adagrad", {}, wdref.Adagrad.like("optax", **NUMBERS)),
    "optax rmsprop": (optax_run, "rmsprop", {"decay": 0.8, "nesterov": True, **CENTERED},
                      wdref.RMSprop.like("optax", **RMS, nesterov=True)),
}  # fmt: skip


@pytest.mark.parametrize("run", RUNS)
def test_a_run_goes_on(run):
    make, name, options, ours = RUNS[run]
    step, state = make(name, **options)
    for g in GRADS[:3]:
        theta = step(g)
    program = "pytorch" if make is torch_run else "optax"
    counts = {} if make is torch_run else {"step": 3}
    mine = wdref.states.load(ours, [theta], state(), program, **counts)
    for g in GRADS[3:]:
        mine = ours.step([theta], [g], mine)
        np.testing.assert_allclose(theta, step(g), rtol=1e-13)


def test_another_option_of_the_program_is_refused():
    step, state = torch_run("RMSprop", alpha=0.8, momentum=0.5)
    theta = step(GRADS[0])
    ours = wdref.RMSprop.like("pytorch", **RMS)
    with pytest.raises(ValueError, match=r"grad_avg|centered"):
        wdref.states.load(ours, [theta], state(), "pytorch")
