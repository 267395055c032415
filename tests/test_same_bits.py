"""Every backend gives the bits of the plain rule on NumPy, whatever the values.

Hyperparameters, sizes and values are Hypothesis' choice: subnormals, infinities, NaNs, zeros of
both signs. Plain NumPy is compared with blocked NumPy, numba's loop and CUDA's source on a CPU (new
arrays and in place), and with array-api-strict at its strictest under each version of the standard
that it offers. The dialect is Hypothesis' choice too where that costs no compilation, else one of
`COMPILED`. On a GPU test_gpu.py does the same.
"""

import importlib
import warnings

import array_api_strict
import cuda_shim
import family_runs
import ml_dtypes
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from wdref.backend import PLAIN, Leaf, load
from wdref.dialects import AdamDialect, MomentumDialect
from wdref.engine.half_precision import Kernel
from wdref.rules.registry import FIRST, families
from wdref.rules.shapes import slot_shape

blocked = importlib.import_module("wdref.backends.numpy")
threads = importlib.import_module("wdref.backends.threads")
NUMPY = load("numpy")
VERSIONS = ("2021.12", "2022.12", "2023.12", "2024.12", "2025.12")
HALF = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16}  # which NumPy knows by import


NEEDS_MAXIMUM = ("sum", "gradient", "raw", "hat", "clamp")  # of clip, amsgrad and eps


def dialects(family, maximum):
    """Every answer to every question; without `maximum` only those that do not call it."""
    axes = dict(family.questions())
    if not maximum:
        hat = {"eps": ("hat",)}  # of ε it is no maximum
        axes = {
            name: [x for x in axis if x not in NEEDS_MAXIMUM or x in hat.get(name, ())]
            for name, axis in axes.items()
        }
    return st.builds(family, **{name: st.sampled_from(axis) for name, axis in axes.items()})


hypers = family_runs.hypers(*families())


def values(dtype):
    width = 8 * np.dtype(dtype).itemsize
    return st.floats(width=width) | st.sampled_from([0.0, -0.0, 1.0, np.inf, -np.inf, np.nan])


@st.composite
def leaves(draw, dtype, maximum=True):
    """One leaf with any values in every array, as after steps that no check forbids."""
    known = [f for name, f in families().items() if maximum or name in FIRST]
    d = draw(st.one_of(dialects(family.dialect, maximum) for family in known))
    h = draw(hypers)
    size = draw(st.integers(0, 300))
    arrays = [
        draw(hnp.arrays(dtype, shape, elements=values(dtype), fill=values(dtype)))
        for shape in ((size,), (size,), *(slot_shape(kind, (size,)) for kind in Kernel(d).shapes))
    ]
    eta, before = draw(st.floats(0, 2)), draw(st.floats(0, 2))
    scalars = d.scalars(h, draw(st.integers(1, 10**4)), eta, before=before)
    return Leaf(Kernel(d), arrays[0], arrays[1], tuple(arrays[2:]), scalars)


def bit_patterns(rng, dtype, size):
    """Uniform bits: all exponents, some NaNs and infinities."""
    integers = f"u{np.dtype(dtype).itemsize}"
    limit = np.iinfo(integers).max
    return rng.integers(0, limit, size, integers, endpoint=True).view(dtype)


def random_leaf(kernel, dtypes, size):
    h = {"learning_rate": 0.1, "momentum": 0.9, "dampening": 0.5, "beta1": 0.9, "beta2": 0.99,
         "eps": 1e-8, "weight_decay": 0.01}  # fmt: skip
    rng = np.random.default_rng(size)
    theta, g, *slots = (bit_patterns(rng, dtype, size) for dtype in dtypes)
    return Leaf(kernel, theta, g, tuple(slots), kernel.dialect.scalars(h, 3, 0.5))


def plain(leaf):
    with np.errstate(all="ignore"):
        ((theta, slots),) = PLAIN.update([leaf])
    return theta, *slots


def copied(leaf):
    return leaf._replace(
        theta=leaf.theta.copy(), g=leaf.g.copy(), slots=tuple(x.copy() for x in leaf.slots)
    )


def check_blocked(leaf, same_bits):
    assert family_runs.is_compiled(leaf), "evaluated plain: nothing would be compared"
    check_backend(NUMPY, leaf, same_bits)


