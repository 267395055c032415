"""NAdam: the rule against an evaluation by hand, its backends' bits, its dialects, its bugs."""

import importlib
from dataclasses import replace

import numpy as np
import pytest
from by_hand.nadam import by_hand
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mpf

import wdref
from wdref.backend import PLAIN, Leaf, load
from wdref.conventions import CONVENTIONS
from wdref.engine.half_precision import Kernel
from wdref.oracle.cases.suite import regimes
from wdref.oracle.judge.enclosure import enclose
from wdref.rules.nadam import NadamDialect, nadam
from wdref.rules.registry import families

pytest.importorskip("flint", reason="needs wdref[oracle]")
FAMILY = families()["nadam"]
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
    exact = mpf(float(truth.high[t, i])) + mpf(float(truth.low[t, i]))
    assert abs(x - exact) <= mpf(float(truth.error[t, i])) + mpf("1e-45")
    return True


@pytest.mark.parametrize("ramp", ["psi", "whole"])
def test_the_product_is_handed_on(ramp):
    """Step by step it has the bits that it has when a step is asked for alone."""
    opt = wdref.NAdam(answers={"ramp": ramp})
    walked = [opt.scalars(t) for t in range(1, 41)]
    for t in (40, 7, 7, 8, 1, 23):
        assert wdref.NAdam(answers={"ramp": ramp}).scalars(t) == opt.scalars(t) == walked[t - 1]


@pytest.mark.parametrize(("convention", "claim"), ROWS)
def test_the_paper_s_lines_and_the_dialect_s_are_one_function(convention, claim, same_bits):
    d = CONVENTIONS[convention][claim]
    assert (d.apply is nadam) == (d.second == "beta2")
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
    """Leaves with any bits, at any t."""
    for _ in range(count):
        dtype = np.dtype(rng.choice(["float32", "float64"]))
        bits = [rng.bytes(dtype.itemsize * 67) for _ in range(4)]
        arrays = [np.frombuffer(x, dtype).copy() for x in bits]
        h = {"learning_rate": rng.uniform(), "beta1": rng.uniform(), "weight_decay": rng.uniform(),
             "beta2": float(rng.choice([0.0, 0.7, 0.999])), "eps": rng.uniform(),
             "psi": rng.uniform()}  # fmt: skip
        t = int(rng.choice([1, 2, 5, 6, 7, 20, 1000]))
        yield Leaf(Kernel(d), *arrays[:2], tuple(arrays[2:]), d.scalars(h, t, rng.uniform()))


def evaluated(leaf):
    with np.errstate(all="ignore"):
        ((theta, slots),) = PLAIN.update([leaf])
    return theta, *slots


def test_a_constant_mu_is_beta1():
    d = NadamDialect(ramp="none")
    assert d.plain() == replace(d, average="beta1")
