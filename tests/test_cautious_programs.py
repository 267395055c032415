"""The cautious rules and Grams among their programs: the steps of each are those of `like`."""

import numpy as np
import pytest

import wdref

OWN = {"learning_rate": 0.125, "weight_decay": 0.25}
REST = {"betas": (0.9, 0.75), "eps": 0.0625}
CONVENTIONS = {"CautiousAdamW": ("paper", "c_optim", "timm"), "Grams": ("paper", "grams"),
               "CautiousLion": ("paper", "timm")}  # fmt: skip


def gradients():
    """Whose signs turn, so that steps are masked; of 0 in one place."""
    some = np.random.default_rng(0).normal(size=(9, 2, 3))
    some[4, 1, 1] = 0.0
    return some


def words(method):
    """The hyperparameters that the method reads: Lion has no ε."""
    return {"betas": REST["betas"]} if method == "CautiousLion" else REST


def ours(method, program, **answers):
    opt = getattr(wdref, method).like(program, **OWN, **words(method), **answers)
    params, path = np.ones((2, 3)), []
    state = opt.init(params)
    for g in gradients():
        params, state = opt.update(params, g, state)
        path.append(params)
    return path


def theirs(make, method, **options):
    """The same steps of a class of PyTorch's kind."""
    torch = pytest.importorskip("torch", reason="the extra `frameworks` installs it")
    weight = torch.nn.Parameter(torch.ones(2, 3, dtype=torch.float64))
    given = {"lr": OWN["learning_rate"], "weight_decay": OWN["weight_decay"], **words(method)}
    optimizer, path = make([weight], **given, **options), []
    for g in gradients():
        weight.grad = torch.asarray(g)
        optimizer.step()
        path.append(weight.detach().numpy().copy())
    return path


@pytest.mark.parametrize("foreach", [False, True])
@pytest.mark.parametrize(("module", "name", "method"), [
    ("adamw", "AdamWLegacy", "CautiousAdamW"), ("lion", "Lion", "CautiousLion"),
])  # fmt: skip
def test_timm_s(module, name, method, foreach):
    found = pytest.importorskip(f"timm.optim.{module}", reason="of no extra: pip install timm")
    path = theirs(getattr(found, name), method, caution=True, foreach=foreach)
    np.testing.assert_allclose(ours(method, "timm"), path, rtol=1e-12)


@pytest.mark.parametrize("foreach", [False, True])
def test_pytorch_optimizer_s_grams(foreach):
    found = pytest.importorskip("pytorch_optimizer", reason="the extra `programs` installs it")
    path = theirs(found.Grams, "Grams", foreach=foreach)
    np.testing.assert_allclose(ours("Grams", "pytorch_optimizer"), path, rtol=1e-12)


def test_pytorch_optimizer_s_lion():
    found = pytest.importorskip("pytorch_optimizer", reason="the extra `programs` installs it")
    path = theirs(found.Lion, "CautiousLion", cautious=True)
    np.testing.assert_allclose(ours("CautiousLion", "pytorch_optimizer"), path, rtol=1e-12)


def test_the_authors_grams():
    found = pytest.importorskip("grams", reason="of no extra: pip install grams-pytorch")
    path = theirs(found.Grams, "Grams")
    np.testing.assert_allclose(ours("Grams", "grams"), path, rtol=1e-12)


@pytest.mark.parametrize("method", CONVENTIONS)
def test_the_programs_differ(method):
    """The very gradients above tell every answer from every other."""
    paths = [ours(method, program)[-1] for program in CONVENTIONS[method]]
    for i, path in enumerate(paths):
        assert all(np.max(np.abs(path - other)) > 1e-3 for other in paths[:i])


def test_without_its_mask_it_is_adamw():
    """Where no sign turns, dividing by the share of the mask leaves AdamW's steps."""
    mine = wdref.CautiousAdamW.like("timm", **OWN, **REST)
    other = wdref.AdamW.like("pytorch", **OWN, **REST)
    left = right = np.ones(4)
    own, state = mine.init(left), other.init(right)
    for g in np.abs(np.random.default_rng(1).normal(size=(6, 4))):
        left, own = mine.update(left, g, own)
        right, state = other.update(right, g, state)
    np.testing.assert_allclose(left, right, rtol=1e-13)
