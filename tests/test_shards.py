"""A tree in shards whose processes exchange sums has the bits of the whole."""

import itertools
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wdref

MAKE = {
    "LAMB": lambda: wdref.LAMB(learning_rate=0.1, weight_decay=0.01),
    "LARS": lambda: wdref.LARS(learning_rate=0.1, weight_decay=0.01),
    "CautiousAdamW": lambda: wdref.CautiousAdamW(learning_rate=0.1, weight_decay=0.01),
    "NovoGrad": lambda: wdref.NovoGrad(learning_rate=0.1, weight_decay=0.01),
    "MARS": lambda: wdref.MARS(learning_rate=0.1, weight_decay=0.01),
    "global norm": lambda: wdref.AdamW(learning_rate=0.1, weight_decay=0.01, clip=0.5,
                                       clip_by="tree"),
    "Prodigy": lambda: wdref.Prodigy(learning_rate=1.0, weight_decay=0.01),
}  # fmt: skip
STEPS = 3


def tensors(seed, dtype):
    rng = np.random.default_rng(seed)
    scale = 2.0 ** rng.integers(-12, 12, 40)
    return {"w": (rng.standard_normal(40) * scale).astype(dtype),
            "b": rng.standard_normal((5, 3)).astype(dtype)}  # fmt: skip


def train(opt, params, gradients, exchange=None):
    state = opt.init(params)
    for grads in gradients:
        params, state = opt.update(params, grads, state, exchange=exchange)
    return params


def cut(tree, bounds, rank):
    return {k: x.reshape(-1)[slice(*bounds[k][rank])] for k, x in tree.items()}


def in_shards(make, params, gradients, bounds, count):
    """Train every shard in a thread, which hands its sums to the others."""
    gathered, results = [None] * count, [None] * count
    barrier = threading.Barrier(count)

    def shard(rank):
        def exchange(own):
            gathered[rank] = own
            barrier.wait()
            lists = list(gathered)
            barrier.wait()
            return lists

        own = [cut(g, bounds, rank) for g in gradients]
        results[rank] = train(make(), cut(params, bounds, rank), own, exchange)

    threads = [threading.Thread(target=shard, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {k: np.concatenate([r[k] for r in results]) for k in params}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", MAKE)
@given(data=st.data())
def test_any_partition_has_the_bits_of_the_whole(name, dtype, data):
    count = data.draw(st.integers(1, 8))
    params, *gradients = (tensors(data.draw(st.integers(0, 99)) * 10 + k, dtype)
                          for k in range(1 + STEPS))  # fmt: skip
    bounds = {}
    for k, x in params.items():
        cuts = data.draw(st.lists(st.integers(0, x.size), min_size=count - 1, max_size=count - 1))
        edges = [0, *sorted(cuts), x.size]
        bounds[k] = list(itertools.pairwise(edges))
    want = train(MAKE[name](), params, gradients)
    got = in_shards(MAKE[name], params, gradients, bounds, count)
    for k, x in want.items():
        assert got[k].tobytes() == x.tobytes()


@pytest.mark.parametrize("name", MAKE)
def test_the_blocks_of_dask_have_the_bits_of_the_whole(name):
    da = pytest.importorskip("dask.array", reason="the extra `dev` installs it")
    params, grads = tensors(1, "float32"), tensors(2, "float32")
    lazy = [{k: da.from_array(x, chunks=3) for k, x in tree.items()} for tree in (params, grads)]
    want = train(MAKE[name](), params, [grads, grads])
    got = train(MAKE[name](), lazy[0], [lazy[1], lazy[1]])
    for k, x in want.items():
        assert np.asarray(got[k]).tobytes() == x.tobytes()
