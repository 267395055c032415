"""The problems of a sweep: gradients against differences and JAX, entries apart from each other."""

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="digits come with scikit-learn: the extra `analysis`")

from wdref.analysis.networks import layers, networks
from wdref.analysis.networks.networks import Network
from wdref.analysis.networks.scratch import Scratch
from wdref.analysis.problems.data import batches
from wdref.analysis.problems.problems import PROBLEMS, problem
from wdref.analysis.problems.quadratic import Bowl

NETWORKS = {
    "logistic": Network((5, 3)),
    "plain": Network((5, 7, 6, 3), (False, False)),
    "normalised": Network((5, 7, 6, 3), (True, True)),
    "normalised logits": Network((5, 7, 6, 3), (True, True, True)),
    "mixed": Network((5, 7, 6, 3), (True, False)),
    "linear": Network((5, 4, 3), (False,), linear=True),
    "bowl": Bowl([1.0, 0.5, 0.25, 2.0, 3.0]),
}
each_network = pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
K, N = 3, 8


@pytest.fixture(params=["compiled", "written"])
def between(request, monkeypatch):
    """What computes between the matrix products: both versions take the same tests."""
    if request.param == "compiled":
        pytest.importorskip("numba", reason="needs numba, of the extra `fast`")
    else:
        monkeypatch.setattr(networks, "layers_for", lambda x: layers)


def drawn(network, seed=0):
    """Parameters (K, …) and a batch, float64; biases are not 0."""
    rng = np.random.default_rng(seed)
    starts = [network.start(rng) for _ in range(K)]
    params = {name: np.stack([p[name] for p in starts]) for name in starts[0]}
    params = {name: p + 0.1 * rng.standard_normal(p.shape) for name, p in params.items()}
    return params, rng.standard_normal((N, 5)), np.eye(3)[rng.integers(0, 3, N)]


def loss(network, params, x, y):
    return network.measures(params, (x, y), (x, y))[0]


@each_network
def test_gradients_are_the_differences_of_the_loss(between, network):
    params, x, y = drawn(network)
    found = network.gradients(params, x, y)
    rng, h = np.random.default_rng(1), 1e-5
    for name, p in params.items():
        direction = rng.standard_normal(p.shape)
        up, down = (loss(network, {**params, name: p + step * direction}, x, y) for step in (h, -h))
        slope = np.sum(found[name] * direction, axis=(1, 2))
        # central differences err by h²/6 f''' and by the loss's rounding over h: below 1e-8 here
        np.testing.assert_allclose((up - down) / (2 * h), slope, rtol=1e-6, atol=1e-8)


@each_network
def test_gradients_are_those_of_jax(between, network):
    jax = pytest.importorskip("jax", reason="needs jax, of the extra `frameworks`")
    params, x, y = drawn(network)
    with jax.enable_x64(True):
        place = jax.numpy.asarray
        own = {name: place(p) for name, p in params.items()}
        want = jax.grad(lambda p: loss(network, p, place(x), place(y)).sum())(own)
    found = network.gradients(params, x, y)
    assert set(found) == set(want)
    for name, g in found.items():
        scale = np.abs(g).max()
        np.testing.assert_allclose(g, np.asarray(want[name]), rtol=0, atol=1e-12 * max(scale, 1))


@each_network
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_entry_does_not_depend_on_the_others(between, network, dtype, same_bits):
    params, x, y = drawn(network)
    params = {name: p.astype(dtype) for name, p in params.items()}
    x, y = x.astype(dtype), y.astype(dtype)
    together = network.gradients(params, x, y)
    measured = network.measures(params, (x, y), (x, y))
    for k in range(K):
        own = {name: p[k : k + 1] for name, p in params.items()}
        alone = network.gradients(own, x, y)
        for name, g in together.items():
            same_bits(g[k : k + 1], alone[name])
        for whole, part in zip(measured, network.measures(own, (x, y), (x, y)), strict=True):
            same_bits(whole[k : k + 1], part)


@each_network
def test_reused_arrays_give_the_same_bits(between, network, same_bits):
    params, x, y = drawn(network)
    scratch = Scratch(np)
    network.gradients(params, 2 * x, y, scratch)
    found = network.gradients(params, x, y, scratch)
    for name, want in network.gradients(params, x, y).items():
        same_bits(found[name], want)


def test_numpy_gets_the_compiled_layers():
    pytest.importorskip("numba", reason="needs numba, of the extra `fast`")
    assert networks.layers_for(np.zeros(1)).__name__.endswith("layers_numba")


@each_network
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_no_number_stays_none(between, network, bad):
    params, x, y = drawn(network)
    name = next(iter(params))
    params[name][1, 0, 0] = bad
    with np.errstate(all="ignore"):
        found = network.gradients(params, x, y)
    for g in found.values():
        assert np.isfinite(g[[0, 2]]).all()  # the others do not see it
    assert not np.isfinite(found[name][1]).all()


@each_network
def test_any_array_library(network):
    strict = pytest.importorskip("array_api_strict", reason="needs array-api-strict, of `dev`")
    params, x, y = drawn(network)
    own = {name: strict.asarray(p) for name, p in params.items()}
    place = (strict.asarray(x), strict.asarray(y))
    found = network.gradients(own, *place, Scratch(strict))
    for name, want in network.gradients(params, x, y).items():
        np.testing.assert_allclose(np.asarray(found[name]), want, rtol=1e-12, atol=1e-14)
    want = network.measures(params, (x, y), (x, y))
    for got, value in zip(network.measures(own, place, place), want, strict=True):
        np.testing.assert_allclose(np.asarray(got), value, rtol=1e-12)


