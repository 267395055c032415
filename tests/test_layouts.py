"""How NumPy arrays lie in memory changes no bit: strides, order, overlap, threads after a fork.

Each layout is compared with the update of fresh contiguous copies, for new arrays and in place.
"""

import os
import subprocess
import sys
from itertools import product

import numpy as np
import pytest

import wdref
from wdref.backend import PLAIN, Leaf, load
from wdref.engine.half_precision import Kernel

OPTIONS = dict(learning_rate=0.1, weight_decay=0.01)
SHAPE = (6, 10)


def base(seed, shape=SHAPE):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def every_other(x):
    wide = np.zeros((x.shape[0], 2 * x.shape[1]), x.dtype)
    wide[:, ::2] = x
    return wide[:, ::2]


LAYOUTS = {
    "contiguous": lambda x: x.copy(),
    "strided": every_other,
    "fortran": np.asfortranarray,
    "transposed": lambda x: x.T.copy().T,
    "reversed": lambda x: x[::-1].copy()[::-1],
    "big endian": lambda x: x.astype(">f4"),
}


def native(x):
    return x.astype(x.dtype.newbyteorder("="))


@pytest.mark.parametrize("backend", [None, "plain"])
@pytest.mark.parametrize(("params", "grads"), list(product(LAYOUTS, LAYOUTS)))
def test_layouts(params, grads, backend, same_bits):
    opt = wdref.AdamW(**OPTIONS, backend=backend)
    theta, g = base(1), base(2)
    want, state = opt.update([theta], [g], opt.init([theta]))
    want, _ = opt.update(want, [g], state)
    p, q = [LAYOUTS[params](theta)], [LAYOUTS[grads](g)]
    state = opt.init(p)
    got, state = opt.update(p, q, state)
    got, state = opt.update(got, q, state)
    same_bits(native(got[0]), want[0])
    state = opt.step(p, q, opt.step(p, q, opt.init(p)))
    same_bits(native(p[0]), want[0])


@pytest.mark.parametrize("backend", ["numpy", "plain"])
@pytest.mark.parametrize("method", [wdref.AdamW, wdref.SGDW])
def test_arrays_without_axes_stay_arrays(method, backend, same_bits):
    opt = method(**OPTIONS, backend=backend)
    theta, g = np.array(0.5, np.float32), np.array(0.25, np.float32)
    new, state = opt.update(theta, g, opt.init(theta))
    assert type(new) is type(state.slots["m"]) is np.ndarray
    state = opt.step(new, g, state)
    column, _ = opt.update(theta[None], g[None], opt.init(theta[None]))
    same_bits(opt.update(theta, g, opt.init(theta))[0], column[0])


def test_numbers_of_numpy_are_gradients_of_arrays_without_axes(same_bits):
    """What NumPy makes of such arrays, g[t] or 2 * g, has a dtype and no place in memory."""
    opt = wdref.AdamW(**OPTIONS)
    theta, g = np.array(0.5, np.float32), np.array(0.25, np.float32)
    want, _ = opt.update(theta, g, opt.init(theta))
    same_bits(opt.update(theta, g[()], opt.init(theta))[0], want)
    same_bits(opt.update(theta[()], g[()], opt.init(theta))[0], want)
    opt.step(theta, g[()], opt.init(theta))
    same_bits(theta, want)


def test_a_gradient_may_be_broadcast(same_bits):
    opt = wdref.AdamW(**OPTIONS)
    theta, g = base(1), np.broadcast_to(np.float32(0.5), SHAPE)
    want, _ = opt.update(theta, g.copy(), opt.init(theta))
    opt.step(theta, g, opt.init(theta))
    same_bits(theta, want)


class Keeper:
    """A rule that keeps the θ before in one slot and the gradient in the other."""

    slots = ("before", "gradient")

    def __call__(self, theta, g, slots, s):
        return theta - s.step * g, (theta, g)


class Rotation(Keeper):
    """A rule that computes nothing: every array is handed on."""

    def __call__(self, theta, g, slots, s):
        return slots[0], (slots[1], theta)


@pytest.mark.parametrize("kernel", [Keeper(), Rotation()])
@pytest.mark.parametrize("backend", [PLAIN, load("numpy")], ids=["plain", "numpy"])
def test_a_rule_may_hand_arrays_on(backend, kernel, same_bits):
    scalars = wdref.SGD(learning_rate=0.5).scalars(1)[0]
    leaf = Leaf(kernel, base(1), base(2), (base(3), base(4)), scalars)
    theta, slots = kernel(leaf.theta.copy(), leaf.g, [x.copy() for x in leaf.slots], scalars)
    want = [theta, *slots]
    new, new_slots = backend.update([leaf])[0]
    for got, expected in zip((new, *new_slots), want, strict=True):
        same_bits(got, expected)
    backend.step([leaf])
    for got, expected in zip((leaf.theta, *leaf.slots), want, strict=True):
        same_bits(got, expected)


def test_memory_maps(tmp_path, same_bits):
    opt = wdref.AdamW(**OPTIONS)
    theta, g = base(1), base(2)
    mapped = np.memmap(tmp_path / "theta", theta.dtype, "w+", shape=theta.shape)
    mapped[...] = theta
    want, _ = opt.update(theta, g, opt.init(theta))
    opt.step(mapped, g, opt.init(theta))
    same_bits(np.fromfile(tmp_path / "theta", theta.dtype).reshape(SHAPE), want)


FORKED = """
import os, numpy as np, wdref
os.cpu_count = lambda: 2
opt = wdref.SGDW(weight_decay=0.0, learning_rate=0.1)
theta = np.ones(300_000)
state = opt.step(theta, theta.copy(), opt.init(theta))  # the threads are started
child = os.fork()
if child == 0:
    opt.step(theta, theta.copy(), state)
    os._exit(0)
_, status = os.waitpid(child, 0)
raise SystemExit(status)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_threads_after_a_fork():
    subprocess.run([sys.executable, "-c", FORKED], check=True, timeout=300)


def test_a_kernel_is_compiled_once():
    # looked up by its dialect, which is a value: another optimizer of the same rule finds it
    compiled = load("numpy").__class__.__module__
    compile_once = sys.modules[compiled]._compile
    opt, theta = wdref.AdamW(**OPTIONS), base(1)
    state = opt.step(theta, theta.copy(), opt.init(theta))
    misses = compile_once.cache_info().misses
    other = wdref.AdamW(learning_rate=0.7, weight_decay=0.3, betas=(0.5, 0.6))
    other.step(theta, theta.copy(), state)
    assert compile_once.cache_info().misses == misses
    assert Kernel(opt.dialect) == Kernel(other.dialect)
