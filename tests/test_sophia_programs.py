"""Sophia among its programs: their verdicts, and steps that are those of `like`."""

import numpy as np
import pytest

import wdref
from wdref.conventions import dialect
from wdref.oracle.cases.lives import lives
from wdref.oracle.cases.shapes import tensors
from wdref.oracle.cases.suite import regimes
from wdref.oracle.judge.verdict import judge_all, overall
from wdref.oracle.targets.targets import parse, start

pytest.importorskip("flint", reason="needs wdref[oracle]")
OWN = {"learning_rate": 0.125, "weight_decay": 0.25, "betas": (0.9, 0.75), "interval": 3}
SHORT = ("exaggerated", "bursts", "interval-1")


def series(seed):
    """An array for every step."""
    return list(np.random.default_rng(seed).normal(size=(7, 2, 3)))


def ours(program, **rest):
    opt = wdref.Sophia.like(program, **OWN, **rest)
    params, path = np.ones((2, 3)), []
    state = opt.init(params)
    for g, estimate in zip(series(0), series(1), strict=True):
        params, state = opt.update(params, g, state, curvature=estimate)
        path.append(params)
    return path


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_optax_conforms(dtype):
    pytest.importorskip("optax", reason="extra `frameworks`")
    d = dialect("sophia", "optax")
    some = [c for c in regimes("sophia", d, dtype) if c.id.partition("/")[0] in SHORT]
    some += [c for c in tensors("sophia", d, dtype) if c.id.startswith("groups")]
    some += [c for c in lives("sophia", d, dtype)
            if c.id.partition("/")[0] in ("resume", "accumulate", "skip", "removed")]  # fmt: skip
    assert len(some) == 9
    results = start(parse("optax:sophia"), some).results()
    assert overall(judge_all(d, some, results, {})) == "conforms"


def test_optax_s_own_words():
    """What a user of both would write."""
    jax, optax = (pytest.importorskip(x, reason="extra `frameworks`") for x in ("jax", "optax"))
    told = optax.GradientTransformationExtraArgs(
        lambda params: optax.EmptyState(),
        lambda grads, state, params=None, *, estimate, **_: (estimate, state),
    )
    with jax.enable_x64(True):
        there = optax.contrib.sophia(0.125, b1=0.9, b2=0.75, eps=0.0625, gamma=0.5,
                                     update_interval=3, weight_decay=0.25,
                                     hessian_diagonal_fn=told)  # fmt: skip
        params = jax.numpy.ones((2, 3))
        state = there.init(params)
        mine = ours("optax", eps=0.0625, gamma=0.5)
        for g, estimate, x in zip(series(0), series(1), mine, strict=True):
            given = jax.numpy.asarray(estimate)
            updates, state = there.update(jax.numpy.asarray(g), state, params, estimate=given)
            params = optax.apply_updates(params, updates)
            np.testing.assert_allclose(x, params, rtol=1e-13)


@pytest.mark.parametrize("foreach", [False, True])
def test_pytorch_optimizer_s(foreach):
    """It takes in an estimate at every step that it is given one."""
    theirs = pytest.importorskip("pytorch_optimizer", reason="the extra `programs` installs it")
    torch = pytest.importorskip("torch", reason="the extra `frameworks` installs it")
    weight = torch.nn.Parameter(torch.ones(2, 3, dtype=torch.float64))
    opt = theirs.SophiaH([weight], lr=0.125, betas=(0.9, 0.75), eps=0.0625, p=1.0,
                         weight_decay=0.25, update_period=1000, foreach=foreach)  # fmt: skip
    mine = ours("pytorch_optimizer", eps=0.0625)
    for t, (g, estimate, x) in enumerate(zip(series(0), series(1), mine, strict=True)):
        weight.grad = torch.asarray(g)
        opt.step(hessian=[torch.asarray(estimate)] if t % 3 == 0 else None)
        np.testing.assert_allclose(x, weight.detach().numpy(), rtol=1e-12)
