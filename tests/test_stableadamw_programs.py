"""StableAdamW among its programs: the steps of each installed one are those of `like`."""

import numpy as np
import pytest

import wdref

OWN = {"learning_rate": 0.125, "weight_decay": 0.25}
REST = {"betas": (0.9, 0.75), "eps": 0.0625}


def gradients():
    """Of growing scales, so that steps are clipped."""
    rng = np.random.default_rng(0)
    return [rng.normal(size=(2, 3)) * 2.0**t for t in range(7)]


def ours(program, **answers):
    opt = wdref.StableAdamW.like(program, **OWN, **REST, **answers)
    params, path = np.ones((2, 3)), []
    state = opt.init(params)
    for g in gradients():
        params, state = opt.update(params, g, state)
        path.append(params)
    return path


def trained(make):
    """The same steps of a class of PyTorch's kind."""
    torch = pytest.importorskip("torch", reason="the extra `frameworks` installs it")
    weight = torch.nn.Parameter(torch.ones(2, 3, dtype=torch.float64))
    words = {"lr": OWN["learning_rate"], "weight_decay": OWN["weight_decay"], **REST}
    optimizer, path = make([weight], **words), []
    for g in gradients():
        weight.grad = torch.asarray(g)
        optimizer.step()
        path.append(weight.detach().numpy().copy())
    return path


def test_levanter_s_chain_of_optax():
    """Its config makes this chain: the decay is part of what is measured and clipped."""
    jax, optax = (pytest.importorskip(x, reason="extra `frameworks`") for x in ("jax", "optax"))
    with jax.enable_x64(True):
        there = optax.chain(
            optax.scale_by_adam(*REST["betas"], REST["eps"]),
            optax.add_decayed_weights(OWN["weight_decay"]),
            optax.clip_by_block_rms(1.0),
            optax.scale_by_learning_rate(OWN["learning_rate"]),
        )
        params = jax.numpy.ones((2, 3))
        state = there.init(params)
        for g, mine in zip(gradients(), ours("levanter"), strict=True):
            updates, state = there.update(jax.numpy.asarray(g), state, params)
            params = optax.apply_updates(params, updates)
            np.testing.assert_allclose(mine, params, rtol=1e-13)


def test_pytorch_optimizer_s():
    theirs = pytest.importorskip("pytorch_optimizer", reason="the extra `programs` installs it")
    found = trained(theirs.StableAdamW)
    np.testing.assert_allclose(ours("pytorch_optimizer"), found, rtol=1e-12)


@pytest.mark.filterwarnings("ignore:Parameter `foreach` is deprecated:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:You are using weight_decay:UserWarning")  # above 1e-3
@pytest.mark.parametrize("foreach", [False, True])
@pytest.mark.parametrize("decouple", [False, True])
def test_optimi_s(foreach, decouple):
    """decouple_lr takes λ without the rate, clipped: the form "paper"."""
    theirs = pytest.importorskip("optimi", reason="the extra `programs` installs it")

    def make(params, **words):
        return theirs.StableAdamW(params, **words, foreach=foreach, triton=False,
                                  decouple_lr=decouple)  # fmt: skip

    answers = {"form": "paper"} if decouple else {}
    np.testing.assert_allclose(ours("optimi", **answers), trained(make), rtol=1e-12)


@pytest.mark.parametrize("foreach", [False, True])
def test_timm_s(foreach):
    theirs = pytest.importorskip("timm.optim.adamw", reason="of no extra: pip install timm")

    def make(params, **words):
        return theirs.AdamWLegacy(params, **words, clipping_threshold=1.0, foreach=foreach)

    np.testing.assert_allclose(ours("timm"), trained(make), rtol=1e-12)


def test_the_programs_differ():
    """The very gradients above tell every answer from every other."""
    paths = [ours(x)[-1] for x in ("paper", "zeta", "timm", "levanter")]
    for i, one in enumerate(paths):
        assert all(np.max(np.abs(one - other)) > 1e-3 for other in paths[:i])
