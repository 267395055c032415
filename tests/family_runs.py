"""What the tests of every family share: its programs, truth in 50 digits, leaves of any values."""

import importlib

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from mpmath import isnan, mp, mpf

from wdref.backend import PLAIN, Leaf, asks, load
from wdref.conventions import conventions
from wdref.engine.half_precision import Kernel
from wdref.oracle.cases.suite import regimes
from wdref.oracle.judge.enclosure import enclose
from wdref.rules.registry import families
from wdref.rules.shapes import slot_shape

RATES = st.floats(0, 1e6) | st.sampled_from([0.0, 1e-3, 0.1])
CASES = ("exaggerated", "stop", "restart", "bursts", "sparse", "first")


def dialects(family):
    """Each convention and claim of the family, by name."""
    claims = [claim.name for claim in families()[family].claims]
    return {f"{convention}.{claim}": known[claim]
            for convention, known in conventions().items() for claim in claims
            if claim in known}  # fmt: skip


def cases(d, dtype="float64", names=CASES):
    """The cases of these names that the dialect has."""
    return [case for case in regimes(d.family, d, dtype) if case.id.split("/")[0] in names]


def check_contains(d, case, by_hand):
    """The enclosure of every value contains what was computed by hand, in 50 digits."""
    truth = enclose(d, case)
    with mp.workdps(50):
        for t, row in enumerate(by_hand(d, case)):
            for i, x in enumerate(row):
                if isnan(x):
                    assert np.isnan(truth.high[t, i])
                    continue
                middle = mpf(float(truth.high[t, i])) + mpf(float(truth.low[t, i]))
                assert abs(x - middle) <= mpf(float(truth.error[t, i])) + mpf("1e-45") * abs(x)


def numbers(h):
    """Any value of a hyperparameter; 0 for the rate has no λ/α."""
    if h.name == "learning_rate":
        return RATES.map(lambda x: x or 0.5)
    if h.below == np.inf:
        return RATES
    return st.floats(0, h.below, exclude_max=True) | st.sampled_from([0.0, 0.9, 0.999])


def hypers(*names):
    """Any hyperparameters of these families."""
    return st.fixed_dictionaries({h.name: numbers(h) for f in names for h in families()[f].hyper})


@st.composite
def leaves(draw, d, dtype):
    """A leaf of this dialect with any values in every array."""
    size, width = draw(st.integers(0, 70)), 8 * np.dtype(dtype).itemsize
    values = st.floats(width=width) | st.sampled_from([0.0, -0.0, 1.0, np.inf, -np.inf, np.nan])
    shapes = [(size,), (size,), *(slot_shape(kind, (size,)) for kind in d.shapes)]
    arrays = [draw(hnp.arrays(dtype, shape, elements=values, fill=values)) for shape in shapes]
    eta, before, t = draw(st.floats(0, 2)), draw(st.floats(0, 2)), draw(st.integers(2, 10**4))
    scalars = d.scalars(draw(hypers(d.family)), t, eta, before=before)
    return Leaf(Kernel(d), arrays[0], arrays[1], tuple(arrays[2:]), scalars)


def is_compiled(leaf):
    """Whether NumPy's blocks have a program of the leaf's rule."""
    blocked = importlib.import_module("wdref.backends.numpy")
    if not asks(leaf):
        return blocked._compiled(leaf) is not None
    rounds = importlib.import_module("wdref.backends.rounds")
    return rounds._programs(leaf, blocked.rounds) is not None


def check_bits(leaf, same_bits, backends=("numpy", "numba")):
    """Each backend gives the bits of the plain rule, and evaluates nothing plainly."""
    assert is_compiled(leaf), "evaluated plain: nothing would be compared"
    with np.errstate(all="ignore"):
        ((theta, slots),) = PLAIN.update([leaf])
    for name in backends:
        ((got, got_slots),) = load(name).update([leaf])
        for a, b in zip((got, *got_slots), (theta, *slots), strict=True):
            same_bits(a, b)
