"""wdref in optax's place: the updates of wdref, with the host's scalars, under jit and not."""

import threading
from dataclasses import dataclass

import numpy as np
import pytest
from interchange_runs import OPTIMIZERS, STEPS, every

import wdref
from wdref.interchange import optax_transformation


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