def test_normalised_weights_are_scale_invariant():
    network = NETWORKS["normalised"]
    params, x, y = drawn(network)
    scaled = {**params, "W1": 4 * params["W1"], "W2": 0.5 * params["W2"]}
    np.testing.assert_allclose(loss(network, scaled, x, y), loss(network, params, x, y), rtol=1e-9)
    found, other = network.gradients(params, x, y), network.gradients(scaled, x, y)
    for name, factor in (("W1", 4), ("W2", 0.5), ("W3", None)):
        radial = np.abs(np.sum(found[name] * params[name], axis=(1, 2)))
        size = np.sqrt(np.sum(found[name] ** 2, axis=(1, 2)))
        if factor is None:  # the last layer is not normalised: its scale matters
            assert (radial > 1e-3 * size).all()
            continue
        assert (radial < 1e-8 * size).all()  # ⟨w, ∂f/∂w⟩ = 0
        np.testing.assert_allclose(factor * other[name], found[name], rtol=1e-7, atol=1e-10)


def test_statistics_for_the_test_set_are_those_of_the_training_set():
    network = NETWORKS["normalised"]
    params, x, y = drawn(network)
    whole = network.measures(params, (x, y), (x, y))
    parts = [network.measures(params, (x, y), (x[i : i + 1], y[i : i + 1])) for i in range(N)]
    np.testing.assert_allclose(np.mean([p[2] for p in parts], axis=0), whole[0], rtol=1e-12)
    np.testing.assert_allclose(np.mean([p[3] for p in parts], axis=0), whole[1], atol=1e-12)


@pytest.mark.parametrize("name", [name for name in PROBLEMS if name != "cifar10"])
def test_a_seed_is_one_problem(name, same_bits):
    first, again, other = (problem(name).data(seed) for seed in (3, 3, 4))
    for field in ("x", "y", "test_x", "test_y"):
        same_bits(getattr(first, field), getattr(again, field))
    assert not np.array_equal(first.x, other.x)


def test_digits_that_train_do_not_test():
    data = problem("digits", samples=500).data(0)
    assert (data.x.shape, data.test_x.shape) == ((500, 64), (1297, 64))
    train, test = ({row.tobytes() for row in x} for x in (data.x, data.test_x))
    assert len(train | test) > 1790  # a few of the images are equal
    assert len(train & test) < 5


def test_label_noise_redraws_that_share():
    clean, noisy = (problem("digits", samples=1700, label_noise=p).data(0) for p in (0.0, 0.3))
    np.testing.assert_array_equal(clean.x, noisy.x)
    np.testing.assert_array_equal(clean.test_y, noisy.test_y)
    changed = np.mean(clean.y.argmax(1) != noisy.y.argmax(1))
    # redrawn with 0.3, of which 1 in 10 by chance has its own label: 0.27, ± 4 standard deviations
    assert abs(changed - 0.27) < 4 * (0.27 * 0.73 / 1700) ** 0.5


def test_modular_addition_has_every_pair_once():
    data = problem("modular-addition", modulus=7, share=0.5).data(0)
    x, y = np.concatenate([data.x, data.test_x]), np.concatenate([data.y, data.test_y])
    a, b = x[:, :7].argmax(1), x[:, 7:].argmax(1)
    assert len(set(zip(a.tolist(), b.tolist(), strict=True))) == 49
    np.testing.assert_array_equal((a + b) % 7, y.argmax(1))


def test_every_minibatch_is_full_and_every_sample_comes_once_a_round():
    found = batches(np.random.default_rng(0), 10, 3)
    rounds = [np.concatenate([next(found) for _ in range(3)]) for _ in range(4)]
    assert all(len(set(r.tolist())) == 9 for r in rounds)
    assert len({tuple(r) for r in rounds}) == 4


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("digit", {}, r"no problem 'digit': there are digits, digits-bn"),
        ("digits", {"noise": 0.1}, r"digits has no option noise: only label_noise, samples, width"),
        ("digits", {"label_noise": 1.0}, r"label_noise=1.0: expected a finite number >= 0 and < 1"),
        ("digits", {"samples": 1797}, r"samples=1797: expected fewer than the 1797 there are"),
        ("digits", {"width": 0}, r"width=0: expected a whole number >= 1"),
        ("digits-mixed", {"normalised": 0.4}, r"normalised=0.4: expected k/3 of 3 layers"),
        ("digits-mixed", {"normalised": 4 / 3}, r"normalised=1.3.*: expected k/3 of 3 layers"),
        ("modular-addition", {"share": 1e-9}, r"share=1e-09 of 361 pairs: expected some to train"),
        ("quadratic", {"condition": 0.5}, r"condition=0.5: expected a finite number >= 1"),
        ("cifar10", {}, r"cifar10 needs data, the folder with data_batch_\*.bin"),
    ],
)
def test_what_cannot_be_is_named(name, options, message):
    with pytest.raises(ValueError, match=message):
        problem(name, **options)
