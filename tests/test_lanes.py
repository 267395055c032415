"""numba's lanes: what they hold where the quick sum is left open, and when that is exact."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

pytest.importorskip("numba", reason="the extra `fast` installs it")
import wdref
from wdref.backends.numba import phased
from wdref.backends.tracing.phases import phases
from wdref.engine.half_precision import Kernel
from wdref.sums import partial

LAMB = wdref.LAMB(learning_rate=0.5, weight_decay=0.25)
SCALARS = LAMB.scalars(3)[0]
SIZE = 2 * 256 + 3  # of lanes: some hold three terms
# squares of 1 and of twice 2^-27: the sum 1 + 2^-53 lies half way between two numbers
TIE = [1.0, 2.0**-27, 2.0**-27]


def loop(dtype):
    present = tuple(x is not None for x in SCALARS)
    plan = phases(Kernel(LAMB.dialect), (dtype,) * 4, type(SCALARS), present)
    return phased.Phased(plan).rounds[0]


def exact_of_squares(theta):
    """The exact sums of θ², the first term of LAMB, and whatever else it sums."""
    rest = [np.ones_like(theta)] * 3
    return loop(theta.dtype.name).exact([theta, *rest], list(SCALARS))


def true_sum(theta):
    return sum(map(Fraction, (theta * theta).tolist()), Fraction(0))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@settings(max_examples=25)
@given(data=st.data())
def test_the_lanes_hold_the_exact_sum_or_say_that_they_do_not(dtype, data):
    finite = {"allow_nan": False, "allow_infinity": False, "width": int(dtype[5:])}
    numbers = (
        st.floats(-1e15, 1e15, **finite) if dtype == "float64" else st.floats(-64, 64, **finite)
    )
    theta = data.draw(arrays(dtype, st.integers(1, SIZE), elements=numbers))
    sums = exact_of_squares(theta)
    if sums is not None:
        assert Fraction(sums[0].units, 2**1074) == true_sum(theta)


def test_terms_of_like_size_are_told_exactly():
    theta = np.random.default_rng(0).uniform(0.5, 1.0, 100_000).astype(np.float32)
    sums = exact_of_squares(theta)
    assert Fraction(sums[0].units, 2**1074) == true_sum(theta)


def test_what_a_low_half_loses_is_told():
    theta = np.zeros(SIZE)
    theta[[0, 256, 512]] = 2.0**200, 2.0**60, 2.0**-60  # of one lane: 520 bits apart
    assert exact_of_squares(theta) is None


@pytest.mark.parametrize("spoiled", [np.nan, np.inf, 1e200])
def test_what_is_not_finite_is_left_to_the_integers(spoiled):
    theta = np.ones(SIZE)
    theta[7] = spoiled
    with np.errstate(over="ignore"):
        assert exact_of_squares(theta) is None


def test_a_tie_is_settled_by_the_lanes(monkeypatch, same_bits):
    theta, g = np.array(TIE), np.array([3.0, -1.0, 2.0])
    assert partial.settled(partial.of(theta * theta)) is None
    want = LAMB.update(theta, g, LAMB.init(theta))[0]
    added, exactly = [], partial.exactly
    monkeypatch.setattr(partial, "exactly", lambda x: added.append(x.size) or exactly(x))
    fast = wdref.LAMB(learning_rate=0.5, weight_decay=0.25, backend="numba")
    same_bits(fast.update(theta, g, fast.init(theta))[0], want)
    assert set(added) == {2 * 256}  # halves of lanes, not the terms


def test_an_empty_tensor_of_a_tree_whose_sum_is_open(same_bits):
    """Of DoG, which sums over the tree: all its tensors are asked for their exact sums."""
    theta = {"none": np.zeros(0), "some": np.array(TIE)}
    g = {"none": np.zeros(0), "some": np.array(TIE)}
    plain, fast = (wdref.DoG(weight_decay=0.0, backend=backend) for backend in ("plain", "numba"))
    want = plain.update(theta, g, plain.init(theta))[0]
    same_bits(fast.update(theta, g, fast.init(theta))[0]["some"], want["some"])


def test_a_span_is_as_good_as_another():
    """Lanes are a thread's, whatever spans it took: the bound knows the longest chain."""
    lanes = phased._Lanes(1)
    lanes.rows[0, 0] = 1.0
    lanes.depth = 5
    (part,) = lanes.partials([True])
    assert part.depth >= 5
    assert part.high == 256.0
