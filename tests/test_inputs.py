"""What a rule is given beside its gradients: when it is read, what fits, who hands it on.

Sophia's estimate of the curvature stands for all.
"""

import pickle
from itertools import pairwise

import numpy as np
import pytest

import wdref


def test_only_steps_that_are_due_read_the_estimate():
    """An estimate of another step changes nothing, whatever it is."""
    opt = wdref.Sophia(learning_rate=0.1, weight_decay=0.1, interval=3)
    assert [t for t in range(1, 11) if opt.due(t)] == [1, 4, 7, 10]
    params, grads = {"w": np.ones(4)}, {"w": np.arange(4.0)}
    estimate = {"w": np.array([1.0, 8.0, 64.0, -2.0])}
    first, state = opt.update(params, grads, opt.init(params), curvature=estimate)
    awful = {"w": np.array([np.nan, np.inf, 1e300, 0.0])}
    for given in ({}, {"curvature": None}, {"curvature": estimate}, {"curvature": awful}):
        new, after = opt.update(first, grads, state, **given)
        kept = after.slots["hessian"]["w"]
        np.testing.assert_array_equal(kept, state.slots["hessian"]["w"])
        np.testing.assert_array_equal(new["w"], opt.update(first, grads, state)[0]["w"])


@pytest.mark.parametrize("backend", ["plain", "numpy", "numba"])
def test_a_step_in_place_writes_no_estimate(backend):
    if backend == "numba":
        pytest.importorskip("numba", reason="the extra `fast` installs it")
    opt = wdref.Sophia(learning_rate=0.1, weight_decay=0.1, interval=2, backend=backend)
    rng = np.random.default_rng(0)
    params = {"w": rng.normal(size=(3, 5)), "b": rng.normal(size=2)}
    mine = {name: x.copy() for name, x in params.items()}
    state, other = opt.init(params), opt.init(mine)
    for _ in range(4):
        grads = {name: rng.normal(size=x.shape) for name, x in params.items()}
        given = {name: rng.normal(size=x.shape) for name, x in params.items()}
        for x in given.values():
            x.flags.writeable = False
        params, state = opt.update(params, grads, state, curvature=given)
        other = opt.step(mine, grads, other, curvature=given)
        for name, x in params.items():
            np.testing.assert_array_equal(mine[name], x)
            np.testing.assert_array_equal(
                other.slots["hessian"][name], state.slots["hessian"][name]
            )


def test_the_parameters_themselves_may_be_given():
    """What is given is read before anything is written."""
    opt = wdref.Sophia(learning_rate=0.5, weight_decay=0.0)
    params, grads = {"w": np.array([3.0, 5.0])}, {"w": np.array([1e-3, 2e-3])}
    want, _ = opt.update(params, grads, opt.init(params), curvature=params)
    opt.step(params, grads, opt.init(params), curvature=params)
    np.testing.assert_array_equal(params["w"], want["w"])


@pytest.mark.parametrize("state_dtype", ["float32", "params"])
@pytest.mark.parametrize("kind", ["bfloat16", "float32"])
def test_half_precision_is_given_either(state_dtype, kind):
    """bfloat16 is computed in float32; an estimate may come in it, as a gradient may."""
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="the extra `half` installs it")
    half = ml_dtypes.bfloat16
    opt = wdref.Sophia(learning_rate=0.5, weight_decay=0.0, betas=(0.5, 0.5), gamma=0.5,
                       state_dtype=state_dtype, master_weights=True)  # fmt: skip
    params, grads = {"w": np.ones(3, half)}, {"w": np.ones(3, half)}
    given = {"w": np.full(3, 4.0).astype(half if kind == "bfloat16" else kind)}
    new, state = opt.update(params, grads, opt.init(params), curvature=given)
    np.testing.assert_array_equal(state.slots["hessian"]["w"].astype(float), 2.0)
    np.testing.assert_array_equal(new["w"].astype(float), 0.75)  # 1 - 0.5 · 0.5/(0.5 · 2)


