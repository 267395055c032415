"""SM3: enclosed at every rank, the same bits in every library, told apart, among its programs.

The truth is that of tests/by_hand/sm3.py, in 50 digits.
"""

import numpy as np
import pytest
from by_hand.sm3 import by_hand
from family_runs import cases, check_contains, dialects
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import wdref
from wdref.backend import PLAIN, Leaf, load
from wdref.conventions import dialect
from wdref.engine.half_precision import Kernel
from wdref.oracle.cases.shapes import ranks
from wdref.oracle.cases.together import trajectories
from wdref.oracle.cases.trajectory import trajectory
from wdref.oracle.identify.candidates import candidates
from wdref.oracle.judge.enclosure import enclose
from wdref.oracle.judge.verdict import judge
from wdref.oracle.targets.targets import Result
from wdref.rules.sm3 import Sm3Dialect, sm3, sm3_dialect
from wdref.sums import alone

pytest.importorskip("flint", reason="needs wdref[oracle]")
DIALECTS = dialects("sm3")
H = {"learning_rate": 0.3, "momentum": 0.8, "beta2": 0.7, "eps": 0.2, "weight_decay": 0.4}
PLANS = ("exaggerated", "stop", "restart", "bursts", "sparse", "first", "eps-rules")


def shaped(d, dtype="float64"):
    """The cases of one tensor of two axes and more."""
    found = [case for case in ranks("sm3", d, dtype) if case.theta0.ndim > 1]
    assert {case.theta0.ndim for case in found} == {2, 3, 4}
    return found


def test_every_program_is_here():
    assert set(DIALECTS) == {"paper.sm3", "optax.sm3"}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", DIALECTS)
def test_by_hand(name, dtype):
    d = DIALECTS[name]
    found = cases(d, dtype, PLANS)
    assert len(found) == len(PLANS)
    for case in [*found, *(part for whole in shaped(d, dtype) for part in whole.parts())]:
        check_contains(d, case, by_hand)


@pytest.mark.parametrize("name", ["exaggerated", "sparse"])
def test_every_answer_by_hand(name):
    some = candidates("sm3")[::5]
    for question, answers in Sm3Dialect.questions().items():
        assert {getattr(d, question) for d in some} == set(answers)
    for d in some:
        (case,) = cases(d, names=(name,))
        check_contains(d, case, by_hand)


@given(hnp.arrays("float64", hnp.array_shapes(min_dims=0, max_dims=4, max_side=4),
                  elements=st.floats(0, 9)))  # fmt: skip
def test_the_slot_holds_every_slice_s_maximum(v):
    """min_r μ(r) beside each number, whose maximum over a slice is that slice's μ again."""
    found = wdref.sums.cover(v)
    assert found.shape == v.shape
    assert np.all(found >= v)
    for axis in range(v.ndim):
        others = tuple(k for k in range(v.ndim) if k != axis)
        np.testing.assert_array_equal(found.max(axis=others), v.max(axis=others))
    np.testing.assert_array_equal(wdref.sums.cover(found), found)


def test_of_several_tensors_at_a_time():
    v = np.random.default_rng(0).uniform(size=(3, 4, 5))
    found = wdref.sums.cover(v, batch=1)
    for whole, own in zip(found, v, strict=True):
        np.testing.assert_array_equal(whole, wdref.sums.cover(own))


@pytest.mark.parametrize("shape", [(), (0,), (7,), (3, 4), (0, 3), (2, 3, 4), (2, 1, 3, 2)])
@pytest.mark.parametrize("name", ["torch", "jax.numpy", "array_api_strict"])
def test_the_same_bits_in_every_library(name, shape, same_bits):
    """A maximum has no order: each library's own gives NumPy's bits."""
    xp = pytest.importorskip(name, reason="another library of arrays")
    v = np.random.default_rng(0).uniform(size=shape).astype("float32")
    same_bits(np.asarray(wdref.sums.cover(xp.asarray(v))), wdref.sums.cover(v))


@pytest.mark.parametrize("form", ["l2", "none", "paper"])
def test_the_paper_s_lines_are_the_dialect_s(form, same_bits):
    d = Sm3Dialect(form=form)
    assert d.rounds is sm3
    theta, g, m, v = np.random.default_rng(0).normal(size=(4, 5, 6))
    s = d.scalars(H, 3, 0.5)
    new, slots = alone(sm3, theta, g, (m, v * v), s)
    other, others = alone(sm3_dialect, d, theta, g, (m, v * v), s)
    for a, b in zip((new, *slots), (other, *others), strict=True):
        same_bits(a, b)


