"""D-Adaptation: enclosed, also as a tree of many tensors; the same bits everywhere; told apart.

The truth is that of tests/by_hand/dadapt.py, in 50 digits.
"""

import numpy as np
import pytest
from by_hand.dadapt import by_hand
from by_hand.trees import apart, bits_of, check, tree_cases

import wdref
from wdref.conventions import CONVENTIONS
from wdref.dialects import DAdaptDialect
from wdref.oracle.cases.suite import regimes
from wdref.oracle.identify.candidates import candidates
from wdref.sums import alone

PLANS = ("exaggerated", "stop", "restart", "bursts", "sparse", "first", "pauses", "beta2-0")
PROGRAMS = [name for name, claims in CONVENTIONS.items() if "dadaptadamw" in claims]


def test_every_program_is_here():
    assert set(PROGRAMS) == {"paper", "dadaptation", "optax"}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("convention", PROGRAMS)
def test_by_hand(convention, dtype):
    dialect = CONVENTIONS[convention]["dadaptadamw"]
    check(dialect, by_hand, [c for c in regimes("dadaptadamw", dialect, dtype)
                             if c.id.partition("/")[0] in PLANS])  # fmt: skip


def test_every_answer_by_hand():
    some = candidates("dadapt")
    assert len(some) > 90
    for dialect in some[::3]:
        check(dialect, by_hand, [c for c in regimes("dadaptadamw", dialect, "float64")
                                 if c.id.startswith(("exaggerated", "bursts"))])  # fmt: skip


@pytest.mark.parametrize("convention", PROGRAMS)
def test_trees_by_hand(convention):
    """Several tensors share r, ‖s‖_1 and d, also those that come late or have no gradient."""
    dialect = CONVENTIONS[convention]["dadaptadamw"]
    check(dialect, by_hand, tree_cases("dadaptadamw", dialect, "float64"))


def test_a_tensor_in_two_parts_is_the_same_tree():
    rng = np.random.default_rng(0)
    opt = wdref.DAdaptAdamW(weight_decay=0.1, distance=0.1)
    theta, grads = rng.normal(size=7), np.abs(rng.normal(size=(6, 7)))
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
    theta, g, *slots = rng.normal(size=(5, 50))
    slots[2] = slots[2] ** 2
    h = {"learning_rate": 0.5, "beta1": 0.9, "beta2": 0.99, "eps": 0.1, "distance": 0.1,
         "weight_decay": 0.25}  # fmt: skip
    for bias in ("none", "rate"):
        d = DAdaptDialect(form=form, bias=bias)
        given = (theta, g, (*slots, 0.25, 0.5), d.scalars(h, 2, 0.5))
        (a, kept), (b, new) = d.apply(*given), alone(d.rule(), *given)
        assert a.tobytes() == b.tobytes()
        assert [np.asarray(x).tobytes() for x in kept] == [np.asarray(x).tobytes() for x in new]


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_same_bits(backend, same_bits):
    if backend == "numba":
        pytest.importorskip("numba", reason="the extra `fast` installs it")
    bits_of(wdref.DAdaptAdamW, backend, same_bits, distance=0.05, bias="rate", metric="old")


def test_dialects_are_apart():
    """Any two differ by 1,000 radii somewhere: none is taken for another."""
    apart("dadaptadamw", candidates("dadapt")[::3], DAdaptDialect())
