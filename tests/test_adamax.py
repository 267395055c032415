"""Adamax: against a second evaluation, on every backend, against its known bugs, in languages."""

import numpy as np
import pytest
from by_hand.adamax import by_hand
from family_runs import cases, check_bits, check_contains, dialects, leaves
from hypothesis import given, settings
from hypothesis import strategies as st

import wdref
from wdref.oracle.identify.candidates import candidates
from wdref.rules.adamax import AdamaxDialect, adamax, adamax_dialect

pytest.importorskip("flint", reason="needs wdref[oracle]")
DIALECTS = dialects("adamax")


@pytest.mark.parametrize("name", DIALECTS)
def test_the_enclosure_contains_what_is_computed_by_hand(name):
    d = DIALECTS[name]
    for case in cases(d):
        check_contains(d, case, by_hand)


@pytest.mark.parametrize("clip", [False, True])
def test_so_it_does_for_answers_of_no_program(clip):
    for d in candidates("adamax", clip=clip)[::7]:
        (case,) = cases(d, names=("exaggerated",))
        check_contains(d, case, by_hand)


@pytest.mark.parametrize("form", ["none", "l2", "paper"])
def test_the_paper_s_lines_are_the_dialect_s(form, same_bits):
    d = AdamaxDialect(form=form)
    assert d.apply is adamax
    h = {"learning_rate": 0.3, "beta1": 0.8, "beta2": 0.7, "weight_decay": 0.4}
    theta, g, m, u = np.random.default_rng(0).normal(size=(4, 50))
    s = d.scalars(h, 3, 0.5)
    new, slots = adamax(theta, g, (m, abs(u)), s)
    other, others = adamax_dialect(d, theta, g, (m, abs(u)), s)
    for a, b in zip((new, *slots), (other, *others), strict=True):
        same_bits(a, b)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", DIALECTS)
@settings(max_examples=20)
@given(data=st.data())
def test_same_bits(name, dtype, data, same_bits):
    check_bits(data.draw(leaves(DIALECTS[name], dtype)), same_bits)


def test_an_eps_that_nothing_reads_is_refused():
    with pytest.raises(ValueError, match="Adamax reads no eps"):
        wdref.Adamax(eps=1e-3)
    assert wdref.Adamax(eps=1e-3, answers={"eps": "out"}).hyper["eps"] == 1e-3
    assert wdref.Adamax.like("pytorch").hyper["eps"] == 1e-8


def test_before_the_first_gradient_there_is_no_number():
    """The paper's 0/0; with an ε the parameter stands still."""
    params, g = {"w": np.ones(1)}, {"w": np.zeros(1)}
    for answers, moved in (({}, np.nan), ({"eps": "num"}, 1.0), ({"eps": "old"}, 1.0)):
        opt = wdref.Adamax(answers=answers, weight_decay=0.0)
        with np.errstate(invalid="ignore"):
            new, _ = opt.update(params, g, opt.init(params))
        np.testing.assert_array_equal(new["w"], [moved])
