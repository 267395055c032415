"""ASGD: enclosed, its average too, the same bits everywhere, its bugs named.

The truth is that of tests/by_hand/asgd.py, in 50 digits.
"""

import numpy as np
import printed_runs
import pytest
from by_hand.asgd import by_hand
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from mpmath import mp, mpf
from programs import needed

import wdref
from wdref.backend import PLAIN, Leaf, load
from wdref.backends.printers.printing import print_rule
from wdref.conventions import CONVENTIONS
from wdref.dialects import AsgdDialect
from wdref.engine.half_precision import Kernel
from wdref.oracle.cases.suite import regimes
from wdref.oracle.identify.candidates import candidates
from wdref.oracle.judge.enclosure import enclose

pytest.importorskip("flint", reason="needs wdref[oracle]")
PLANS = ("exaggerated", "stop", "restart", "bursts", "sparse", "first", "no-decay", "rate-0",
         "rate-2", "penalty-0", "exponent-0", "onset-0")  # fmt: skip
PROGRAMS = ("paper", "pytorch")


def plans(dialect, dtype="float64"):
    return [c for c in regimes("asgd", dialect, dtype) if c.id.partition("/")[0] in PLANS]


def test_every_program_is_here():
    assert {name for name, claims in CONVENTIONS.items() if "asgd" in claims} == set(PROGRAMS)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("convention", PROGRAMS)
def test_by_hand(convention, dtype):
    check(CONVENTIONS[convention]["asgd"], dtype)


@pytest.mark.parametrize("clip", [False, True])
def test_every_answer_by_hand(clip):
    for dialect in candidates("asgd", clip=clip)[::7]:
        check(dialect, "float64")


def check(dialect, dtype):
    """The exact path lies where the enclosure says."""
    cases = plans(dialect, dtype)
    assert len(cases) > 6
    with mp.workdps(50):
        for case in cases:
            truth, (path, _) = enclose(dialect, case), by_hand(dialect, case)
            for (t, i), error in np.ndenumerate(truth.error):
                exact = mpf(float(truth.high[t, i])) + mpf(float(truth.low[t, i]))
                assert abs(path[t][i] - exact) <= mpf(float(error)) + mpf("1e-45"), case.id


@pytest.mark.parametrize("convention", PROGRAMS)
def test_the_average_by_hand(convention):
    """No step reads it: it is followed here, on balls, step by step."""
    d, exact = CONVENTIONS[convention]["asgd"], load("exact")
    moved = 0
    with mp.workdps(50):
        for case in plans(d):
            averages = by_hand(d, case)[1]
            for t, average in enumerate(followed(exact, d, case)):
                for x, ball in zip(averages[t], average, strict=True):
                    near = mpf(ball.mid().str(60, radius=False))
                    assert abs(x - near) <= mpf(ball.rad().str(20, radius=False)) + mpf("1e-45")
                moved += t > 0 and averages[t] != averages[t - 1]
    assert moved > 20


def followed(exact, d, case):
    """Yield the balls of the average after each step."""
    theta, slots = case.theta0.tolist(), [[0.0] * len(case.theta0)]
    eta = case.eta.tolist()
    for t, g in enumerate(case.grads.tolist(), start=1):
        s = exact.scalars(d, dict(case.hyper), t, eta[t - 1], before=eta[max(t - 2, 0)])
        theta, slots = exact.step(d, theta, g, slots, s)
        yield slots[0]


def test_the_average_begins_as_the_iterate():
    """μ = 1 copies θ, bit by bit, also over what the average held."""
    d, rng = AsgdDialect("l2"), np.random.default_rng(0)
    h = {"learning_rate": 0.3, "penalty": 0.1, "exponent": 0.75, "onset": 4.0, "weight_decay": 0.1}
    theta, g, average = rng.normal(size=(3, 50)).astype("float32")
    for t in (1, 2, 6):
        theta, (average,) = d.apply(theta, g, (average,), d.scalars(h, t, 1.0))
        assert average.tobytes() == theta.tobytes()
    theta, (average,) = d.apply(theta, g, (average,), d.scalars(h, 7, 1.0))
    assert average.tobytes() != theta.tobytes()


