"""Bounds of signs, comparisons and choices: certified where no number within the radii differs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wdref.engine.arithmetic import CORRECT
from wdref.oracle.watch.bounds import Bounds, Rounds

ROUNDS = Rounds.of("float32", CORRECT)
COMPARISONS = {
    "less": lambda a, b: a < b,
    "less or equal": lambda a, b: a <= b,
    "greater": lambda a, b: a > b,
    "greater or equal": lambda a, b: a >= b,
}
numbers = st.lists(st.sampled_from([-1.5, -1.0, -0.25, 0.0, 0.25, 1.0, 1.5]), min_size=8,
                   max_size=8)  # fmt: skip
radii = st.lists(st.sampled_from([0.0, 0.125, 0.5, 1.25, np.nan]), min_size=16, max_size=16)


@st.composite
def bounds(draw):
    """Midpoints with the radii of the exact and of the rounded number, or exact ones."""
    rad = draw(st.none() | radii)
    return Bounds(np.array(draw(numbers)), rad and np.array(rad).reshape(2, 8), ROUNDS)


def ends(x, row):
    """Both ends of one of the two balls."""
    rad = np.zeros(8) if x.rad is None else x.rad[row]
    return x.mid - rad, x.mid + rad


def min_of(pair):
    return np.minimum(*pair)


def max_of(pair):
    return np.maximum(*pair)


@pytest.mark.parametrize("name", COMPARISONS)
@given(x=bounds(), y=bounds())
def test_a_choice_is_known_where_every_pair_of_ends_makes_it(name, x, y):
    compare = COMPARISONS[name]
    verdicts = compare(x, y)
    chosen = x.__array_namespace__().where(verdicts, 2.0, x)
    for row in range(2):
        made = [compare(a, b) for a in ends(x, row) for b in ends(y, row)]
        agreed = np.all(made, axis=0) | ~np.any(made, axis=0)
        unknown = np.isnan(ends(x, row)[0] + ends(y, row)[0])
        assert not np.any(verdicts.known[row] & (unknown | ~agreed))
        low, high = ends(chosen, row)
        for whole, number in ((np.all(made, axis=0), 2.0), (~np.any(made, axis=0), None)):
            both = ends(x, row) if number is None else (number, number)
            kept = whole | ~agreed | unknown  # the number that may be taken is inside
            outside = (min_of(both) < low) | (max_of(both) > high)
            assert not np.any(kept & outside)
    assert np.array_equal(chosen.mid, np.where(compare(x.mid, y.mid), 2.0, x.mid))


@given(x=bounds())
def test_a_sign_is_known_where_the_radius_does_not_reach_0(x):
    found = x.__array_namespace__().sign(x)
    assert np.array_equal(found.mid, np.sign(x.mid))
    for row in range(2):
        low, high = ends(x, row)
        got = np.zeros(8) if found.rad is None else found.rad[row]
        assert np.array_equal(got == 0, np.sign(low) == np.sign(high))
        assert np.all((got == 0) | np.isnan(got))


def test_what_is_far_from_0_is_known():
    x = Bounds(np.array([1.0, -1.0, 0.5]), np.full((2, 3), 0.25), ROUNDS)
    assert (x > 0.0).known.all()
    assert (x > 0.5).known.tolist() == [[True, True, False]] * 2
    assert x.__array_namespace__().abs(x).mid.tolist() == [1.0, 1.0, 0.5]


def test_a_zero_that_no_rounding_makes_stays_one():
    zero, x = (Bounds(np.array([value]), None, ROUNDS) for value in (0.0, 0.5))
    for found in (zero * x, x * zero, zero + zero, zero - zero, (zero * x) + zero):
        assert (found.mid.tolist(), found.rad.tolist()) == ([0.0], [[0.0], [0.0]])
    tiny = Bounds(np.array([2.0**-600]), None, ROUNDS)
    assert np.all((tiny * tiny).rad > 0)  # which underflows
