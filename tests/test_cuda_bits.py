"""The generated CUDA, compiled for the host, gives NumPy's bits over Hypothesis' inputs.

Values, hyperparameters, sizes, alignments and the number of tensors are chosen; the kernels are a
few, because a C++ compiler takes about a second for each.
"""

import cuda_checks
import cuda_shim
import numpy as np
import pytest
from cuda_checks import ASKING, BFLOAT16, FORMATS, RULES
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from wdref.backend import Leaf
from wdref.rules.registry import families
from wdref.rules.shapes import slot_shape

rates = st.floats(0, 1e6) | st.sampled_from([0.0, 1e-3, 0.1])
betas = st.floats(0, 1, exclude_max=True) | st.sampled_from([0.0, 0.9, 0.999])
hypers = st.fixed_dictionaries(
    {h.name: rates.map(lambda x: x or 0.5) if h.name == "learning_rate"
     else betas if h.below == 1 else rates
     for family in families().values() for h in family.hyper}
)  # fmt: skip
SPECIAL = st.sampled_from([0.0, -0.0, 1.0, np.inf, -np.inf, np.nan])


def arrays(dtype, size):
    if dtype.itemsize == 2:  # bfloat16 is unknown to Hypothesis, float16 slow: their bits
        return hnp.arrays(np.uint16, size).map(lambda bits: bits.view(dtype))
    elements = st.floats(width=8 * dtype.itemsize) | SPECIAL
    return hnp.arrays(dtype, size, elements=elements, fill=elements)


@st.composite
def leaves(draw, rule, form):
    """Tensors of one rule, each with its own hyperparameters, beginning anywhere in 16 bytes."""
    kernel, dtypes = cuda_checks.kernel(rule, form)
    found = []
    for h in draw(st.lists(hypers, max_size=3)):
        size, shift = draw(st.integers(0, 40)), draw(st.integers(0, 3))
        theta, g = (draw(arrays(dtype, size + shift))[shift:] for dtype in dtypes[:2])
        kinds = zip(kernel.shapes, dtypes[2:], strict=True)
        slots = [
            draw(arrays(dtype, size + shift))[shift:]
            if kind == "like"
            else draw(arrays(dtype, slot_shape(kind, (size,))))
            for kind, dtype in kinds
        ]
        t = draw(st.integers(1, 10**4))
        scalars = kernel.dialect.scalars(h, t, draw(st.floats(0, 2)), before=draw(st.floats(0, 2)))
        found.append(Leaf(kernel, theta, g, tuple(slots), scalars))
    return found


CASES = [*((rule, "float32") for rule in (*RULES, *ASKING)),
         *(("adamw", form) for form in list(FORMATS)[1:]),
         *(("lamb", form) for form in list(FORMATS)[1:])]  # fmt: skip


@pytest.mark.parametrize(("rule", "form"), CASES)
@settings(max_examples=20)
@given(data=st.data())
def test_same_bits(rule, form, data, same_bits):
    given = data.draw(leaves(rule, form))
    want = cuda_checks.expected(given)
    before = [x.g.copy() for x in given]
    for in_place in (False, True):
        results = cuda_shim.run(given, in_place=in_place)
        for (theta, slots), arrays in zip(results, want, strict=True):
            for got, expect in zip((theta, *slots), arrays, strict=True):
                same_bits(got, expect)
    for x, g in zip(given, before, strict=True):
        same_bits(x.g, g)


NARROW = np.arange(2**16, dtype=np.uint16)


@pytest.mark.parametrize("dtype", [np.dtype("float16"), BFLOAT16], ids=str)
def test_every_half_is_widened_and_rounded_as_numpy_does(dtype, same_bits):
    """SGD with rate 1 from θ = 0: θ becomes -g, by way of float32."""
    rule = cuda_checks.kernel("sgdw", "float16")[0]
    halves = NARROW.view(dtype)
    singles = np.random.default_rng(0).integers(0, 2**32, 2**16, np.uint32).view(np.float32)
    # ties between two halves, and their neighbours, where rounding is decided
    with np.errstate(all="ignore"):
        middle = (halves.astype(np.float32) + np.roll(halves, -1).astype(np.float32)) / 2
        around = [np.nextafter(middle, np.float32(side)) for side in (-np.inf, np.inf)]
    for g in (halves, singles, middle, *around):
        theta = np.zeros(2**16, dtype)
        s = cuda_checks.scalars(rule.dialect, learning_rate=2.0, weight_decay=0.0)
        x = Leaf(rule, theta, g, (np.zeros(2**16, np.float32),), s)
        ((got, _),) = cuda_shim.run([x], in_place=False)
        same_bits(got, cuda_checks.expected([x])[0][0])
