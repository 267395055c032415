"""RAdam: the rule against an evaluation by hand, its backends' bits, its dialects, its bugs."""

import importlib
from dataclasses import replace

import numpy as np
import pytest
from by_hand.radam import by_hand
from hypothesis import given
from hypothesis import strategies as st
from mpmath import isnan, mpf

from wdref.backend import PLAIN, Leaf, load
from wdref.conventions import CONVENTIONS
from wdref.engine.half_precision import Kernel
from wdref.oracle.cases.suite import regimes
from wdref.oracle.judge.enclosure import enclose
from wdref.rules.radam import RadamDialect, radam
from wdref.rules.registry import families

pytest.importorskip("flint", reason="needs wdref[oracle]")
FAMILY = families()["radam"]
ROWS = [(convention, claim.name) for convention in CONVENTIONS for claim in FAMILY.claims
        if claim.name in CONVENTIONS[convention]]  # fmt: skip
CASES = ("exaggerated", "stop", "restart", "bursts", "sparse", "first", "beta2-0", "no-decay")


@pytest.mark.parametrize(("convention", "claim"), ROWS)
def test_the_enclosure_contains_what_is_computed_by_hand(convention, claim):
    dialect = CONVENTIONS[convention][claim]
    compared = 0
    for case in regimes(claim, dialect, "float64"):
        if case.id.partition("/")[0] in CASES:
            truth = enclose(dialect, case)
            for t, row in enumerate(by_hand(dialect, case)):
                for i, x in enumerate(row):
                    compared += contains(truth, t, i, x)
    assert compared > 500


def contains(truth, t, i, x):
    """Whether there is a value; then it must be in the ball."""
    if isnan(x):  # the paper's 0/0: nothing may be certified there
        assert np.isnan(truth.error[t, i])
        return False
    exact = mpf(float(truth.high[t, i])) + mpf(float(truth.low[t, i]))
    assert abs(x - exact) <= mpf(float(truth.error[t, i])) + mpf("1e-45")
    return True


def test_the_cases_show_both_branches():
    """Some of the steps are rectified and some are not, for each threshold."""
    for threshold in ("over_4", "over_5"):
        d = RadamDialect(threshold=threshold, eps="hat")
        case = next(c for c in regimes("radam", d, "float64") if c.id.startswith("exaggerated"))
        steps = range(1, len(case.eta) + 1)
        assert {d.scalars(case.hyper, t, 1.0).plain for t in steps} == {0.0, 1.0}


@pytest.mark.parametrize(("convention", "claim"), ROWS)
def test_the_paper_s_lines_and_the_dialect_s_are_one_function(convention, claim, same_bits):
    d = CONVENTIONS[convention][claim]
    if d.order == "together":
        assert d.apply is radam
    for leaf in drawn(d, np.random.default_rng(1), 20):
        with np.errstate(all="ignore"):
            new, kept = d.rule()(leaf.theta, leaf.g, leaf.slots, leaf.scalars)
        for got, want in zip((new, *kept), evaluated(leaf), strict=True):
            same_bits(got, want)


BACKENDS = {"numpy": "wdref.backends.numpy", "numba": "wdref.backends.numba.backend"}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("convention", "claim"), ROWS)
@given(seed=st.integers(0, 2**32))
def test_same_bits(convention, claim, backend, seed, same_bits):
    if backend == "numba":
        pytest.importorskip("numba", reason="the extra `fast` installs it")
    importlib.import_module(BACKENDS[backend])
    for leaf in drawn(CONVENTIONS[convention][claim], np.random.default_rng(seed), 1):
        ((theta, slots),) = load(backend).update([leaf])
        for got, want in zip((theta, *slots), evaluated(leaf), strict=True):
            same_bits(got, want)


def drawn(d, rng, count):
    """Leaves with any bits, at any t and β2: before and after the rectification begins."""
    for _ in range(count):
        dtype = np.dtype(rng.choice(["float32", "float64"]))
        bits = [rng.bytes(dtype.itemsize * 67) for _ in range(4)]
        arrays = [np.frombuffer(x, dtype).copy() for x in bits]
        h = {"learning_rate": rng.uniform(), "beta1": rng.uniform(), "weight_decay": rng.uniform(),
             "beta2": float(rng.choice([0.0, 0.7, 0.9, 0.999])), "eps": rng.uniform()}  # fmt: skip
        t = int(rng.choice([1, 2, 5, 6, 7, 20, 1000]))
        yield Leaf(Kernel(d), *arrays[:2], tuple(arrays[2:]), d.scalars(h, t, rng.uniform()))


def evaluated(leaf):
    with np.errstate(all="ignore"):
        ((theta, slots),) = PLAIN.update([leaf])
    return theta, *slots


def test_at_least_5_is_more_than_5():
    """Of a binary fraction β2 no ρ_t is 5: the two are one function, in the plainest words."""
    d = RadamDialect(threshold="from_5")
    assert d.plain() == replace(d, threshold="over_5")
