"""MARS among its programs: the steps of each installed one are those of `like`."""

import numpy as np
import pytest

import wdref
from wdref.oracle.bugs.gallery import gallery

OWN = {"learning_rate": 0.125, "weight_decay": 0.25}
H = {"beta1": 0.5, "beta2": 0.75, "eps": 0.0625, "gamma": 0.25}
WORDS = {"betas": (0.5, 0.75), "eps": 0.0625, "gamma": 0.25}
CLAIMS = ("mars", "marslion")


def gradients():
    """Of norms below 1, and above it soon."""
    rng = np.random.default_rng(0)
    return [rng.normal(size=(2, 3)) * 2.0 ** (t - 3) for t in range(7)]


def ours(program, claim="mars", **answers):
    if claim == "mars":
        opt = wdref.MARS.like(program, **OWN, **WORDS, **answers)
    else:
        opt = wdref.MARSLion.like(program, **OWN, beta1=0.5, gamma=0.25, **answers)
    params, path = np.ones((2, 3)), []
    state = opt.init(params)
    for g in gradients():
        params, state = opt.update(params, g, state)
        path.append(params)
    return path


def trained(make, in_place=False, **more):
    """The same steps of a class of PyTorch's kind, whose gradient may stay one array."""
    torch = pytest.importorskip("torch", reason="the extra `frameworks` installs it")
    weight = torch.nn.Parameter(torch.ones(2, 3, dtype=torch.float64))
    weight.grad = torch.zeros(2, 3, dtype=torch.float64)
    words = {"lr": OWN["learning_rate"], "weight_decay": OWN["weight_decay"], **WORDS}
    optimizer, path = make([weight], **words, optimize_1d=True, **more), []
    for g in gradients():
        if in_place:
            optimizer.zero_grad(set_to_none=False)
            weight.grad += torch.asarray(g)
        else:
            weight.grad = torch.asarray(g)
        optimizer.step()
        path.append(weight.detach().numpy().copy())
    return path


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("claim", CLAIMS)
def test_timm_s(claim, in_place):
    theirs = pytest.importorskip("timm.optim.mars", reason="of no extra: pip install timm")
    kind = "adamw" if claim == "mars" else "lion"
    steps = trained(theirs.Mars, in_place, mars_type=kind)
    np.testing.assert_allclose(ours("timm", claim), steps, rtol=1e-13)


@pytest.mark.parametrize("foreach", [False, True])
@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("claim", CLAIMS)
def test_pytorch_optimizer_s(claim, in_place, foreach):
    """Beside ε there is a 1e-15 in its root."""
    theirs = pytest.importorskip("pytorch_optimizer", reason="the extra `programs` installs it")
    kind = "adamw" if claim == "mars" else "lion"
    for fixed in (False, True):
        steps = trained(theirs.MARS, in_place, mars_type=kind, foreach=foreach, fixed_decay=fixed)
        answers = {"form": "fixed"} if fixed else {}
        np.testing.assert_allclose(ours("pytorch_optimizer", claim, **answers), steps, rtol=1e-12)


@pytest.mark.parametrize("foreach", [False, True])
def test_pytorch_optimizer_s_l2_is_a_known_bug(foreach):
    theirs = pytest.importorskip("pytorch_optimizer", reason="the extra `programs` installs it")
    steps = trained(theirs.MARS, foreach=foreach, weight_decouple=False)
    (bug,) = [m for m in gallery("paper") if m.id == "mars-l2-late"]
    theta, slots = np.ones((2, 3)), (np.zeros((2, 3)),) * 3
    for t, (g, their) in enumerate(zip(gradients(), steps, strict=True), start=1):
        theta, slots = bug.rule.apply(theta, g, slots, bug.rule.scalars({**OWN, **H}, t, 1.0))
        np.testing.assert_allclose(theta, their, rtol=1e-12)


@pytest.mark.parametrize("claim", CLAIMS)
def test_mlx_optimizers(claim):
    theirs = pytest.importorskip("mlx_optimizers", reason="of no extra: pip install mlx-optimizers")
    mx = pytest.importorskip("mlx.core", reason="the extra `frameworks` installs it")
    betas, rest = list(WORDS["betas"]), {"eps": WORDS["eps"], "gamma": WORDS["gamma"]}
    kind = "mars-adamw" if claim == "mars" else "mars-lion"
    optimizer = theirs.MARS(**OWN, **rest, betas=betas, mars_type=kind, optimize_1d=True)
    params = {"w": mx.ones((2, 3))}
    optimizer.init(params)
    for g, mine in zip(gradients(), ours("mlx_optimizers", claim), strict=True):
        params = optimizer.apply_gradients({"w": mx.array(g.astype(np.float32))}, params)
        np.testing.assert_allclose(mine, np.array(params["w"]), rtol=1e-5)


def test_the_programs_differ():
    """The very gradients above tell every answer from every other, and the L2 term."""
    paths = [ours(x)[-1] for x in ("timm", "authors_code", "pytorch_optimizer")]
    paths.append(ours("pytorch_optimizer", form="l2")[-1])
    for i, left in enumerate(paths):
        assert all(np.max(np.abs(left - right)) > 1e-3 for right in paths[:i])