def check_backend(backend, leaf, same_bits):
    """New arrays first, which leaves the old ones alone, then in place."""
    want, before = plain(leaf), copied(leaf)
    ((theta, slots),) = backend.update([leaf])
    for got, expected in zip((theta, *slots), want, strict=True):
        same_bits(got, expected)
    for got, expected in zip((leaf.theta, leaf.g, *leaf.slots),
                             (before.theta, before.g, *before.slots), strict=True):  # fmt: skip
        same_bits(got, expected)
    backend.step([leaf])
    for got, expected in zip((leaf.theta, *leaf.slots), want, strict=True):
        same_bits(got, expected)
    same_bits(leaf.g, before.g)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(data=st.data())
def test_blocked_numpy(dtype, data, same_bits):
    leaf = data.draw(leaves(dtype))
    # what no program holds is evaluated as it is written: tests/test_every_program.py
    assume(leaf.kernel.dialect.family not in ("adafactor", "madgrad", "sm3"))
    check_blocked(leaf, same_bits)


# Together every answer to every question, each of which is a line of its own in some printing.
COMPILED = {
    "adam": AdamDialect("l2"),
    "adamw": AdamDialect("paper"),
    "after, clamp, amsgrad hat": AdamDialect("lr", "after", "clamp", "ahead", "hat"),
    "inside, raw, clipped": AdamDialect("l2", eps="inside", amsgrad="raw", clip="gradient"),
    "both, in place": AdamDialect("fixed", eps="both", bias="in_place", amsgrad="raw"),
    "scaled, uncorrected": AdamDialect("scaled_l2", bias="none", clip="sum"),
    "scaled, amsgrad": AdamDialect("scaled_l2", bias="first", amsgrad="hat"),
    "none": AdamDialect("none", bias="behind"),
    "masked": AdamDialect("masked"),
    "sgd": MomentumDialect("l2"),
    "sgdw": MomentumDialect("paper"),
    "nesterov": MomentumDialect("lr", "after", nesterov=True),
    "ema, outside": MomentumDialect("l2", lr="outside", damping="ema", clip="sum"),
    "no buffer": MomentumDialect("fixed", buffer=False, clip="gradient"),
}
HALVES = [  # parameters, gradients, state, a master copy
    ("float16", "float16", "float32", False),
    ("float16", "float32", "float16", True),
    ("bfloat16", "bfloat16", "float32", True),
    ("bfloat16", "float32", "bfloat16", False),
]


def kernels():
    """Every compiled dialect in both dtypes, and two of them in half precision."""
    for name, d in COMPILED.items():
        for dtype in ("float32", "float64"):
            yield pytest.param(Kernel(d), (dtype,) * (2 + len(d.slots)), id=f"{name}, {dtype}")
    for name in ("adamw", "nesterov"):
        d = COMPILED[name]
        for own, g, kept, master in HALVES:
            dtypes = (own, g, *("float32",) * master, *(kept,) * len(d.slots))
            kernel = Kernel(d, wide=True, master=master)
            yield pytest.param(kernel, dtypes, id=f"{name}, {own}, {g}, {kept}, master {master}")


@st.composite
def leaves_of(draw, kernel, dtypes):
    """A leaf of this kernel with any values, at any offset from a multiple of 64 bytes."""
    size, seed = draw(st.integers(0, 70)), draw(st.integers(0, 2**32 - 1))
    arrays = []
    for dtype in map(np.dtype, dtypes):
        memory = np.zeros(size + 8, dtype)
        view = memory[draw(st.integers(0, 8)) :][:size]
        if dtype.itemsize > 2 and draw(st.booleans()):
            view[:] = draw(hnp.arrays(dtype, size, elements=values(dtype), fill=values(dtype)))
        else:
            view[:] = bit_patterns(np.random.default_rng(seed), dtype, size)
        arrays.append(view)
    eta, before, t = draw(st.floats(0, 2)), draw(st.floats(0, 2)), draw(st.integers(2, 10**4))
    scalars = kernel.dialect.scalars(draw(hypers), t, eta, before=before)
    return Leaf(kernel, arrays[0], arrays[1], tuple(arrays[2:]), scalars)


