"""What the CUDA backend must do, on any machine: a GPU with CuPy, or a CPU in its place.

A `Machine` has a driver and moves arrays. Each check takes one, so that the tests of the GPU run,
but for the GPU itself, everywhere.
"""

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import cuda_shim
import ml_dtypes
import numpy as np
from array_api_compat import array_namespace

from wdref.backend import PLAIN, Leaf
from wdref.conventions import dialect
from wdref.dialects import AdamDialect, MomentumDialect
from wdref.engine.half_precision import Kernel
from wdref.rules.registry import FIRST, families

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
HYPER = {**{h.name: h.strong for family in families().values() for h in family.hyper},
         "learning_rate": 0.1, "momentum": 0.9, "dampening": 0.5, "beta1": 0.9, "beta2": 0.99,
         "eps": 1e-8, "weight_decay": 0.01, "clip": 1.5}  # fmt: skip

UNTRACED = ("madgrad",)  # a cube root has no one right answer
RULES = {
    "adamw": AdamDialect(),
    "adam": AdamDialect("l2", eps="hat", bias="ahead", amsgrad="raw", clip="sum"),
    "after": AdamDialect("lr", "after", "clamp", "in_place", "hat", clip="gradient"),
    "scaled": AdamDialect("scaled_l2", eps="inside", bias="first"),
    "both": AdamDialect("none", eps="both", bias="none"),
    "masked": AdamDialect("masked"),
    "sgdw": MomentumDialect(),
    "sgd": MomentumDialect("l2", lr="outside", damping="dampening", nesterov=True, clip="sum"),
    "plain": MomentumDialect("lr", "after", buffer=False, clip="gradient"),
    **{c.name: dialect(c.name) for name, family in families().items() if name not in FIRST
       for c in family.claims if dialect(c.name).scope == "element" and name not in UNTRACED},
}  # fmt: skip
# rules that look at a whole tensor or tree
ASKING = {
    "clipped": AdamDialect("l2", clip="tensor_sum"),
    "clipped together": AdamDialect("lr", clip="tree"),
    **{c.name: dialect(c.name) for name, family in families().items() if name not in FIRST
       for c in family.claims if dialect(c.name).scope != "element"},
}  # fmt: skip
# dtypes of theta, of g and of the slots; whether there is a master copy
FORMATS = {
    "float32": ("float32", "float32", "float32", False),
    "float64": ("float64", "float64", "float64", False),
    "float16": ("float16", "float16", "float32", False),
    "float16, whole": ("float16", "float16", "float16", False),
    "float16, master": ("float16", "float32", "float32", True),
    "bfloat16": ("bfloat16", "float32", "float32", False),
    "bfloat16, whole": ("bfloat16", "bfloat16", "bfloat16", False),
    "bfloat16, master": ("bfloat16", "bfloat16", "float32", True),
}


def kernel(rule, form):
    """A kernel, and the dtypes of theta, g, the slots and what stands behind them, as g does."""
    theta, g, slot, master = FORMATS[form]
    own = (RULES | ASKING)[rule]
    found = Kernel(own, wide="16" in theta, master=master)
    slots = ["float32"] * master + [slot] * len(own.slots) + [g] * len(own.inputs)
    return found, [BFLOAT16 if x == "bfloat16" else np.dtype(x) for x in (theta, g, *slots)]


def scalars(d, t=3, decay=True, **hyper):
    h = {**HYPER, **hyper}
    return d.scalars({**h, "weight_decay": h["weight_decay"] if decay else None}, t, 0.5)


def values(rng, dtype, shape):
    """Half of them any bits (subnormals, infinities, NaNs), half of them as in training."""
    integers = f"u{dtype.itemsize}"
    limit = np.iinfo(integers).max
    wild = rng.integers(0, limit, shape, integers, endpoint=True).view(dtype)
    return np.where(rng.random(shape) < 0.5, wild, rng.standard_normal(shape).astype(dtype))


def leaf(rule, form, shape, seed=0, **options):
    """A leaf on NumPy arrays."""
    found, dtypes = kernel(rule, form)
    rng = np.random.default_rng([seed, *np.atleast_1d(shape)])
    theta, g, *slots = (values(rng, dtype, shape) for dtype in dtypes)
    return Leaf(found, theta, g, tuple(slots), scalars(found.dialect, **options))


def expected(given):
    """What NumPy computes, theta and the slots of each leaf."""
    with np.errstate(all="ignore"):
        return [[np.copy(theta), *map(np.copy, slots)] for theta, slots in PLAIN.update(given)]


@dataclass
class Machine:
    """Where the driver runs."""

    driver: Any
    put: Any  # a NumPy array there, as a new array
    get: Any  # and back
    wait: Any = lambda: None
    another_stream: Any = nullcontext  # a context in which another stream is the current one

    def put_leaf(self, x, put=None):
        put = put or self.put
        return x._replace(theta=put(x.theta), g=put(x.g), slots=tuple(map(put, x.slots)))


def host():
    """The CPU in the place of a GPU."""
    return Machine(cuda_shim.driver(), np.copy, np.asarray)


def compare(machine, results, want, same_bits):
    for (theta, slots), arrays in zip(results, want, strict=True):
        for got, expect in zip((theta, *slots), arrays, strict=True):
            same_bits(machine.get(got), expect)