def test_groups_have_intervals_of_their_own():
    opt = wdref.Sophia(learning_rate=0.1, weight_decay=0.0, interval=2,
                       groups={"b": {"interval": 3}})  # fmt: skip
    params = {"w": np.ones(1), "b": np.ones(1)}
    state, path = opt.init(params), []
    for _ in range(4):
        params, state = opt.update(params, params, state, curvature=params)
        path.append({name: float(x[0]) for name, x in state.slots["hessian"].items()})
    refreshed = {name: [a[name] != b[name] for a, b in pairwise(path)]
                 for name in params}  # fmt: skip
    assert refreshed == {"w": [False, True, False], "b": [False, False, True]}


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        ({}, ValueError, "this step reads curvature: pass curvature="),
        ({"curvature": None}, ValueError, "this step reads curvature: pass curvature="),
        ({"hessian": {"w": np.ones(2)}}, TypeError, "Sophia takes no hessian: it is given curva"),
        ({"curvature": {"v": np.ones(2)}}, ValueError, "curvature lacks: w"),
        ({"curvature": {"w": np.ones(3)}}, ValueError, r"curvature\['w'\] has shape \(3,\)"),
        ({"curvature": {"w": np.ones(2, "f")}}, ValueError, r"curvature\['w'\] has dtype float32"),
        ({"curvature": {"w": [1.0, 2.0]}}, ValueError, "curvature lacks: w"),
        ({"curvature": {"w": np.ones(2, int)}}, TypeError, r"curvature\['w'\] has dtype int"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(given, kind, words):
    opt = wdref.Sophia(learning_rate=0.1, weight_decay=0.1)
    params = {"w": np.ones(2)}
    state = opt.init(params)
    for call in (opt.update, opt.step):
        with pytest.raises(kind, match=words):
            call(params, params, state, **given)
    np.testing.assert_array_equal(params["w"], 1.0)


def test_a_rule_of_gradients_alone_is_given_nothing():
    opt = wdref.AdamW(weight_decay=0.1)
    params = {"w": np.ones(2)}
    with pytest.raises(
        TypeError, match="AdamW takes no curvature: it is given the gradients alone"
    ):
        opt.update(params, params, opt.init(params), curvature=params)
    assert not opt.due(1)


@pytest.mark.parametrize("interval", [0, 1.5, -1, np.nan])
def test_an_interval_counts(interval):
    with pytest.raises(ValueError, match=r"interval=.*: expected a whole number >= 1"):
        wdref.Sophia(learning_rate=0.1, weight_decay=0.1, interval=interval)


def test_what_hands_on_gradients_alone_says_so():
    opt = wdref.Sophia(learning_rate=0.1, weight_decay=0.1)
    words = "hands on gradients alone: sophia is given curvature beside them"
    for name in ("optax", "torch"):
        pytest.importorskip(name, reason="the extra `adapters` installs it")
    with pytest.raises(ValueError, match=words):
        wdref.interchange.optax_transformation(opt)
    import torch

    with pytest.raises(ValueError, match=words):
        wdref.interchange.torch_optimizer(opt, [torch.zeros(2, requires_grad=True)])


def test_under_jit_an_estimate_is_an_argument():
    jax = pytest.importorskip("jax", reason="the extra `adapters` installs it")
    opt = wdref.Sophia(learning_rate=0.1, weight_decay=0.1, interval=2)
    params = {"w": jax.numpy.ones(3)}
    step = jax.jit(lambda p, g, slots, s, h: opt.apply(p, g, slots, s, curvature=h))
    state = opt.init(params)
    slots, zeros = dict(state.slots), {"w": jax.numpy.zeros(3)}
    jitted, plain = params, params
    for t in (1, 2, 3):
        given = params if opt.due(t) else zeros
        jitted, slots = step(jitted, params, slots, opt.scalars(t), given)
        plain, state = opt.update(plain, params, state, curvature=given)
    np.testing.assert_allclose(jitted["w"], plain["w"], rtol=1e-6)
    with pytest.raises(ValueError, match="this step reads curvature"):
        opt.apply(params, params, slots, opt.scalars(2))


def test_a_state_is_saved_and_goes_on(tmp_path):
    pytest.importorskip("safetensors", reason="the extra `checkpoint` installs it")
    opt = wdref.Sophia(learning_rate=0.1, weight_decay=0.1, interval=2)
    params = {"w": np.ones(3)}
    params, state = opt.update(params, params, opt.init(params), curvature=params)
    wdref.save(tmp_path / "x.safetensors", params, state, optimizer=opt)
    again, loaded = wdref.load(tmp_path / "x.safetensors", optimizer=opt, like=params)
    copied = pickle.loads(pickle.dumps(state))
    for other in (loaded, copied):
        assert set(other.slots) == {"m", "hessian"}
        for a, b in zip(opt.update(again, params, other), opt.update(params, params, state),
                        strict=True):  # fmt: skip
            tree = (a, b) if isinstance(a, dict) else (a.slots["m"], b.slots["m"])
            np.testing.assert_array_equal(tree[0]["w"], tree[1]["w"])
