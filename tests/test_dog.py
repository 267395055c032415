"""DoG and DoWG: enclosed, also as a tree of many tensors; the same bits everywhere; told apart.

The truth is that of tests/by_hand/dog.py, in 50 digits.
"""

import numpy as np
import pytest
from by_hand.dog import by_hand
from by_hand.trees import apart, bits_of, check, tree_cases

import wdref
from wdref.conventions import CONVENTIONS
from wdref.dialects import DogDialect
from wdref.oracle.cases.suite import regimes
from wdref.oracle.identify.candidates import candidates
from wdref.sums import alone

PLANS = ("exaggerated", "stop", "restart", "bursts", "sparse", "first", "pauses", "rate-2",
         "shrinking", "awakening")  # fmt: skip
PROGRAMS = [(name, claim) for name, claims in CONVENTIONS.items()
            for claim in ("dog", "dowg") if claim in claims]  # fmt: skip


def test_every_program_is_here():
    assert {name for name, _ in PROGRAMS} == {"paper", "optax"}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("convention", "claim"), PROGRAMS)
def test_by_hand(convention, claim, dtype):
    dialect = CONVENTIONS[convention][claim]
    check(dialect, by_hand, [c for c in regimes(claim, dialect, dtype)
                             if c.id.partition("/")[0] in PLANS])  # fmt: skip


def test_every_answer_by_hand():
    some = candidates("dog")
    assert len(some) > 150
    for dialect in some[::5]:
        check(dialect, by_hand, [c for c in regimes("dog", dialect, "float64")
                                 if c.id.startswith(("exaggerated", "rate-2"))])  # fmt: skip


@pytest.mark.parametrize(("convention", "claim"), PROGRAMS)
def test_trees_by_hand(convention, claim):
    """Several tensors share the distance and the gradients seen."""
    dialect = CONVENTIONS[convention][claim]
    check(dialect, by_hand, tree_cases(claim, dialect, "float64"))


def test_a_tensor_in_two_parts_is_the_same_tree():
    rng = np.random.default_rng(0)
    theta, grads = rng.normal(size=7), np.abs(rng.normal(size=(9, 7)))
    for opt in (wdref.DoG(weight_decay=0.1, distance=0.1, learning_rate=2.0),
                wdref.DoWG(weight_decay=0.1, distance=0.1, learning_rate=2.0)):  # fmt: skip
        whole, split = {"a": theta}, {"a": theta[:3], "b": theta[3:]}
        one, two = opt.init(whole), opt.init(split)
        for g in grads:
            whole, one = opt.update(whole, {"a": g}, one)
            split, two = opt.update(split, {"a": g[:3], "b": g[3:]}, two)
        assert whole["a"].tobytes() == np.concatenate([split["a"], split["b"]]).tobytes()
        assert one.slots["r"]["a"] == two.slots["r"]["a"] == two.slots["r"]["b"] > 0.2


@pytest.mark.parametrize("claim", ["dog", "dowg"])
@pytest.mark.parametrize("form", ["l2", "none"])
def test_the_papers_files_and_the_dialect_are_one(claim, form):
    rng = np.random.default_rng(0)
    theta, g, theta0 = rng.normal(size=(3, 50))
    h = {"learning_rate": 0.5, "eps": 0.1, "distance": 0.1, "weight_decay": 0.25}
    d = CONVENTIONS["paper"][claim].answered(form=form)
    given = (theta, g, (theta0, 0.25, 0.5), d.scalars(h, 2, 0.5))
    (a, kept), (b, new) = d.apply(*given), alone(d.rule(), *given)
    assert a.tobytes() == b.tobytes()
    assert [np.asarray(x).tobytes() for x in kept] == [np.asarray(x).tobytes() for x in new]


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("name", ["DoG", "DoWG"])
def test_same_bits(backend, name, same_bits):
    if backend == "numba":
        pytest.importorskip("numba", reason="the extra `fast` installs it")
    bits_of(getattr(wdref, name), backend, same_bits, distance=0.05, learning_rate=2.0)


def test_without_a_gradient_and_ε_nothing_moves():
    opt = wdref.DoG(weight_decay=0.0, distance=0.5, eps=0.0)
    params = {"w": np.array([2.0])}
    assert opt.update(params, {"w": np.zeros(1)}, opt.init(params))[0]["w"].tolist() == [2.0]


def test_dialects_are_apart():
    """Any two differ by 1,000 radii somewhere: none is taken for another."""
    apart("dog", candidates("dog")[::5], DogDialect(), plans=("exaggerated", "rate-2", "shrinking"))
