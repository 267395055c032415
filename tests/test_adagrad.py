"""Adagrad: every program's dialect against mpmath, its bits, its bugs, what is printed of it."""

import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from by_hand.adagrad import by_hand
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
from wdref.rules.adagrad import FAMILY, AdagradDialect

pytest.importorskip("flint", reason="needs wdref[oracle]")
shared = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("command_runs.py"))))
target, wdref = shared.target, shared.wdref

CASES = ("exaggerated", "stop", "restart", "bursts", "sparse", "first", "initial-0", "annealing-0")
CLAIMS = [pytest.param(claim, convention, id=f"{convention} {claim}")
          for convention, claims in conventions().items()
          for claim in claims if claim in {c.name for c in FAMILY.claims}]  # fmt: skip
DIALECTS = sorted({conventions()[c.values[1]][c.values[0]] for c in CLAIMS}, key=repr)


def chosen(d, dtype="float64", names=CASES):
    return [c for c in regimes("adagrad", d, dtype) if c.id.partition("/")[0] in names]


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
    d = conventions()[convention][claim]
    for case in chosen(d):
        assert_encloses(d, case)


def test_so_they_do_under_every_answer():
    for d in candidates("adagrad"):
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


def test_where_v_is_zero_a_guard_holds_the_step():
    """ε = 0 and no gradient: optax stays where Keras divides 0 by 0."""
    theta, zero = np.ones(2), np.zeros(2)
    for eps, kept in (("guarded", True), ("inside", False)):
        d = AdagradDialect("none", eps=eps)
        s = d.scalars({"learning_rate": 1.0, "eps": 0.0, "weight_decay": 0.0}, 1, 1.0)
        with np.errstate(invalid="ignore"):
            new, _ = d.apply(theta, zero, (zero,), s)
        assert np.array_equal(new, theta) is kept


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
    arrays = [data.draw(hnp.arrays(dtype, size, elements=values(dtype))) for _ in range(3)]
    h = {name: data.draw(numbers) for name in d.hyper}
    eta, before, t = data.draw(st.tuples(numbers, numbers, st.integers(1, 10**6)))
    leaf = Leaf(Kernel(d), arrays[0], arrays[1], (arrays[2],), d.scalars(h, t, eta, before=before))
    with np.errstate(all="ignore"):
        ((theta, (v,)),) = PLAIN.update([leaf])
        for name in ("numpy", "numba"):
            ((got, (got_v,)),) = load(name).update([leaf])
            same_bits(got, theta)
            same_bits(got_v, v)


def test_by_hand_has_digits_enough():
    assert mp.dps >= 50
