"""AdamW on a GPU: bandwidth over chunk, vector and block, against a copy of the same bytes.

`python tests/bench/bench_gpu.py [--parameters 268435456]` prints a table; it needs a CUDA device
and the extra `cupy`. PyTorch's fused AdamW is timed beside it where torch has CUDA. Times are of
the device, by events, the rounds of all candidates interleaved; the median is printed.
"""

import argparse
import itertools
import statistics
from functools import partial

import numpy as np

from wdref.backend import Leaf
from wdref.backends.cuda.driver import Driver
from wdref.backends.cuda.kernel import Tuning
from wdref.dialects import AdamDialect
from wdref.engine.half_precision import Kernel

BYTES = 28  # a float32 parameter of AdamW: θ, g, m, v read; θ, m, v written
CHUNKS, VECTORS, BLOCKS = (4096, 16384, 65536), (8, 16), (256, 512)


def timed(cupy, run):
    """Milliseconds of the device."""
    start, stop = cupy.cuda.Event(), cupy.cuda.Event()
    start.record()
    run()
    stop.record()
    stop.synchronize()
    return cupy.cuda.get_elapsed_time(start, stop)


def candidates(cupy, cuda, count):
    """Names and runs, each of `BYTES` a parameter."""
    theta, g, m, v = (cupy.random.standard_normal(count, dtype=np.float32) for _ in range(4))
    v **= 2
    kernel = Kernel(AdamDialect("lr"))
    h = dict(learning_rate=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=1e-2)
    leaf = Leaf(kernel, theta, g, (m, v), kernel.dialect.scalars(h, 10, 1.0))
    for chunk, vector, block in itertools.product(CHUNKS, VECTORS, BLOCKS):
        driver = Driver(cuda, Tuning(chunk=chunk, vector=vector, block=block))
        yield f"chunk {chunk:>6} vector {vector:>2} block {block}", partial(driver.step, [leaf])
    source, target = (cupy.empty(BYTES * count // 2, np.uint8) for _ in range(2))
    yield "a copy", partial(target.data.copy_from_device_async, source.data, source.nbytes)
    yield from fused(count)


def fused(count):
    """PyTorch's, where it is there."""
    try:
        import torch
    except ImportError:
        return
    if torch.cuda.is_available():
        p = torch.randn(count, device="cuda", requires_grad=True)
        p.grad = torch.randn(count, device="cuda")
        yield "torch fused", torch.optim.AdamW([p], lr=1e-3, weight_decay=1e-2, fused=True).step


def main():
    """Print the table."""
    import cupy

    from wdref.backends.cuda.cupy import Cuda

    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--parameters", type=int, default=2**28)
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    runs = dict(candidates(cupy, Cuda(), options.parameters))
    times = {name: [] for name in runs}
    for name, run in runs.items():
        for _ in range(3):
            timed(cupy, run)  # compiles, loads, warms up
        assert name in times
    for _, (name, run) in itertools.product(range(options.rounds), runs.items()):
        times[name].append(timed(cupy, run))
    device = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)["name"].decode()
    print(
        f"{device}, AdamW float32, {options.parameters:,} parameters, medians of {options.rounds}"
    )
    copy = statistics.median(times["a copy"])
    for name, own in times.items():
        median = statistics.median(own)
        rate = BYTES * options.parameters / median / 1e9
        print(f"{name:<36} {median:8.3f} ms {rate:8.2f} TB/s {copy / median:6.1%} of the copy")


if __name__ == "__main__":
    main()
