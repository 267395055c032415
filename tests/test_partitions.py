"""A step on any partition of the parameters is the step on the whole, bit for bit.

An elementwise rule needs no other element: each shard, empty ones too, is stepped by itself, as a
process with a part of the parameters does (ZeRO), and the parts put together are the whole.
"""

from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wdref
from wdref.backend import available

METHODS = {
    "SGD": partial(wdref.SGD, learning_rate=0.1, weight_decay=0.1),
    "SGDW": partial(wdref.SGDW, learning_rate=0.1, weight_decay=0.1, nesterov=True),
    "Adam": partial(wdref.Adam, weight_decay=0.1, amsgrad="hat"),
    "AdamW": partial(wdref.AdamW, weight_decay=0.1, schedule=wdref.schedules.cosine(5)),
}
BACKENDS = [name for name in ("plain", "numpy", "numba") if name in available()]
SIZE, STEPS = 150_000, 3  # more than a block, and enough for threads


def method(name, backend):
    if backend == "numba":
        pytest.importorskip("numba", reason="the extra `fast` installs it")
    return METHODS[name](backend=backend)


def arrays(dtype):
    rng = np.random.default_rng(0)
    return rng.standard_normal((1 + STEPS, SIZE)).astype(dtype)


def trained(opt, theta, grads):
    theta = theta.copy()
    state = opt.init(theta)
    for g in grads:
        state = opt.step(theta, g.copy(), state)
    return theta, state


cuts = st.lists(st.integers(0, SIZE), max_size=6).map(lambda xs: [0, *sorted(xs), SIZE])


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", METHODS)
@settings(max_examples=5)
@given(edges=cuts)
def test_numpy_shards_by_hand(name, backend, dtype, edges, same_bits):
    opt = method(name, backend)
    theta, *grads = arrays(dtype)
    whole, state = trained(opt, theta, grads)
    parts = [
        trained(opt, theta[low:high], [g[low:high] for g in grads]) for low, high in pairwise(edges)
    ]
    same_bits(np.concatenate([part for part, _ in parts]), whole)
    for slot in state.slots:
        same_bits(np.concatenate([own.slots[slot] for _, own in parts]), state.slots[slot])


@pytest.mark.parametrize("name", METHODS)
def test_shards_of_matrices_along_either_axis(name, same_bits):
    opt = METHODS[name]()
    theta, *grads = (x[:600].reshape(20, 30) for x in arrays("float32"))
    whole, _ = trained(opt, theta, grads)
    for axis in (0, 1):
        shards = zip(*(np.array_split(x, 7, axis) for x in (theta, *grads)), strict=True)
        parts = [trained(opt, own, gs)[0] for own, *gs in shards]
        same_bits(np.concatenate(parts, axis), whole)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("chunks", [SIZE, 40_000, (1, SIZE - 1), (0, 100_000, 50_000)])
def test_dask_chunks(name, chunks, same_bits):
    dask = pytest.importorskip("dask.array", reason="the extra `dev` installs it")
    opt = METHODS[name]()
    theta, *grads = arrays("float32")
    want, state = trained(opt, theta, grads)
    params = dask.from_array(theta, chunks=(chunks,))
    after = opt.init(params)
    for g in grads:
        params, after = opt.update(params, dask.from_array(g, chunks=(chunks,)), after)
    same_bits(params.compute(scheduler="threads"), want)
    for slot in state.slots:
        same_bits(after.slots[slot].compute(scheduler="threads"), state.slots[slot])
