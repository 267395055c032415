"""Prodigy: enclosed, also as a tree of many tensors; the same bits everywhere; told apart.

The truth is that of tests/by_hand/prodigy.py, in 50 digits.
"""

from dataclasses import replace

import numpy as np
import pytest
from by_hand.prodigy import by_hand
from by_hand.trees import apart, bits_of, check, tree_cases

import wdref
from wdref.conventions import CONVENTIONS
from wdref.dialects import ProdigyDialect
from wdref.oracle.cases.suite import regimes
from wdref.oracle.cases.trajectory import of_tree
from wdref.oracle.identify.candidates import candidates
from wdref.oracle.judge.enclosure import enclose
from wdref.oracle.judge.verdict import judge
from wdref.oracle.targets.targets import Result
from wdref.sums import alone

PLANS = ("exaggerated", "stop", "restart", "bursts", "sparse", "first", "pauses", "beta2-0")
PROGRAMS = [name for name, claims in CONVENTIONS.items() if "prodigy" in claims]


def test_every_program_is_here():
    assert set(PROGRAMS) == {"paper", "prodigyopt", "optax"}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("convention", PROGRAMS)
def test_by_hand(convention, dtype):
    dialect = CONVENTIONS[convention]["prodigy"]
    check(dialect, by_hand, [c for c in regimes("prodigy", dialect, dtype)
                             if c.id.partition("/")[0] in PLANS])  # fmt: skip


def test_every_answer_by_hand():
    some = candidates("prodigy")
    assert len(some) > 300
    for dialect in some[::7]:
        check(dialect, by_hand, [c for c in regimes("prodigy", dialect, "float64")
                                 if c.id.startswith(("exaggerated", "bursts"))])  # fmt: skip


@pytest.mark.parametrize("convention", PROGRAMS)
def test_trees_by_hand(convention):
    """Several tensors share r, ‖s‖_1 and d, also those that come late or have no gradient."""
    dialect = CONVENTIONS[convention]["prodigy"]
    cases = tree_cases("prodigy", dialect, "float64")
    assert {c.id.partition("/")[0] for c in cases} == {"tensors-empty-last", "groups", "late",
                                                        "gaps"}  # fmt: skip
    check(dialect, by_hand, cases)


def test_a_tree_is_not_its_tensors():
    """In two tensors the same columns go another way than alone: d is that of both."""
    dialect = CONVENTIONS["paper"]["prodigy"]
    case = next(c for c in tree_cases("prodigy", dialect, "float64") if c.id.startswith("late"))
    part = case.parts()[0]
    alone_ = enclose(dialect, part.__class__(**{**vars(part), "whole": None}))
    both = enclose(dialect, part)
    assert np.max(np.abs(alone_.high - both.high) / both.radius) > 1e6


def test_a_tensor_in_two_parts_is_the_same_tree():
    rng = np.random.default_rng(0)
    opt = wdref.Prodigy(weight_decay=0.1, distance=0.1)
    theta, grads = rng.normal(size=7), rng.normal(size=(6, 7))
    whole, split = {"a": theta}, {"a": theta[:3], "b": theta[3:]}
    one, two = opt.init(whole), opt.init(split)
    for g in grads:
        whole, one = opt.update(whole, {"a": g}, one)
        split, two = opt.update(split, {"a": g[:3], "b": g[3:]}, two)
    assert whole["a"].tobytes() == np.concatenate([split["a"], split["b"]]).tobytes()
    assert one.slots["d"]["a"] == two.slots["d"]["a"] == two.slots["d"]["b"] > 0.1


@pytest.mark.parametrize("form", ["adapted", "none"])
def test_the_paper_s_file_and_the_dialect_are_one(form):
    rng = np.random.default_rng(0)
    theta, g, *slots = rng.normal(size=(6, 50))
    slots[3] = slots[3] ** 2
    h = {"learning_rate": 0.5, "beta1": 0.9, "beta2": 0.99, "eps": 0.1, "distance": 0.1,
         "coefficient": 1.5, "weight_decay": 0.25}  # fmt: skip
    for bias in ("none", "rate"):
        d = ProdigyDialect(form=form, bias=bias)
        given = (theta, g, (*slots, 0.25, 0.5), d.scalars(h, 2, 0.5))
        (a, kept), (b, new) = d.apply(*given), alone(d.rule(), *given)
        assert a.tobytes() == b.tobytes()
        assert [np.asarray(x).tobytes() for x in kept] == [np.asarray(x).tobytes() for x in new]


