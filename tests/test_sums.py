"""Sums are correctly rounded: compared with exact rational arithmetic, on terms chosen to mislead.

Cancellation, 2^±1000, ties, one term off a tie, subnormals, infinities, NaN, none at all; whole, in
blocks, in lanes, in shards that exchange what they have, and in any order.
"""

import math
import threading
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wdref.sums import Exact, Sum, answered, exchanged, partial, total
from wdref.sums.rounds import Part

finite = st.floats(allow_nan=False, allow_infinity=False)
wide = st.builds(lambda m, e: math.ldexp(m, e), st.floats(-2, 2), st.integers(-1060, 1000))
whole = st.builds(lambda k, e: math.ldexp(k, e), st.integers(-(2**53), 2**53), st.integers(-60, 60))
subnormal = st.integers(-9, 9).map(lambda k: k * 5e-324)
terms = st.lists(st.one_of(finite, wide, whole, subnormal), max_size=40)


def nearest(xs):
    """The exact sum, rounded once: Python rounds the quotient of two integers correctly."""
    exact = sum(map(Fraction, xs), Fraction(0))
    try:
        return exact.numerator / exact.denominator
    except OverflowError:
        return None


@st.composite
def misleading(draw):
    """Terms whose sum is a tie, or next to one, hidden among terms that cancel."""
    m, e = draw(st.integers(2**52, 2**53 - 1)), draw(st.integers(-900, 900))
    off = draw(st.sampled_from([0, 1, -1])) * 2.0 ** -draw(st.integers(1, 150))
    parts = [float(m), 0.5, off]
    noise = draw(st.lists(whole, max_size=8))
    found = [math.ldexp(x, e) for x in (*parts, *noise, *(-x for x in noise))]
    return draw(st.permutations(found))


@given(xs=st.one_of(terms, misleading()))
@example(xs=[])
@example(xs=[1e308, 1e308, -1e308])
@example(xs=[-0.0, -0.0])
def test_a_sum_is_the_exact_one_rounded_once(xs):
    want = nearest(xs)
    if want is None:
        with pytest.raises(OverflowError, match="beyond the range of float64"):
            total(np.array(xs))
    else:
        assert total(np.array(xs)) == want


@given(xs=st.one_of(terms, misleading()), data=st.data())
def test_what_is_settled_is_right(xs, data):
    """The quick way alone, over any partition: a sum that its bound settles is the exact one."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(xs)), max_size=7)))
    blocks = [np.array(xs[a:b]) for a, b in zip([0, *cuts], [*cuts, len(xs)], strict=True)]
    found = partial.settled(partial.combined(map(partial.of, blocks)))
    assert found is None or found == nearest(xs)
    exact = sum(map(partial.exactly, blocks), Exact())
    if nearest(xs) is not None:
        assert partial.rounded(exact) == nearest(xs)


@pytest.mark.parametrize("size", [1, 7, 1000, 70_001])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_long_sums_are_settled_by_the_quick_way(size, dtype):
    x = np.random.default_rng(size).standard_normal(size).astype(dtype)
    squares = x * x
    assert total(squares) == nearest(squares.tolist())
    if size > 2:  # two float64 numbers often make a tie
        assert partial.settled(partial.of(squares)) is not None


@pytest.mark.parametrize(
    ("xs", "want"),
    [([math.inf, 1.0], math.inf), ([math.inf, -math.inf], math.nan), ([math.nan], math.nan),
     ([-math.inf, 1e308, 1e308], -math.inf), ([1e308, math.nan, 1e308], math.nan)],
)  # fmt: skip
def test_what_is_no_number_adds_as_ieee_754_has_it(xs, want):
    assert np.array_equal([total(np.array(xs))], [want], equal_nan=True)


@given(xs=st.one_of(terms, misleading()), data=st.data())
def test_shards_that_exchange_get_the_sum_of_the_whole(xs, data):
    count = data.draw(st.integers(1, 8))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(xs)), min_size=count - 1,
                                     max_size=count - 1)))  # fmt: skip
    shards = [np.array(xs[a:b]) for a, b in zip([0, *cuts], [*cuts, len(xs)], strict=True)]
    if nearest(xs) is not None:
        assert set(shared(shards)) == {nearest(xs)}


def shared(shards):
    """What each shard gets for the sum of all, in a thread each."""
    gathered, found = [None] * len(shards), [None] * len(shards)
    barrier = threading.Barrier(len(shards))

    def shard(rank):
        def exchange(own):
            barrier.wait()
            gathered[rank] = own
            barrier.wait()
            lists = list(gathered)
            barrier.wait()
            return lists

        found[rank] = exchanged(exchange)([[Sum(shards[rank])]])[0][0]

    threads = [threading.Thread(target=shard, args=(i,)) for i in range(len(shards))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_tensors_have_sums_of_their_own_and_the_tree_one():
    a, b = np.array([1.0, 2.0]), np.array([[4.0], [8.0]])
    asked = [[Sum(a), Sum(a, "tree")], [Sum(b), Sum(b, "tree")]]
    assert answered(asked) == [[3.0, 15.0], [12.0, 15.0]]
    done = [[each.part() for each in own] for own in asked]
    assert all(isinstance(x, Part) for own in done for x in own)
    assert answered(done) == [[3.0, 15.0], [12.0, 15.0]]


def test_rows_are_no_sums_that_shards_exchange():
    with pytest.raises(ValueError, match="not sums along rows"):
        exchanged(lambda own: [own])([[Sum(np.ones((2, 2)), "rows")]])


@pytest.mark.parametrize("over", ["rows", "columns"])
def test_sums_along_an_axis_are_exact_too(over):
    x = np.array([[1e16, 1.0, -1e16], [1.0, 2.0, 3.0]])
    ((got,),) = answered([[Sum(x, over)]])
    rows = x.tolist() if over == "rows" else x.T.tolist()
    want = np.array([nearest(row) for row in rows]).reshape(got.shape)
    np.testing.assert_array_equal(got, want)
    assert got.shape == ((2, 1) if over == "rows" else (1, 3))
