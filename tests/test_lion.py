"""The sign rules: enclosed, the same bits everywhere, told apart, their bugs named.

The truth is that of tests/by_hand/lion.py, in 50 digits.
"""

import numpy as np
import pytest
from by_hand.lion import by_hand
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from mpmath import mp, mpf

from wdref.backend import PLAIN, Leaf, load
from wdref.conventions import CONVENTIONS
from wdref.dialects import LionDialect
from wdref.engine.half_precision import Kernel
from wdref.oracle.cases.suite import regimes
from wdref.oracle.identify.candidates import candidates
from wdref.oracle.judge.enclosure import enclose

CLAIMS = ("lion", "tiger", "signum", "signsgd")
PLANS = ("exaggerated", "stop", "restart", "bursts", "sparse", "first")
PROGRAMS = [(convention, claim) for convention, claims in CONVENTIONS.items()
            for claim in CLAIMS if claim in claims]  # fmt: skip


def test_every_program_is_here():
    assert {convention for convention, _ in PROGRAMS} == {"paper", "optax", "keras", "mlx"}


def check(dialect, claim, dtype):
    """The exact path lies where the enclosure says; what is in doubt is little."""
    doubts = []
    with mp.workdps(50):
        for case in regimes(claim, dialect, dtype):
            if case.id.partition("/")[0] in PLANS:
                truth, path = enclose(dialect, case), by_hand(dialect, case)
                for (t, i), error in np.ndenumerate(truth.error):
                    exact = mpf(float(truth.high[t, i])) + mpf(float(truth.low[t, i]))
                    assert abs(path[t][i] - exact) <= mpf(float(error)) + mpf("1e-45")
                doubts += truth.doubt.ravel().tolist()
    assert doubts
    assert np.mean(doubts) < 0.02


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("convention", "claim"), PROGRAMS)
def test_by_hand(convention, claim, dtype):
    check(CONVENTIONS[convention][claim], claim, dtype)


@pytest.mark.parametrize("clip", [False, True])
def test_every_answer_by_hand(clip):
    for dialect in candidates("lion", clip=clip)[::3]:
        check(dialect, "lion", "float64")


def test_a_sign_that_roundings_decide_is_in_doubt():
    """Two gradients that cancel but for a rounding: no more is said of that coordinate."""
    dialect = LionDialect(sign="moment")
    case = next(c for c in regimes("signum", dialect, "float32") if c.id.startswith("first"))
    beta = case.hyper["beta2"]
    g = np.array([[1.0, 1.0, 0.0], [-beta, 1.0, 0.0], [1.0, 1.0, 0.0]], "float32")
    near = type(case)(**{**vars(case), "theta0": np.ones(3, "float32"), "grads": g,
                         "eta": np.ones(3)})  # fmt: skip
    assert enclose(dialect, near).doubt.tolist() == [[False] * 3, *[[True, False, False]] * 2]


values = st.floats(width=32) | st.sampled_from([0.0, -0.0, 1.0, np.inf, -np.inf, np.nan])
HYPER = {"learning_rate": 0.1, "beta1": 0.9, "beta2": 0.99, "weight_decay": 0.01, "clip": 0.5}


@pytest.mark.parametrize("name", ["numpy", "numba"])
@pytest.mark.parametrize("d", [*dict.fromkeys(CONVENTIONS[p][claim] for p, claim in PROGRAMS),
                               LionDialect("l2"), LionDialect("l2", "after", "moment", clip="sum")],
                         ids=str)  # fmt: skip
@settings(max_examples=15)
@given(data=st.data())
def test_same_bits(d, name, data, same_bits):
    if name == "numba":
        pytest.importorskip("numba", reason="the extra `fast` installs it")
    size, eta = data.draw(st.integers(0, 70)), data.draw(st.floats(0, 2))
    theta, g, *slots = (data.draw(hnp.arrays("float32", size, elements=values))
                        for _ in range(2 + len(d.slots)))  # fmt: skip
    leaf = Leaf(Kernel(d), theta, g, tuple(slots), d.scalars(HYPER, 3, eta))
    with np.errstate(all="ignore"):
        ((want, kept),), ((got, new),) = PLAIN.update([leaf]), load(name).update([leaf])
    for mine, theirs in zip((got, *new), (want, *kept), strict=True):
        same_bits(mine, theirs)


def test_the_paper_s_file_and_the_dialect_are_one():
    rng = np.random.default_rng(0)
    theta, g, m = rng.normal(size=(3, 50))
    for form in LionDialect.questions()["form"]:
        d = LionDialect(form=form)
        s = d.scalars(HYPER, 2, 0.5)
        (a, (b,)), (c, (e,)) = d.apply(theta, g, (m,), s), d.rule()(theta, g, (m,), s)
        assert (a.tobytes(), b.tobytes()) == (c.tobytes(), e.tobytes())
