"""RMSprop: every program's dialect against mpmath, its bits, its bugs, what is printed of it."""

import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from by_hand.rmsprop import by_hand
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from mpmath import mp, mpf

from wdref.backend import PLAIN, Leaf, load
from wdref.conventions import conventions
from wdref.engine.half_precision import Kernel
from wdref.oracle.cases.suite import regimes
from wdref.oracle.identify.candidates import candidates
from wdref.oracle.judge.enclosure import enclose
from wdref.rules.rmsprop import FAMILY, RMSpropDialect

pytest.importorskip("flint", reason="needs wdref[oracle]")
shared = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("command_runs.py"))))
target, wdref = shared.target, shared.wdref

CASES = ("exaggerated", "stop", "restart", "bursts", "sparse", "first", "rho-0", "initial-0")
CLAIMS = [pytest.param(claim, convention, id=f"{convention} {claim}")
          for convention, claims in conventions().items()
          for claim in claims if claim in {c.name for c in FAMILY.claims}]  # fmt: skip
DIALECTS = sorted({conventions()[c.values[1]][c.values[0]].answered(centered=centered)
                   for c in CLAIMS for centered in (False, True)}, key=repr)  # fmt: skip


def chosen(d, dtype="float64", names=CASES):
    return [c for c in regimes("rmsprop", d, dtype) if c.id.partition("/")[0] in names]


def assert_encloses(d, case):
    truth = enclose(d, case)
    for t, row in enumerate(by_hand(d, case)):
        for i, x in enumerate(row):
            if np.isfinite(truth.error[t, i]):
                exact = mpf(float(truth.high[t, i])) + mpf(float(truth.low[t, i]))
                # what mpmath's own 50 digits may lose on the way
                assert abs(x - exact) <= mpf(float(truth.error[t, i])) + mpf(10) ** -44


@pytest.mark.parametrize(("claim", "convention"), CLAIMS)
def test_enclosures_contain_what_is_computed_by_hand(claim, convention):
    for centered in (False, True):
        d = conventions()[convention][claim].answered(centered=centered)
        for case in chosen(d):
            assert_encloses(d, case)


def test_so_they_do_under_every_answer():
    for d in candidates("rmsprop")[::29]:
        assert_encloses(d, chosen(d, names=("exaggerated",))[0])


@pytest.mark.parametrize("d", DIALECTS, ids=str)
def test_numpy_lies_within_its_envelope(d):
    for dtype in ("float64", "float32"):
        for case in chosen(d, dtype):
            theta, path = case.theta0, []
            slots = tuple(np.full_like(theta, x) for x in d.starts(case.hyper))
            for t, (g, eta) in enumerate(zip(case.grads, case.eta.tolist(), strict=True), start=1):
                s = d.scalars(case.hyper, t, eta, before=float(case.eta[max(t - 2, 0)]))
                theta, slots = d.apply(theta, g, slots, s)
                path.append(theta)
            ratio = enclose(d, case).ratio(np.array(path, "float64"))
            assert np.nanmax(ratio, initial=0.0) <= 1


def test_a_difference_that_may_be_below_zero_is_in_doubt():
    """At ρ = 0 the variance is 0: rounded, and √ of it no number, it may be anything below."""
    for eps, open_ in (("outside", True), ("inside", False)):
        d = RMSpropDialect("none", eps=eps, centered=True)
        (case,) = chosen(d, "float32", ("rho-0",))
        truth = enclose(d, case)
        assert np.all(truth.doubt == open_)
        assert np.all(np.isfinite(truth.radius))
    d = RMSpropDialect("l2", eps="outside", centered=True)  # elsewhere nothing is in doubt
    assert not np.any(enclose(d, *chosen(d, "float32", ("exaggerated",))).doubt)


def values(dtype):
    width = 8 * np.dtype(dtype).itemsize
    return st.floats(width=width) | st.sampled_from([0.0, -0.0, 1.0, np.inf, -np.inf, np.nan])


numbers = st.floats(0, 1e6) | st.sampled_from([0.0, 1e-8, 0.1])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("d", DIALECTS, ids=str)
@settings(max_examples=20)
@given(data=st.data())
def test_backends_give_the_bits_of_the_plain_rule(d, dtype, data, same_bits):
    size = data.draw(st.integers(0, 70))
    count = 2 + len(d.slots)
    arrays = [data.draw(hnp.arrays(dtype, size, elements=values(dtype))) for _ in range(count)]
    h = {name: data.draw(numbers) for name in d.hyper}
    s = d.scalars(h, *data.draw(st.tuples(st.integers(1, 10**6), numbers)), before=0.5)
    leaf = Leaf(Kernel(d), arrays[0], arrays[1], tuple(arrays[2:]), s)
    with np.errstate(all="ignore"):
        ((theta, slots),) = PLAIN.update([leaf])
        for name in ("numpy", "numba"):
            ((got, got_slots),) = load(name).update([leaf])
            for x, want in zip((got, *got_slots), (theta, *slots), strict=True):
                same_bits(x, want)


def test_by_hand_has_digits_enough():
    assert mp.dps >= 50
