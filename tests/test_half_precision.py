"""Half-precision parameters: float32 inside, rounded once, and a master copy for small steps.

A decay below half a unit in the last place never moves a rounded parameter. With master weights
the float32 copy moves at each step, and the parameter follows when it has gone far enough.
"""

import ml_dtypes
import numpy as np
import pytest

import wdref

HALF = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16}
half = pytest.mark.parametrize("dtype", HALF.values(), ids=HALF)
both_backends = pytest.mark.parametrize("backend", ["numpy", "plain"])
# Below half a unit in the last place of a number just under 1: 2^-12 in float16, 2^-9 in bfloat16.
TINY = dict(learning_rate=0.0, weight_decay=2.0**-13)


def steps(opt, params, count, g=0.0):
    state, grads = opt.init(params), np.full_like(params, g)
    for _ in range(count):
        params, state = opt.update(params, grads, state)
    return params, state


@half
@both_backends
@pytest.mark.parametrize("method", [wdref.SGDW, wdref.AdamW])
def test_a_tiny_decay_moves_the_master_copy(method, backend, dtype):
    one = np.ones(4, dtype)
    stuck, _ = steps(method(**TINY, backend=backend), one, 500)
    assert (stuck == one).all()
    opt = method(**TINY, master_weights=True, backend=backend)
    rounded, state = steps(opt, one, 1)
    assert (rounded == one).all()
    assert (state.slots["master"] == np.float32(1 - 2.0**-13)).all()
    moved, state = steps(opt, one, 500)
    np.testing.assert_allclose(state.slots["master"], (1 - 2.0**-13) ** 500, rtol=500 * 2.0**-24)
    assert (moved < one).all()


@half
@both_backends
def test_the_parameter_is_the_rounded_master(dtype, backend):
    rng = np.random.default_rng(6)
    params = rng.normal(size=50).astype(dtype)
    opt = wdref.AdamW(learning_rate=0.01, weight_decay=0.1, master_weights=True, backend=backend)
    new, state = steps(opt, params, 5, g=0.5)
    np.testing.assert_array_equal(new, state.slots["master"].astype(dtype))


@half
@both_backends
def test_the_master_copy_trains_as_float32(dtype, backend, same_bits):
    params = np.linspace(-1, 1, 33).astype(dtype)
    opt = wdref.AdamW(learning_rate=0.01, weight_decay=0.1, master_weights=True, backend=backend)
    _, state = steps(opt, params, 5, g=0.5)
    single = wdref.AdamW(learning_rate=0.01, weight_decay=0.1, backend=backend)
    want, want_state = steps(single, params.astype(np.float32), 5, g=0.5)
    same_bits(state.slots["master"], want)
    same_bits(state.slots["v"], want_state.slots["v"])


@half
@pytest.mark.parametrize("kept", ["float32", "params"])
def test_dtypes_of_the_state(kept, dtype):
    opt = wdref.AdamW(weight_decay=0.0, state_dtype=kept, master_weights=True)
    params = {"half": np.ones(3, dtype), "single": np.ones(3, np.float32)}
    for state in (opt.init(params), opt.update(params, params, opt.init(params))[1]):
        slots = {name: tree["half"].dtype for name, tree in state.slots.items()}
        wanted = np.dtype(np.float32 if kept == "float32" else dtype)
        assert slots == {"master": np.float32, "m": wanted, "v": wanted}
        assert state.slots["m"]["single"].dtype == np.float32
        assert state.slots["master"]["single"].size == 0  # a float32 leaf needs no copy


@half
def test_mixed_trees_in_place(dtype, same_bits):
    opt = wdref.AdamW(learning_rate=0.1, weight_decay=0.1, master_weights=True)
    params = {"half": np.ones(3, dtype), "double": np.ones((2, 2)), "single": np.ones(3, "f4")}
    grads = {name: np.full_like(p, 0.5) for name, p in params.items()}
    new, want = opt.update(params, grads, opt.init(params))
    state = opt.step(params, grads, opt.init(params))
    for name in params:
        same_bits(params[name], new[name])
        for slot in state.slots:
            same_bits(state.slots[slot][name], want.slots[slot][name])


@half
@pytest.mark.parametrize("given", ["float32", "params"])
def test_gradients_in_either_dtype(given, dtype):
    params = np.ones(3, dtype)
    grads = np.full(3, 0.5, np.float32 if given == "float32" else dtype)
    new, _ = wdref.SGD(learning_rate=0.5, momentum=0.0).update(
        params, grads, wdref.SGD(learning_rate=0.5, momentum=0.0).init(params)
    )
    assert new.dtype == dtype
    assert (new == dtype(0.75)).all()


def test_eps_survives_float16():
    # 1e-8 is 0 in float16, and a zero gradient would give 0/0
    params = np.ones(3, np.float16)
    new, _ = steps(wdref.AdamW(weight_decay=0.0, state_dtype="params"), params, 3)
    assert (new == params).all()
