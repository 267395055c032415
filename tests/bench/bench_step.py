"""One AdamW step on 2·10^7 float32 parameters: the rule as written against the blocked backend."""

import numpy as np
import pytest

import wdref

SIZE = 20_000_000


@pytest.mark.benchmark(group=f"adamw, float32, {SIZE:,} parameters", warmup=True)
@pytest.mark.parametrize("backend", ["plain", "numpy"])
def test_step(benchmark, backend):
    rng = np.random.default_rng(0)
    params = {"w": rng.standard_normal(SIZE, dtype=np.float32)}
    grads = {"w": rng.standard_normal(SIZE, dtype=np.float32)}
    opt = wdref.AdamW(learning_rate=1e-3, weight_decay=1e-5, backend=backend)
    state = opt.init(params)
    benchmark.pedantic(opt.step, args=(params, grads, state), rounds=9, warmup_rounds=2)
