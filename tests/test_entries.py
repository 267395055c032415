"""A step of entries with scalars of their own: the optimizer's bits on each, on every backend."""

import numpy as np
import pytest

import wdref
from wdref.backend import PLAIN, Leaf, default_for
from wdref.engine.half_precision import Kernel

pytest.importorskip("ml_dtypes", reason="bfloat16 of NumPy needs ml_dtypes, of `dev`")

RATES, DECAYS = np.array([1e-3, 0.1, 3.0]), np.array([0.0, 0.3, 1e-2])
METHODS = {"sgd": wdref.SGD, "sgdw": wdref.SGDW, "adam": wdref.Adam, "adamw": wdref.AdamW}
DTYPES = ["float32", "float64", "float16", "bfloat16"]


def arrays(dtype, spaced):
    """Parameters, gradients and as many slots as there are at most, (3, 5, 7)."""
    rng = np.random.default_rng(0)
    step = 2 if spaced else 1
    shape = (3, 5, 7 * step)
    state = dtype if dtype in ("float32", "float64") else "float32"
    kinds = (dtype, dtype, state, state)
    return [np.abs(rng.standard_normal(shape)).astype(kind)[..., ::step] for kind in kinds]


def step_entries():
    return default_for("numpy").step_entries


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("spaced", [False, True], ids=["dense", "spaced"])
@pytest.mark.parametrize("backend", ["plain", "numba"])
def test_each_entry_is_stepped_by_its_own_optimizer(name, dtype, spaced, backend, same_bits):
    if backend == "numba":
        pytest.importorskip("numba", reason="needs numba, of the extra `fast`")
    run = PLAIN.step_entries if backend == "plain" else step_entries()
    optimizer = METHODS[name](learning_rate=1.0, weight_decay=1.0)
    hyper = {**optimizer.hyper, "learning_rate": RATES, "weight_decay": DECAYS}
    theta, g, *slots = arrays(dtype, spaced)
    slots = slots[: len(optimizer.dialect.slots)]
    before = [x.copy() for x in (theta, g, *slots)]
    kernel = Kernel(optimizer.dialect, wide=dtype in ("float16", "bfloat16"))
    run([Leaf(kernel, theta, g, tuple(slots), optimizer.dialect.scalars(hyper, 4, 0.5))])
    for k, (rate, decay) in enumerate(zip(RATES.tolist(), DECAYS.tolist(), strict=True)):
        alone = {**optimizer.hyper, "learning_rate": rate, "weight_decay": decay}
        own = [x[k] for x in before]
        scalars = optimizer.dialect.scalars(alone, 4, 0.5)
        want, new = kernel(own[0], own[1], own[2:], scalars)
        same_bits(theta[k], want)
        for slot, value in zip(slots, new, strict=True):
            same_bits(slot[k], value)
    same_bits(g, before[1])