@pytest.fixture(scope="session")
def compiled():
    """The backends that compile a kernel: the second is CUDA's source and driver, on a CPU."""
    return {"numba": numba_backend, "cuda": cuda_shim.shared}


def numba_backend():
    return pytest.importorskip(
        "wdref.backends.numba.backend", reason="the extra `fast` installs numba"
    ).backend


@pytest.mark.parametrize("name", ["numba", "cuda"])
@pytest.mark.parametrize(("kernel", "dtypes"), list(kernels()))
@settings(max_examples=20)
@given(data=st.data())
def test_compiled(kernel, dtypes, name, data, same_bits, compiled):
    backend = compiled[name]()
    leaf = data.draw(leaves_of(kernel, dtypes))
    if name == "numba":
        numba = importlib.import_module("wdref.backends.numba.backend")
        assert not numba._gather([leaf], None)[1], "evaluated plain: nothing would be compared"
    check_backend(backend, leaf, same_bits)


SIZES = (1, blocked.BLOCK, 2 * blocked.BLOCK + 1, 2 * threads.THREADED + 12_345)
LONG = (AdamDialect("paper"), AdamDialect("l2", "after", "clamp", "ahead", "hat"),
        MomentumDialect("lr", "after", nesterov=True))  # fmt: skip


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("d", LONG, ids=["adamw", "amsgrad", "nesterov"])
@pytest.mark.parametrize("name", ["numpy", "numba"])
def test_over_blocks_and_threads(name, d, dtype, size, same_bits, monkeypatch):
    if name == "numba":
        pytest.importorskip("numba", reason="the extra `fast` installs it")
    monkeypatch.setattr("os.cpu_count", lambda: 3)  # as many threads on every machine
    leaf = random_leaf(Kernel(d), [dtype] * (2 + len(d.slots)), size)
    check_backend(load(name), leaf, same_bits)


@pytest.mark.parametrize("size", [0, 300, 2 * blocked.BLOCK + 1])
@pytest.mark.parametrize("half", HALF)
@pytest.mark.parametrize("kept", ["float32", "params"])
@pytest.mark.parametrize("grads", ["float32", "params"])
@pytest.mark.parametrize("master", [False, True])
def test_half_precision(half, kept, grads, master, size, same_bits):
    dtype, single = np.dtype(HALF[half]), np.dtype("float32")
    d = AdamDialect("paper")
    slots = [single] * master + [single if kept == "float32" else dtype] * len(d.slots)
    dtypes = [dtype, single if grads == "float32" else dtype, *slots]
    check_blocked(random_leaf(Kernel(d, wide=True, master=master), dtypes, size), same_bits)


def strict(leaf):
    theta, g, *slots = map(array_api_strict.asarray, (leaf.theta, leaf.g, *leaf.slots))
    return leaf._replace(theta=theta, g=g, slots=tuple(slots))


def strictest(version):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # 2021.12 is given the namespace of 2022.12, it says
        return array_api_strict.ArrayAPIStrictFlags(
            api_version=version,
            boolean_indexing=False,
            data_dependent_shapes=False,
            enabled_extensions=(),
        )


@pytest.mark.filterwarnings("ignore:The 2021.12 version")
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@settings(max_examples=40)
@given(data=st.data())
def test_array_api_strict(dtype, version, data, same_bits):
    leaf = data.draw(leaves(dtype, maximum=version >= "2023.12"))
    assume(leaf.kernel.dialect.family != "madgrad")  # whose cube root is each library's own
    with strictest(version), np.errstate(all="ignore"):
        ((theta, slots),) = PLAIN.update([strict(leaf)])
    for got, want in zip((theta, *slots), plain(leaf), strict=True):
        same_bits(got, want)


@pytest.mark.parametrize("d", [AdamDialect(amsgrad="raw"), AdamDialect(eps="clamp")])
def test_maximum_came_with_2023_12(d):
    leaf = random_leaf(Kernel(d), ["float32"] * (2 + len(d.slots)), 5)
    expected = pytest.raises(RuntimeError, match=r"maximum.*2023\.12")
    with strictest("2022.12"), np.errstate(all="ignore"), expected:
        PLAIN.update([strict(leaf)])


def test_the_strict_library_offers_these_versions():
    flags = importlib.import_module("array_api_strict._flags")
    assert tuple(flags.supported_versions) == VERSIONS
