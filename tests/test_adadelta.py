"""Adadelta: against a second evaluation, on every backend, against its known bugs, in languages."""

import numpy as np
import pytest
from by_hand.adadelta import by_hand
from family_runs import cases, check_bits, check_contains, dialects, leaves
from hypothesis import given, settings
from hypothesis import strategies as st

import wdref
from wdref.oracle.identify.candidates import candidates
from wdref.rules.adadelta import AdadeltaDialect, adadelta, adadelta_dialect

pytest.importorskip("flint", reason="needs wdref[oracle]")
DIALECTS = dialects("adadelta")


@pytest.mark.parametrize("name", DIALECTS)
def test_the_enclosure_contains_what_is_computed_by_hand(name):
    d = DIALECTS[name]
    for case in cases(d):
        check_contains(d, case, by_hand)


@pytest.mark.parametrize("clip", [False, True])
def test_so_it_does_for_answers_of_no_program(clip):
    for d in candidates("adadelta", clip=clip)[::5]:
        (case,) = cases(d, names=("exaggerated",))
        check_contains(d, case, by_hand)


@pytest.mark.parametrize("form", ["none", "l2", "paper"])
def test_the_paper_s_lines_are_the_dialect_s(form, same_bits):
    d = AdadeltaDialect(form=form)
    assert d.apply is adadelta
    h = {"learning_rate": 0.3, "rho": 0.8, "eps": 0.2, "weight_decay": 0.4}
    theta, g, v, u = np.random.default_rng(0).normal(size=(4, 50))
    s = d.scalars(h, 3, 0.5)
    new, slots = adadelta(theta, g, (v * v, u * u), s)
    other, others = adadelta_dialect(d, theta, g, (v * v, u * u), s)
    for a, b in zip((new, *slots), (other, *others), strict=True):
        same_bits(a, b)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", DIALECTS)
@settings(max_examples=20)
@given(data=st.data())
def test_same_bits(name, dtype, data, same_bits):
    check_bits(data.draw(leaves(DIALECTS[name], dtype)), same_bits)


def test_without_an_eps_nothing_ever_moves():
    """√0/√v is 0: what starts a run is ε alone."""
    params = {"w": np.array([1.0, -2.0])}
    for eps, moves in ((0.0, False), (1e-6, True)):
        opt = wdref.Adadelta(eps=eps)
        new, _ = opt.update(params, {"w": np.array([4.0, 0.5])}, opt.init(params))
        assert np.all(new["w"] != params["w"]) == moves


def test_the_rate_is_no_part_of_the_average():
    params, g = {"w": np.ones(3)}, {"w": np.arange(1.0, 4.0)}
    kept = [wdref.Adadelta(learning_rate=rate) for rate in (1.0, 1e-3)]
    slots = [opt.update(params, g, opt.init(params))[1].slots["u"]["w"] for opt in kept]
    np.testing.assert_array_equal(*slots)