def test_where_it_began_is_a_copy():
    params = {"w": np.array([1.0, 2.0], "float32")}
    opt = wdref.Prodigy(weight_decay=0.0)
    state = opt.init(params)
    assert state.slots["theta0"]["w"] is not params["w"]
    opt.step(params, {"w": np.ones(2, "float32")}, state)
    assert state.slots["theta0"]["w"].tolist() == [1.0, 2.0]
    assert params["w"][0] < 1.0


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_same_bits(backend, same_bits):
    if backend == "numba":
        pytest.importorskip("numba", reason="the extra `fast` installs it")
    bits_of(wdref.Prodigy, backend, same_bits, distance=0.05, bias="rate")


def test_no_gradient_anywhere_leaves_the_distance():
    opt = wdref.Prodigy(weight_decay=0.5, distance=0.5)
    params = {"w": np.array([2.0])}
    new, state = opt.update(params, {"w": np.zeros(1)}, opt.init(params))
    assert (new["w"][0], state.slots["d"]["w"]) == (1.5, 0.5)


def test_a_gradient_that_is_no_number_puts_the_whole_tree_in_doubt():
    dialect = CONVENTIONS["paper"]["prodigy"]
    case = next(c for c in tree_cases("prodigy", dialect, "float64") if c.id.startswith("gaps"))
    grads = [x.copy() for x in case.grads]
    grads[1][4, 2] = np.nan  # step 5, of a tensor that has none at steps 2, 3 and 6
    spoiled = case.__class__(**{**vars(case), "grads": grads})
    first, second, third = (enclose(dialect, part) for part in spoiled.parts())
    for found, taken in ((first, [0, 1, 2, 3, 4, 5, 6, 7]), (third, [0, 1, 2, 4, 5, 6])):
        assert found.doubt.all(axis=1).tolist() == [t >= 4 for t in taken]
        assert not found.broken.any()
    assert second.broken[:, 2].tolist() == [False, False, True, True, True]


def test_dialects_are_apart():
    """Any two differ by 1,000 radii somewhere: none is taken for another."""
    apart("prodigy", candidates("prodigy")[::5], ProdigyDialect())


def test_an_adapted_decay_is_converted_to_itself_alone():
    same = wdref.convert("prodigy", "prodigyopt", "prodigyopt", weight_decay=0.1)
    assert "weight_decay=0.1" in same.line
    with pytest.raises(wdref.decay.NoConversion, match="eps is 'old' here and 'new' there"):
        wdref.convert("prodigy", "paper", "prodigyopt", weight_decay=0.1)
    with pytest.raises(wdref.decay.NoConversion, match="what the rule itself makes of the tensors"):
        wdref.decay.rewrite(wdref.decay.Setting("adapted", 1.0, 0.1), "lr", rule="prodigy")
    with pytest.raises(wdref.decay.NoConversion, match="from order 'together' to 'after'"):
        wdref.decay.rewrite(
            wdref.decay.Setting("adapted", 1.0, 0.1), "adapted", order="after", rule="prodigy"
        )


def test_what_explains_a_distance_is_tried_on_the_tree():
    """One number in float32 moves the tensors that do not read it, too: all are explained."""
    dialect = CONVENTIONS["paper"]["prodigy"]
    case = next(c for c in tree_cases("prodigy", dialect, "float64") if c.id.startswith("gaps"))
    for name in ("coefficient", "eps", "weight_decay"):
        own = {**case.hyper, name: case.hyper[name] + 1e-3}
        exact = replace(case, hyper=own)
        single = replace(case, hyper={**own, name: float(np.float32(own[name]))})
        values = filled(exact, of_tree(dialect, single))
        found = judge(dialect, exact, Result("ok", values))
        assert (found.verdict, found.message) == ("imprecise", f"{name} in float32")
        other = filled(
            exact, of_tree(dialect, replace(case, hyper={**own, name: own[name] * 1.01}))
        )
        assert judge(dialect, exact, Result("ok", other)).verdict == "deviates"


def filled(case, path):
    """The rows of every step: a tensor stands where it has no gradient."""
    whole = []
    for i, rows in enumerate(path):
        taken, last, own = case.steps_taken(i), case.theta0[i], iter(rows)
        every = []
        for t in range(len(case.eta)):
            last = next(own) if t in taken else last
            every.append(last)
        whole.append(np.array(every))
    return whole