def check(machine, given, same_bits, put=None):
    """New arrays and in place: NumPy's bits, and no gradient or, in `update`, input written."""
    want = expected(given)
    there = [machine.put_leaf(x, put) for x in given]
    compare(machine, machine.driver.update(there), want, same_bits)
    for x, y in zip(there, given, strict=True):
        for got, before in zip((x.theta, x.g, *x.slots), (y.theta, y.g, *y.slots), strict=True):
            same_bits(machine.get(got), before)
    machine.driver.step(there)
    compare(machine, [(x.theta, x.slots) for x in there], want, same_bits)
    for x, y in zip(there, given, strict=True):
        same_bits(machine.get(x.g), y.g)


SHAPES = ((), (0,), (1,), (31,), (32,), (33,), (3, 43), (4096,), (5000,))


def check_rule(machine, rule, form, same_bits):
    check(machine, [leaf(rule, form, shape, k) for k, shape in enumerate(SHAPES)], same_bits)


def check_misaligned(machine, form, same_bits):
    """Views that begin inside 16 bytes take the scalar path; the neighbours are not written."""
    given = [leaf("adamw", form, 200, seed) for seed in range(4)]
    frames = []

    def view(x):
        frame = machine.put(np.zeros(210, x.dtype))
        frames.append(frame)
        shift = len(frames) % 4  # 0 to 3 elements, another for each array of a leaf
        inside = frame[shift : shift + 200]
        inside[...] = machine.put(x)
        return inside

    check(machine, given, same_bits, view)
    for k, frame in enumerate(frames, start=1):
        around = np.delete(machine.get(frame), np.arange(k % 4, k % 4 + 200))
        assert not around.astype(np.float64).any()


def check_strided(machine, same_bits):
    """Arrays with gaps, and in Fortran's order, are copied for the kernel and written back."""
    given = [leaf("adamw", "float32", (8, 9), seed) for seed in range(3)]

    def gaps(x):
        frame = machine.put(np.zeros((16, 9), x.dtype))[::2]
        frame[...] = machine.put(x)
        return frame

    check(machine, given, same_bits, gaps)
    check(machine, given, same_bits, lambda x: machine.put(np.ascontiguousarray(x.T)).T)


def check_many(machine, same_bits, count=1000):
    """Tensors of many sizes, in as few launches as the tables allow."""
    sizes = [(k * 37) % 70 for k in range(count)]
    given = [leaf("adamw", "float32", size, k) for k, size in enumerate(sizes)]
    one = given[0].scalars  # one group
    check(machine, [x._replace(scalars=one) for x in given], same_bits)


def check_groups(machine, same_bits, count=75):
    """More groups of scalars than a launch takes, and tensors without decay between them."""
    given = [
        leaf("adamw", "float32", 40 + k, k, learning_rate=0.1 / (k + 1), decay=k % 3 != 0)
        for k in range(count)
    ]
    check(machine, given, same_bits)


class Untraceable:
    """A kernel that looks at its whole array."""

    slots = ()

    def __call__(self, theta, g, slots, s):
        xp = array_namespace(theta, g)
        return theta - g / xp.max(xp.abs(g)), ()


def check_untraceable(machine, same_bits):
    """A rule that is no elementwise program is evaluated as it is written."""
    x = leaf("plain", "float64", 50)
    x = x._replace(kernel=Untraceable(), g=np.linspace(1, 2, 50))
    check(machine, [x], same_bits)


def check_stream(machine, same_bits):
    """On the caller's stream, in its order, with no wait between the steps."""
    given = [leaf("adamw", "float32", 5000, seed) for seed in range(3)]
    want = given
    for _ in range(3):
        want = [
            x._replace(theta=arrays[0], slots=tuple(arrays[1:]))
            for x, arrays in zip(want, expected(want), strict=True)
        ]
    there = [machine.put_leaf(x) for x in given]
    machine.wait()
    with machine.another_stream():
        for _ in range(3):
            machine.driver.step(there)
        got = [(machine.get(x.theta), [machine.get(s) for s in x.slots]) for x in there]
    for (theta, slots), x in zip(got, want, strict=True):
        for a, b in zip((theta, *slots), (x.theta, *x.slots), strict=True):
            same_bits(a, b)


def check_replay(machine, opt, shapes, dtype, make, same_bits, steps=7):
    """A recorded step gives, again and again, the bits of `Optimizer.step` on NumPy.

    `make(opt, params, grads, state)` records.
    """
    rng = np.random.default_rng(0)
    dtype = np.dtype(dtype)
    params = {f"w{k}": values(rng, dtype, shape) for k, shape in enumerate(shapes)}
    state, there = opt.init(params), {name: machine.put(x) for name, x in params.items()}
    grads = {name: machine.put(np.zeros_like(x)) for name, x in params.items()}
    its_state = opt.init(there)
    replay = make(opt, there, grads, its_state)
    for t in range(1, steps + 1):
        new = {name: values(rng, dtype, x.shape) for name, x in params.items()}
        for name, x in grads.items():
            x[...] = machine.put(new[name])
        machine.wait()
        with np.errstate(all="ignore"):
            params, state = opt.update(params, new, state)
        its_state = replay.step()
        machine.wait()
        assert its_state.step == state.step == t
        for name, x in params.items():
            same_bits(machine.get(there[name]), x)
            for slot, arrays in state.slots.items():
                same_bits(machine.get(its_state.slots[slot][name]), arrays[name])