@pytest.mark.parametrize("name", ["numpy", "numba"])
@pytest.mark.parametrize("d", candidates("sm3")[::13], ids=str)
def test_same_bits(d, name, same_bits):
    if name == "numba":
        pytest.importorskip("numba", reason="the extra `fast` installs it")
    rng = np.random.default_rng(0)
    for shape in ((), (0,), (9,), (3, 5), (2, 3, 4)):
        theta, g, m, v = (rng.normal(size=shape).astype("float32") for _ in range(4))
        leaf = Leaf(Kernel(d), theta, g, (m, v * v), d.scalars(H, 2, 0.5))
        ((want, kept),), ((got, new),) = PLAIN.update([leaf]), load(name).update([leaf])
        for mine, theirs in zip((got, *new), (want, *kept), strict=True):
            same_bits(mine, theirs)


@pytest.mark.parametrize(("dtype", "apart"), [("float32", 1e3), ("float64", 1e5)])
def test_answers_are_apart(dtype, apart):
    """Any two functions differ on some case by far more than roundings allow of the one."""
    every = candidates("sm3")
    some = range(0, len(every), 7)
    nearest = {i: np.zeros(len(every)) for i in some}
    d = Sm3Dialect(squares="mean", eps="inside")  # which reads every hyperparameter
    for case in cases(d, dtype, names=("exaggerated", "bursts", "eps-rules")):
        values = trajectories(every, case).reshape(len(every), -1)
        for i in some:
            radius = enclose(every[i], case).radius.ravel()
            known = np.isfinite(radius) & (radius > 0)
            far = np.abs(values - values[i])[:, known] / radius[known]
            np.maximum(nearest[i], far.max(axis=1, initial=0.0), out=nearest[i])
    for i, far in nearest.items():
        far[i] = np.inf
        assert far.min() >= apart, (every[i], every[int(far.argmin())])


@pytest.mark.parametrize("wrong", ["element", "rows"])
def test_another_cover_deviates(wrong, monkeypatch):
    """Adagrad, which keeps each element's own; and the maxima of one axis alone."""
    covers = {"element": lambda v: v, "rows": lambda v: np.max(v, axis=-1, keepdims=True) + 0 * v}
    d = dialect("sm3")
    every = [case for case in shaped(d) if min(case.theta0.shape) > 1]
    right = [_result(d, case) for case in every]
    with monkeypatch.context() as patched:
        patched.setattr("wdref.sums.rounds.cover", covers[wrong])
        other = [_result(d, case) for case in every]
    for results, verdict in ((right, "conforms"), (other, "deviates")):
        found = {judge(d, *pair).verdict for pair in zip(every, results, strict=True)}
        assert found == {verdict}


def _result(d, case):
    (part,) = case.parts()
    return Result("ok", np.array([theta for theta, _ in trajectory(d, part)]))


def test_shards_exchange_no_cover():
    opt = wdref.SM3(learning_rate=0.5)
    params = {"w": np.ones((2, 2))}
    with pytest.raises(ValueError, match="sums of whole tensors and trees, not covers by slices"):
        opt.update(params, params, opt.init(params), exchange=lambda own: [own])


def test_optax_keeps_what_the_slot_s_maxima_are():
    jax, optax = (pytest.importorskip(x, reason="extra `frameworks`") for x in ("jax", "optax"))
    with jax.enable_x64(True):
        there, params = optax.sm3(0.125), jax.numpy.ones((2, 3, 4))
        state, opt = there.init(params), wdref.SM3.like("optax", learning_rate=0.125)
        mine = np.ones((2, 3, 4))
        own = opt.init(mine)
        for g in np.random.default_rng(0).normal(size=(4, 2, 3, 4)):
            updates, state = there.update(jax.numpy.asarray(g), state, params)
            params = optax.apply_updates(params, updates)
            mine, own = opt.update(mine, g, own)
        for axis, mu in enumerate(state[0].mu):
            others = tuple(k for k in range(3) if k != axis)
            np.testing.assert_array_equal(own.slots["v"].max(axis=others), mu)
        np.testing.assert_allclose(mine, params, rtol=1e-14)
