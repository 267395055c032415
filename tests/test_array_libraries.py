"""Arrays of other libraries: their own type and dtype come back, and the values of plain NumPy.

The bound. In one step every term of θ, m and v is reached by at most 16 operations. Each errs by a
relative u = 2^-24 or 2^-53 at most, twice that for torch's vectorised √ and for a scalar that XLA
rounds first, whether or not products and sums are fused. So each evaluation lies within 32 u of the
sum of the terms' absolute values, and two of them within 64 u. Every step starts from the same
NumPy state, so that nothing builds up.
"""

import os
import subprocess
import sys
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from array_api_compat import array_namespace

import wdref

UNITS = {"float32": 2.0**-24, "float64": 2.0**-53}
OPTIMIZERS = {
    "AdamW": wdref.AdamW(learning_rate=0.1, weight_decay=0.05, eps=1e-3),
    "AMSGrad": wdref.AdamW(learning_rate=0.1, form="lr", weight_decay=0.5, amsgrad="hat"),
    "Adam": wdref.Adam(learning_rate=0.1, weight_decay=0.05),
    "SGDW": wdref.SGDW(learning_rate=0.1, weight_decay=0.05, order="after"),
    "SGD": wdref.SGD.like(
        "pytorch", learning_rate=0.1, momentum=0.9, weight_decay=0.05, nesterov=True
    ),
}


def data(dtype, steps=3):
    """Parameters and gradients of one sign, so that no L2 term cancels a gradient."""
    rng = np.random.default_rng(3)
    params = {
        "w": rng.uniform(0.5, 2, (4, 5)).astype(dtype),
        "b": rng.uniform(1, 2, 5).astype(dtype),
    }
    grads = [
        {name: (rng.uniform(0.1, 3, p.shape) / t).astype(dtype) for name, p in params.items()}
        for t in range(1, steps + 1)
    ]
    return params, grads


def check(opt, dtype, asarray, update, inspect=lambda new, old: None):
    """Compare `update(opt, params, grads, state)` on arrays made by `asarray` with NumPy's."""
    params, sequence = data(dtype)
    state = opt.init(params)
    for grads in sequence:
        p, g = mapped(asarray, params), mapped(asarray, grads)
        slots = {name: mapped(asarray, slot) for name, slot in state.slots.items()}
        new, new_slots = update(opt, p, g, wdref.State(state.step, slots, state.rule))
        before, params_before = state, params
        params, state = opt.update(params, grads, state)
        for name, old in params_before.items():
            inspect(new[name], p[name])
            terms = abs(old) + abs(old - params[name])  # of one sign: they sum up to what θ lost
            close(new[name], params[name], 64 * UNITS[dtype] * terms)
            for slot, values in state.slots.items():
                inspect(new_slots[slot][name], p[name])
                largest = abs(values[name]) + abs(before.slots[slot][name])
                close(new_slots[slot][name], values[name], 64 * UNITS[dtype] * largest)


def mapped(f, tree):
    return {name: f(x) for name, x in tree.items()}


def to_numpy(x):
    return x.get() if hasattr(x, "get") else np.asarray(x)  # CuPy hands nothing out unasked


def close(got, want, bound):
    got = to_numpy(got)
    assert got.dtype == want.dtype
    assert np.all(abs(got.astype(float) - want.astype(float)) <= bound)


def updated(opt, params, grads, state):
    inputs = (params, grads, *state.slots.values())
    before = [{name: to_numpy(x).copy() for name, x in tree.items()} for tree in inputs]
    new, after = opt.update(params, grads, state)
    for tree, values in zip(inputs, before, strict=True):
        for name, x in tree.items():
            np.testing.assert_array_equal(to_numpy(x), values[name])
    assert after.step == state.step + 1
    return new, after.slots


every_optimizer = pytest.mark.parametrize("name", OPTIMIZERS)
both_dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


@every_optimizer
@both_dtypes
def test_numpy_that_cannot_be_written(dtype, name):
    def asarray(x):
        frozen = x.copy()
        frozen.flags.writeable = False
        return frozen

    check(OPTIMIZERS[name], dtype, asarray, updated)


@every_optimizer
@both_dtypes
def test_torch(dtype, name):
    torch = pytest.importorskip("torch", reason="the extra `frameworks` installs it")

    def inspect(new, old):
        assert isinstance(new, torch.Tensor)
        assert (new.dtype, new.device) == (old.dtype, old.device)

    def asarray(x):
        return torch.from_numpy(x.copy())

    check(OPTIMIZERS[name], dtype, asarray, updated, inspect)
    check(OPTIMIZERS[name], dtype, asarray, stepped, inspect)


