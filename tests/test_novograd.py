"""NovoGrad: enclosed, the same bits everywhere, told apart, its bugs named, among its programs.

The truth is that of tests/by_hand/novograd.py, in 50 digits.
"""

import numpy as np
import pytest
from by_hand.novograd import by_hand
from family_runs import cases, check_contains, dialects

import wdref
from wdref.backend import PLAIN, Leaf, load
from wdref.conventions import dialect
from wdref.engine.half_precision import Kernel
from wdref.oracle.cases.suite import brief
from wdref.oracle.cases.together import trajectories
from wdref.oracle.identify.candidates import candidates
from wdref.oracle.judge.enclosure import enclose
from wdref.oracle.judge.verdict import judge
from wdref.oracle.targets.targets import Result
from wdref.rules.novograd import NovogradDialect, novograd, novograd_dialect
from wdref.sums import alone

pytest.importorskip("flint", reason="needs wdref[oracle]")
DIALECTS = dialects("novograd")
H = {"learning_rate": 0.3, "beta1": 0.8, "beta2": 0.7, "eps": 0.2, "weight_decay": 0.4}


def test_every_program_is_here():
    assert set(DIALECTS) == {f"{name}.novograd" for name in ("paper", "optax", "tf_addons")}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("answers", [{}, {"averaging": "all", "start": "again"},
                                     {"moment": "raw", "averaging": "all", "form": "lr",
                                      "bias": "both"}], ids=["paper", "timm", "apex"])  # fmt: skip
def test_by_hand(answers, dtype):
    d = dialect("novograd", **answers)
    found = cases(d, dtype)
    assert len(found) == 6
    for case in found:
        check_contains(d, case, by_hand)


@pytest.mark.parametrize("name", ["exaggerated", "sparse"])
def test_every_answer_by_hand(name):
    some = candidates("novograd")[::11]  # prime to the answers of each question
    for question, answers in NovogradDialect.questions().items():
        assert {getattr(d, question) for d in some} == set(answers)
    for d in some:
        (case,) = cases(d, names=(name,))
        check_contains(d, case, by_hand)


@pytest.mark.parametrize("shape", [(), (1,), (3, 4), (2, 3, 2)])
def test_the_norm_is_the_whole_tensor_s(shape):
    """v after a step of gradients of 3 is nine times their number."""
    opt = wdref.NovoGrad(learning_rate=0.5, weight_decay=0.0)
    params = {"a": np.ones(shape), "b": np.ones(7)}
    _, state = opt.update(params, {"a": np.full(shape, 3.0), "b": np.ones(7)}, opt.init(params))
    assert state.slots["v"]["a"].shape == state.slots["v"]["b"].shape == ()
    assert float(state.slots["v"]["a"]) == 9.0 * np.prod(shape)
    assert float(state.slots["v"]["b"]) == 7.0


def test_the_first_step_is_one_of_length_alpha():
    """v_1 = ‖g‖², so that g/√v has length 1, whatever β1 and β2 are."""
    opt = wdref.NovoGrad(learning_rate=0.5, weight_decay=0.0, eps=0.0)
    params = {"w": np.zeros(2)}
    new, _ = opt.update(params, {"w": np.array([30.0, -40.0])}, opt.init(params))
    np.testing.assert_allclose(new["w"], [-0.3, 0.4], rtol=1e-15)


@pytest.mark.parametrize("start", ["first", "again", "zero"])
def test_what_a_quiet_first_step_leaves(start):
    """After gradients of 0 v is 0: who begins "again" takes the whole norm then."""
    d, zero = NovogradDialect("none", start=start), np.zeros(2)
    m, v, g = zero, 0.0, np.array([3.0, 4.0])
    for t, row in enumerate((zero, g), start=1):
        _, (m, v) = d.apply(zero, row, (m, v), d.scalars(H, t, 1.0))
    assert v == pytest.approx(25.0 if start == "again" else 0.3 * 25.0, rel=1e-15)


@pytest.mark.parametrize("form", ["moment", "none"])
@pytest.mark.parametrize("answers", [{}, {"start": "zero"}, {"eps": "later"}], ids=str)
def test_the_paper_s_lines_are_the_dialect_s(form, answers, same_bits):
    d = NovogradDialect(form=form, **answers)
    assert d.rounds is novograd
    theta, g, m = np.random.default_rng(0).normal(size=(3, 50))
    for t in (1, 2):
        s = d.scalars(H, t, 0.5)
        new, (kept, v) = alone(novograd, theta, g, (m, 2.5), s)
        other, (others, w) = alone(novograd_dialect, d, theta, g, (m, 2.5), s)
        same_bits(new, other)
        same_bits(kept, others)
        assert v == w


