"""The envelope contains every correctly rounded evaluation of a rule.

The rule itself is run on arrays of exact rationals whose every operation rounds at random: normal
and subnormal numbers, with and without contraction of a product into the addition that follows, the
host's scalars likewise. Rounded to nearest no result may leave the envelope (ratio <= 1); rounded
either way, twice that error, none may reach a ratio above 2. An envelope a thousand times smaller
holds none.
"""

import random
from dataclasses import replace
from fractions import Fraction
from math import isqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wdref.conventions import dialect
from wdref.oracle.cases.case import Case
from wdref.oracle.cases.suite import regimes
from wdref.oracle.identify.candidates import candidates
from wdref.oracle.judge.enclosure import enclose

FORMATS = {"float32": (24, -149), "float64": (53, -1074)}
HALF = Fraction(1, 2)


class Format:
    """A floating-point format; `either` rounds down or up at random instead of to nearest."""

    def __init__(self, dtype, rng, either=False):
        self.precision, self.least = FORMATS[dtype]
        self.rng, self.either = rng, either

    def __call__(self, x):
        if x == 0:
            return x
        exponent = abs(x.numerator).bit_length() - x.denominator.bit_length()
        exponent -= Fraction(2) ** exponent > abs(x)
        unit = Fraction(2) ** max(exponent - self.precision + 1, self.least)
        low, rest = divmod(x, unit)
        toss = self.rng.random() < 0.5
        # what is nearest to 0 is 0 under both: the absolute error of one rounding ends there
        if self.either and abs(x) >= HALF * unit:
            up = rest > 0 and toss
        else:
            up = rest > HALF * unit or (rest == HALF * unit and toss)
        return (low + up) * unit


def root(x):
    """√x if it has 200 bits at most, else a number that every rounding takes for it."""
    k = 200 + max(0, x.denominator.bit_length() - x.numerator.bit_length())
    cut = isqrt(int(x * 4**k))
    return Fraction(cut, 2**k) if cut**2 == x * 4**k else Fraction(2 * cut + 1, 2 ** (k + 1))


class Rounded:
    """An array, or with one item a number of the host: as much of it as rules and scalars need.

    A product remembers its exact value, which the next sum may take (a fused multiply-add).
    """

    def __init__(self, items, fmt, products=None):
        self.items, self.fmt, self.products = items, fmt, products

    def __array_namespace__(self, *, api_version=None):
        return Rounded

    def _rounded(self, f, *others, fused=None):
        columns = [self.items, *(getattr(x, "items", [x]) for x in others)]
        if fused is not None:
            columns[fused] = (self, *others)[fused].products
        n = max(map(len, columns))
        rows = zip(*(x * n if len(x) == 1 else x for x in columns), strict=True)
        exact = [f(*row) for row in rows]
        return Rounded([self.fmt(x) for x in exact], self.fmt), exact

    def _sum(self, f, other):
        products = [i for i, x in enumerate((self, other)) if getattr(x, "products", None)]
        choices = [None, None, *products]
        return self._rounded(f, other, fused=self.fmt.rng.choice(choices))[0]

    def __add__(self, other):
        return self._sum(lambda a, b: a + b, other)

    def __sub__(self, other):
        return self._sum(lambda a, b: a - b, other)

    def __rsub__(self, other):
        return self._sum(lambda a, b: b - a, other)

    def __mul__(self, other):
        result, result.products = self._rounded(lambda a, b: a * b, other)
        return result

    def __truediv__(self, other):
        return self._rounded(lambda a, b: a / b, other)[0]

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self):
        return Rounded([-x for x in self.items], self.fmt)

    def __pow__(self, n):
        """A C library's power errs by less than a unit: either neighbour of the exact one."""
        either = Format("float64", self.fmt.rng, either=True)
        return Rounded([either(x**n) for x in self.items], self.fmt)

    @staticmethod
    def sqrt(x):
        return x._rounded(root)[0]

    @staticmethod
    def maximum(x, y):
        return Rounded(list(map(max, x.items, y.items)), x.fmt)

    @staticmethod
    def minimum(x, y):
        return Rounded(list(map(min, x.items, y.items)), x.fmt)

    def __ge__(self, number):
        return [x >= number for x in self.items]

    @staticmethod
    def where(condition, x, y):
        rows = zip(condition, x.items, y.items, strict=True)
        return Rounded([a if yes else b for yes, a, b in rows], x.fmt)

    @staticmethod
    def full_like(x, value):
        item = value.items[0] if isinstance(value, Rounded) else Fraction(value)
        return Rounded([item] * len(x.items), x.fmt)