def test_torch_keeps_the_same_average():
    """On powers of two, where nothing is rounded; λ_d = 0 makes the rate one."""
    torch = pytest.importorskip("torch", reason="the extra `frameworks` installs it")
    theta = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    theirs = torch.optim.ASGD([theta], lr=0.5, lambd=0.0, t0=1.0)
    ours = wdref.ASGD.like("pytorch", learning_rate=0.5, penalty=0.0, onset=1.0)
    params = {"w": np.array([1.0, -2.0], "float32")}
    state = ours.init(params)
    for t in range(1, 5):  # μ is 1, 1, 1, 1/2
        g = np.array([t, -0.25], "float32")
        theta.grad = torch.tensor(g)
        theirs.step()
        params, state = ours.update(params, {"w": g}, state)
        assert np.array_equal(theirs.state[theta]["ax"].numpy(), state.slots["average"]["w"])


values = st.floats(width=32) | st.sampled_from([0.0, -0.0, 1.0, np.inf, -np.inf, np.nan])
HYPER = {"learning_rate": 0.1, "penalty": 0.5, "exponent": 0.75, "onset": 2.0,
         "weight_decay": 0.01, "clip": 0.5}  # fmt: skip
SOME = [*(CONVENTIONS[p]["asgd"] for p in PROGRAMS), AsgdDialect("l2", raised="count", clip="sum"),
        AsgdDialect("lr", "after", "all", clip="gradient")]  # fmt: skip


@pytest.mark.parametrize("name", ["numpy", "numba"])
@pytest.mark.parametrize("d", SOME, ids=str)
@settings(max_examples=15)
@given(data=st.data())
def test_same_bits(d, name, data, same_bits):
    if name == "numba":
        pytest.importorskip("numba", reason="the extra `fast` installs it")
    size, eta = data.draw(st.integers(0, 70)), data.draw(st.floats(0, 2))
    theta, g, average = (data.draw(hnp.arrays("float32", size, elements=values)) for _ in range(3))
    leaf = Leaf(
        Kernel(d), theta, g, (average,), d.scalars(HYPER, data.draw(st.integers(1, 9)), eta)
    )
    with np.errstate(all="ignore"):
        ((want, kept),), ((got, new),) = PLAIN.update([leaf]), load(name).update([leaf])
    for mine, theirs in zip((got, *new), (want, *kept), strict=True):
        same_bits(mine, theirs)


@pytest.mark.parametrize("form", ["l2", "lr", "none"])
def test_the_paper_s_file_and_the_dialect_are_one(form):
    d = AsgdDialect(form, raised="count", schedule="late")
    theta, g, average = np.random.default_rng(0).normal(size=(3, 50))
    s = d.scalars(HYPER, 5, 0.5)
    (a, kept), (b, other) = d.apply(theta, g, (average,), s), d.rule()(theta, g, (average,), s)
    assert [x.tobytes() for x in (a, *kept)] == [x.tobytes() for x in (b, *other)]


def test_in_javascript(tmp_path, same_bits):
    """Where λ_d is 0 the rate is α: no engine has another power of 1."""
    needed("node")
    h = {**HYPER, "penalty": 0.0}
    rng, jobs = np.random.default_rng(0), []
    for p in [p for p in printed_runs.Program.all() if p.listing.dialect.family == "asgd"]:
        arrays = [*rng.normal(size=(3, 40)).astype(p.listing.dtype)]
        jobs += [(p, arrays, h, {"t": t, "eta": 0.3, "eta_before": 0.7}) for t in (1, 2, 7)]
    assert len(jobs) == 12
    for (p, arrays, _, times), found in zip(
        jobs, printed_runs.run_node(jobs, tmp_path), strict=True
    ):
        d, (theta, g, average) = p.listing.dialect, arrays
        before = times["eta_before"] if times["t"] > 1 else None
        s = d.scalars(h, times["t"], times["eta"], before=before)
        new, kept = d.apply(theta, g, (average,), s)
        for got, want in zip(found, (new, g, *kept), strict=True):
            same_bits(got, want)


def test_a_rate_that_is_late_is_converted_where_it_is_constant():
    found = wdref.convert("asgd", "pytorch", "paper", lr=0.1, lambd=0.01, weight_decay=0.1)
    assert found.exact
    assert {"penalty": 0.01, "weight_decay": 0.1, "onset": 1e6}.items() <= found.hyper.items()
    with pytest.raises(ValueError, match="schedule is 'late' here and 'now' there"):
        wdref.convert("asgd", "pytorch", "paper", lr=0.1, schedule=wdref.schedules.cosine(9))


def test_a_power_of_a_sum_is_printed_as_one():
    assert r"\left(1 + \lambda_d" in print_rule("asgd", "latex")