@pytest.mark.parametrize("name", ["numpy", "numba"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("d", [*dict.fromkeys(DIALECTS.values()), *candidates("novograd")[::401]],
                         ids=str)  # fmt: skip
def test_same_bits(d, name, dtype, same_bits):
    if name == "numba":
        pytest.importorskip("numba", reason="the extra `fast` installs it")
    rng = np.random.default_rng(0)
    for size in (0, 1, 7, 300):
        theta, g, m = rng.normal(size=(3, size)).astype(dtype)
        for t in (1, 2):
            slots = (m, np.array(2.5, dtype))
            leaf = Leaf(Kernel(d), theta, g, slots, d.scalars(H, t, 0.5))
            ((want, kept),), ((got, new),) = PLAIN.update([leaf]), load(name).update([leaf])
            for mine, theirs in zip((got, *new), (want, *kept), strict=True):
                same_bits(mine, theirs)


@pytest.mark.parametrize(("dtype", "apart"), [("float32", 1e3), ("float64", 1e5)])
def test_answers_are_apart(dtype, apart):
    """Any two functions differ on some case by far more than roundings allow of the one."""
    every = candidates("novograd")
    some = range(0, len(every), 101)
    nearest = {i: np.zeros(len(every)) for i in some}
    d = dialect("novograd")
    for case in cases(d, dtype, names=("exaggerated", "bursts", "sparse")):
        values = trajectories(every, case).reshape(len(every), -1)
        for i in some:
            radius = enclose(every[i], case).radius.ravel()
            known = np.isfinite(radius) & (radius > 0)
            far = np.abs(values - values[i])[:, known] / radius[known]
            far = np.where(np.isnan(far), np.inf, far)  # no number is far from every number
            np.maximum(nearest[i], far.max(axis=1, initial=0.0), out=nearest[i])
    for i, far in nearest.items():
        same = [_no_first_gradient_is_0(every[i], d) for d in every]
        assert np.all((far >= apart) | same), (every[i], every[int(far.argmin())])


def _no_first_gradient_is_0(a, b):
    """With an L2 term no first gradient of the suite is 0, where "again" is not "first"."""
    begun = [d.answered(start="first") if d.start == "again" else d for d in (a, b)]
    return a == b or (a.form == "l2" and begun[0] == begun[1])


def test_a_norm_of_the_tree_is_no_norm_of_the_tensor():
    """What one norm over two tensors computes deviates."""
    d = dialect("novograd")
    case = next(c for c in brief("novograd", d, "float64") if "tensors" in c.flags)
    right = [np.array([x for x, _ in _path(d, part)]) for part in case.parts()]
    assert judge(d, case, Result("ok", right)).verdict == "conforms"
    wrong = [np.array([x for x, _ in _path(d, part, 2.0)]) for part in case.parts()]
    assert judge(d, case, Result("ok", wrong)).verdict == "deviates"


def _path(d, case, scale=1.0):
    theta, slots = case.theta0.copy(), (np.zeros_like(case.theta0), 0.0)
    for t, (g, eta) in enumerate(zip(case.grads, case.eta.tolist(), strict=True), start=1):
        s = d.scalars(case.hyper, case.count_at(t), eta)
        rounds = d.rounds(theta, g, slots, s)
        (asked,) = next(rounds)
        try:
            rounds.send((scale * float(np.sum(asked.terms)),))
        except StopIteration as end:
            theta, slots = end.value
        yield theta, slots


def test_a_run_begun_in_optax_goes_on_here():
    jax, optax = (pytest.importorskip(x, reason="extra `frameworks`") for x in ("jax", "optax"))
    grads = np.random.default_rng(0).normal(size=(9, 2, 3))
    with jax.enable_x64(True):
        there, params = optax.novograd(0.125, weight_decay=0.25), jax.numpy.ones((2, 3))
        state, mine, own = there.init(params), None, None
        opt = wdref.NovoGrad.like("optax", learning_rate=0.125, weight_decay=0.25)
        for t, g in enumerate(grads):
            if t == 4:
                mine = np.array(params)
                own = wdref.states.load(opt, mine, state, "optax")
            updates, state = there.update(jax.numpy.asarray(g), state, params)
            params = optax.apply_updates(params, updates)
            if own is not None:
                mine, own = opt.update(mine, g, own)
        np.testing.assert_allclose(mine, params, rtol=1e-14)