def simulate(dialect, case, seed, either=False):
    """The trajectory of a rule under random roundings, (T, n)."""
    rng = random.Random(seed)
    host, own = Format("float64", rng, either), Format(case.dtype, rng, either)

    def numbers(values, fmt):
        return Rounded([Fraction(x) for x in values], fmt)

    theta = numbers(case.theta0.tolist(), own)
    slots = [numbers([0] * len(theta.items), own) for _ in dialect.slots]
    hyper = {name: numbers([x], host) for name, x in case.hyper.items()}
    path = []
    etas = [numbers([x], host) for x in case.eta.tolist()]
    for t, g in enumerate(case.grads.tolist(), 1):
        before = etas[max(t - 2, 0)]
        s = dialect.scalars(hyper, t, etas[t - 1], before=before, sqrt=Rounded.sqrt)
        cast = [x if x is None else [own(Fraction(y)) for y in getattr(x, "items", [x])] for x in s]
        s = type(s)(*(x and Rounded(x, own) for x in cast))
        theta, slots = dialect.apply(theta, numbers(g, own), slots, s)
        path.append([float(x) for x in theta.items])
    return np.array(path)


# -- the envelope ------------------------------------------------------------------------------

EVERY = [d for clip in (False, True) for f in ("adam", "sgd") for d in candidates(f, clip=clip)]
every_dialect = st.sampled_from(EVERY)
signs = st.sampled_from([1, -1])
grains = st.builds(lambda m, e, s: s * m * 2.0**e, st.floats(1, 2), st.integers(-60, 30), signs)
beta = st.one_of(st.sampled_from([0.0, 0.5, 0.9, 0.999]), st.floats(0, 0.9999))
positive = st.one_of(st.floats(1e-8, 2), st.sampled_from([1e-3, 1.0, 2.0**-30]))
hypers = st.fixed_dictionaries(
    {"learning_rate": positive, "momentum": beta, "dampening": beta, "beta1": beta, "beta2": beta,
     "eps": st.one_of(st.just(0.0), positive), "weight_decay": st.one_of(st.just(0.0), positive),
     "clip": positive}
)  # fmt: skip


@st.composite
def any_case(draw):
    """A case with normal, subnormal and zero numbers."""
    dtype = draw(st.sampled_from(sorted(FORMATS)))
    tiny = draw(st.integers(-(2**20), 2**20).map(lambda k: k * 2.0 ** FORMATS[dtype][1]))
    number = st.one_of(st.just(0.0), st.just(tiny), st.floats(-4, 4), grains)
    T, n = draw(st.integers(1, 5)), draw(st.integers(1, 2))
    rows = st.lists(number, min_size=n, max_size=n)
    theta0 = np.array(draw(rows)).astype(dtype)
    grads = np.array(draw(st.lists(rows, min_size=T, max_size=T))).astype(dtype)
    eta = np.array(draw(st.lists(positive, min_size=T, max_size=T)))
    return Case("drawn", "any", dtype, theta0, grads, draw(hypers), eta)


@given(dialect=every_dialect, case=any_case(), seed=st.integers(0, 2**32))
def test_no_rounding_to_nearest_leaves_the_envelope(dialect, case, seed):
    found = enclose(dialect, case)
    try:
        got = simulate(dialect, case, seed)
    except ZeroDivisionError:  # a denominator that underflows: nothing can be certified
        assert not np.all(np.isfinite(found.radius))
        return
    ratio = found.ratio(got)
    assert np.all((ratio <= 1) | np.isnan(found.radius) | found.doubt)


def strong(dialect, dtype):
    """Cases of the suite in which every term counts."""
    names = ("exaggerated", "sparse", "bursts", "overshoot")
    suite = regimes("any", dialect, dtype)
    return [case for case in suite if case.id.partition("/")[0] in names]


SOME = EVERY[:: len(EVERY) // 8]


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("dialect", SOME, ids=range(len(SOME)))
def test_no_rounding_at_all_leaves_twice_the_envelope(dialect, dtype):
    small = 0.0
    for seed, case in enumerate(strong(dialect, dtype)):
        found, nearest = enclose(dialect, case), simulate(dialect, case, seed)
        assert np.all(np.isfinite(found.radius))
        assert np.nanmax(found.ratio(nearest)) <= 1  # no number where a mask is in doubt
        assert np.nanmax(found.ratio(simulate(dialect, case, seed, either=True))) <= 2
        shrunk = replace(found, radius=found.radius / 1000)
        small = max(small, np.nanmax(shrunk.ratio(nearest)))
    assert small > 4, "meta: this would not notice an envelope a thousand times too small"


def test_an_eps_that_is_0_in_float16_is_undecided_where_it_is_added_before_the_correction():
    """As Keras writes it, √v + ε is 0 without a gradient, and the step 0/0: no other formula."""
    found = dialect("adam", "keras")
    case = next(c for c in regimes("adam", found, "float16") if "underflow" in c.flags)
    assert np.float16(case.hyper["eps"]) == 0
    nothing = np.full(case.grads.shape, np.nan)
    assert np.all(np.isnan(enclose(found, case).ratio(nothing)))
    held = next(c for c in regimes("adam", found, "bfloat16") if "underflow" in c.flags)
    assert np.all(enclose(found, held).ratio(nothing) == np.inf)
