"""Rprop: enclosed, the same bits everywhere, its bug named.

The truth is that of tests/by_hand/rprop.py, in 50 digits.
"""

import numpy as np
import pytest
from by_hand.rprop import by_hand
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from mpmath import mp, mpf

from wdref.backend import PLAIN, Leaf, load
from wdref.conventions import CONVENTIONS
from wdref.dialects import RpropDialect
from wdref.engine.half_precision import Kernel
from wdref.oracle.cases.suite import regimes
from wdref.oracle.identify.candidates import candidates
from wdref.oracle.judge.enclosure import enclose

PLANS = ("exaggerated", "stop", "restart", "bursts", "sparse", "first", "alternating", "rate-0",
         "rate-2")  # fmt: skip
PROGRAMS = ("paper", "pytorch", "paddle", "optax")


def test_every_program_is_here():
    assert {name for name, claims in CONVENTIONS.items() if "rprop" in claims} == set(PROGRAMS)


def check(dialect, dtype):
    """The exact path lies where the enclosure says; what is in doubt is little."""
    doubts = []
    with mp.workdps(50):
        for case in regimes("rprop", dialect, dtype):
            if case.id.partition("/")[0] in PLANS:
                truth, path = enclose(dialect, case), by_hand(dialect, case)
                for (t, i), error in np.ndenumerate(truth.error):
                    exact = mpf(float(truth.high[t, i])) + mpf(float(truth.low[t, i]))
                    assert abs(path[t][i] - exact) <= mpf(float(error)) + mpf("1e-45"), case.id
                doubts += truth.doubt.ravel().tolist()
    assert doubts
    assert np.mean(doubts) < 0.02


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("convention", PROGRAMS)
def test_by_hand(convention, dtype):
    check(CONVENTIONS[convention]["rprop"], dtype)


@pytest.mark.parametrize("clip", [False, True])
def test_every_answer_by_hand(clip):
    for dialect in candidates("rprop", clip=clip)[::5]:
        check(dialect, "float64")


values = st.floats(width=32) | st.sampled_from([0.0, -0.0, 1.0, np.inf, -np.inf, np.nan])
HYPER = {"learning_rate": 0.1, "shrink": 0.6, "grow": 1.5, "smallest": 0.05, "largest": 0.5,
         "weight_decay": 0.01, "clip": 0.5}  # fmt: skip
SOME = [*dict.fromkeys(CONVENTIONS[p]["rprop"] for p in PROGRAMS),
        RpropDialect("l2", turn="revert", bounded="both"),
        RpropDialect("lr", "after", "through", clip="gradient")]  # fmt: skip


@pytest.mark.parametrize("name", ["numpy", "numba"])
@pytest.mark.parametrize("d", SOME, ids=str)
@settings(max_examples=15)
@given(data=st.data())
def test_same_bits(d, name, data, same_bits):
    if name == "numba":
        pytest.importorskip("numba", reason="the extra `fast` installs it")
    size, eta = data.draw(st.integers(0, 70)), data.draw(st.floats(0, 2))
    theta, g, *slots = (data.draw(hnp.arrays("float32", size, elements=values)) for _ in range(4))
    leaf = Leaf(Kernel(d), theta, g, tuple(slots), d.scalars(HYPER, 3, eta))
    with np.errstate(all="ignore"):
        ((want, kept),), ((got, new),) = PLAIN.update([leaf]), load(name).update([leaf])
    for mine, theirs in zip((got, *new), (want, *kept), strict=True):
        same_bits(mine, theirs)


def test_the_paper_s_file_and_the_dialect_are_one():
    rng = np.random.default_rng(0)
    theta, g, last = rng.normal(size=(3, 50))
    given, d = (last, rng.uniform(0.05, 0.6, 50)), RpropDialect()
    s = d.scalars(HYPER, 2, 0.5)
    (a, kept), (b, other) = d.apply(theta, g, given, s), d.rule()(theta, g, given, s)
    assert [x.tobytes() for x in (a, *kept)] == [x.tobytes() for x in (b, *other)]