def stepped(opt, params, grads, state):
    after = opt.step(params, grads, state)
    assert after.slots is state.slots
    return params, after.slots


@pytest.fixture
def jax():
    return pytest.importorskip("jax", reason="the extra `dev` installs it")


@every_optimizer
@both_dtypes
@pytest.mark.parametrize("jitted", [False, True])
def test_jax(dtype, name, jitted, jax):
    opt = OPTIMIZERS[name]
    compiled = jax.jit(opt.apply)

    def update(opt, params, grads, state):
        return compiled(params, grads, state.slots, opt.scalars(state.step + 1))

    def inspect(new, old):
        assert isinstance(new, jax.Array)
        assert new.dtype == old.dtype

    with jax.enable_x64(dtype == "float64"):
        check(opt, dtype, jax.numpy.asarray, update if jitted else updated, inspect)
    if jitted:  # one program serves every t
        assert compiled._cache_size() == 1


def test_jax_sharded_over_eight_devices():
    pytest.importorskip("jax", reason="the extra `dev` installs it")
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    # with AVX-512 XLA's own code for a shard and for the whole differ in last bits
    isa = "--xla_cpu_max_isa=AVX2"
    environment["XLA_FLAGS"] = f"--xla_force_host_platform_device_count=8 {isa}"
    script = Path(__file__).with_name("sharded_jax.py")
    done = subprocess.run(
        [sys.executable, script], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr


def never(*_, **__):
    raise AssertionError("update computed something: it must only add to the graph")


@every_optimizer
@both_dtypes
def test_dask(dtype, name):
    dask = pytest.importorskip("dask.array", reason="the extra `dev` installs it")
    from dask import config

    def asarray(x):
        return dask.from_array(x.copy(), chunks=2)

    def update(opt, params, grads, state):
        with config.set(scheduler=never):
            new, after = opt.update(params, grads, state)
        return new, after.slots

    def inspect(new, old):
        assert isinstance(new, dask.Array)
        assert (new.dtype, new.chunks) == (old.dtype, old.chunks)

    with config.set(scheduler="synchronous"):
        check(OPTIMIZERS[name], dtype, asarray, update, inspect)


@pytest.mark.parametrize("library", ["torch", "jax.numpy"])
def test_half_precision(library):
    xp = pytest.importorskip(library, reason="the extra `dev` installs it")
    opt = wdref.AdamW(learning_rate=1e-4, weight_decay=0.05, master_weights=True)
    params, (grads, *_) = data("float32")
    params = {name: x.astype(ml_dtypes.bfloat16) for name, x in params.items()}
    p, g = (mapped(lambda x: xp.asarray(x.astype("f4")), tree) for tree in (params, grads))
    p = mapped(lambda x: array_namespace(x).astype(x, xp.bfloat16), p)
    new, state = opt.update(p, g, opt.init(p))
    _, want = opt.update(params, grads, opt.init(params))
    for name, x in new.items():
        master = state.slots["master"][name]
        assert (x.dtype, master.dtype) == (xp.bfloat16, xp.float32)
        close(master, want.slots["master"][name], 64 * UNITS["float32"] * 2.0)
        assert (x == array_namespace(x).astype(master, xp.bfloat16)).all()


@pytest.mark.parametrize("library", ["jax.numpy", "dask.array"])
def test_step_is_refused_where_nothing_can_be_written(library):
    xp = pytest.importorskip(library, reason="the extra `dev` installs it")
    opt, params = wdref.AdamW(weight_decay=0.0), {"w": xp.ones(3)}
    with pytest.raises(ValueError, match=r"params\['w'\] cannot be written: use update"):
        opt.step(params, params, opt.init(params))


@pytest.mark.gpu
@every_optimizer
@both_dtypes
def test_cupy(dtype, name):
    cupy = pytest.importorskip("cupy", reason="the extra `cupy` installs it")
    try:
        cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        pytest.skip(f"cupy finds no device: {error}")

    def inspect(new, old):
        assert isinstance(new, cupy.ndarray)
        assert (new.dtype, new.device) == (old.dtype, old.device)

    check(OPTIMIZERS[name], dtype, cupy.asarray, updated, inspect)
    check(OPTIMIZERS[name], dtype, cupy.asarray, stepped, inspect)
