"""MARS: enclosed, the same bits everywhere, told apart, its bugs named.

The truth is that of tests/by_hand/mars.py, in 50 digits.
"""

from functools import partial
from itertools import product

import numpy as np
import printed_runs
import pytest
from by_hand.mars import by_hand
from family_runs import cases, check_contains, dialects
from programs import needed

import wdref
from wdref.backend import PLAIN, Leaf, load
from wdref.backends.printers.listing import listing
from wdref.conventions import dialect
from wdref.engine.half_precision import Kernel
from wdref.oracle.bugs.gallery import gallery
from wdref.oracle.cases.suite import brief
from wdref.oracle.cases.together import trajectories
from wdref.oracle.identify.candidates import candidates
from wdref.oracle.judge.enclosure import enclose
from wdref.oracle.judge.verdict import judge
from wdref.oracle.targets.targets import Result
from wdref.rules.mars import MarsDialect, mars, mars_dialect
from wdref.sums import alone

pytest.importorskip("flint", reason="needs wdref[oracle]")
DIALECTS = dialects("mars")
PROGRAMS = ("paper", "authors_code", "timm", "pytorch_optimizer", "mlx_optimizers")
# gradients of norms above 1 and below, in the first step too, with schedules that pause
APART = ("exaggerated", "overshoot", "pauses", "bursts", "graded", "shrinking")
H = {"learning_rate": 0.3, "beta1": 0.8, "beta2": 0.7, "eps": 0.2, "gamma": 0.3,
     "weight_decay": 0.4}  # fmt: skip
BUGS = ("alias", "clip", "recursive", "square", "fused-kept", "fused-bias", "l2-late")


def test_every_program_is_here():
    assert set(DIALECTS) == {f"{name}.{claim}" for name in PROGRAMS for claim in
                             ("mars", "marslion")}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("d", dict.fromkeys(DIALECTS.values()), ids=str)
def test_by_hand(d, dtype):
    some = cases(d, dtype)
    assert len(some) == 6
    for case in some:
        check_contains(d, case, by_hand)


@pytest.mark.parametrize("name", ["exaggerated", "overshoot", "shrinking"])
def test_every_answer_by_hand(name):
    some = candidates("mars")[::13]  # prime to the answers of each question
    for question, answers in MarsDialect.questions().items():
        assert {getattr(d, question) for d in some} == set(answers)
    for d in some:
        (case,) = cases(d, names=(name,))
        check_contains(d, case, by_hand)


@pytest.mark.parametrize("shape", [(), (1,), (3, 4), (2, 3, 2)])
def test_the_norm_is_the_whole_tensor_s(shape):
    """n equal numbers of norm 1 are 1/√n each, whatever they were, and whatever is beside them."""
    opt = wdref.MARS(learning_rate=1.0, weight_decay=0.0, betas=(0.0, 0.0))
    params = {"a": np.zeros(shape), "b": np.zeros(7)}
    grads = {name: np.full(x.shape, 8.0) for name, x in params.items()}
    _, state = opt.update(params, grads, opt.init(params))
    for name, m in state.slots["m"].items():
        np.testing.assert_allclose(m, 1 / np.sqrt(m.size), rtol=1e-15)
        np.testing.assert_array_equal(state.slots["last"][name], 8.0)


@pytest.mark.parametrize(("start", "c"), [("first", 0.25), ("zero", 0.375)])
def test_the_first_step_s_correction(start, c):
    """γ β1/(1-β1) is 1/2: what the first gradient is corrected by is itself, or half of it."""
    opt = wdref.MARS(learning_rate=1.0, weight_decay=0.0, betas=(0.5, 0.5), gamma=0.5, start=start)
    params = {"w": np.zeros(2)}
    _, state = opt.update(params, {"w": np.full(2, 0.25)}, opt.init(params))
    np.testing.assert_array_equal(state.slots["m"]["w"], 0.5 * c)
    np.testing.assert_array_equal(state.slots["v"]["w"], 0.5 * c * c)


@pytest.mark.parametrize(("of_mars", "other"), [
    (partial(wdref.MARS, betas=(0.9, 0.99), eps=1e-3),
     partial(wdref.AdamW, betas=(0.9, 0.99), eps=1e-3, form="lr")),
    (partial(wdref.MARSLion, beta1=0.9), partial(wdref.Tiger, beta2=0.9)),
], ids=["adamw", "tiger"])  # fmt: skip
def test_without_a_correction_it_is_what_it_is_named_for(of_mars, other, same_bits):
    """γ = 0 and norms below 1 leave the gradient as it is."""
    rng = np.random.default_rng(0)
    common = {"learning_rate": 0.1, "weight_decay": 0.1}
    mine, theirs = of_mars(**common, gamma=0.0), other(**common)
    left = right = {"w": rng.normal(size=5)}
    own, others = mine.init(left), theirs.init(right)
    for _ in range(8):
        grads = {"w": rng.uniform(-0.4, 0.4, size=5)}
        left, own = mine.update(left, grads, own)
        right, others = theirs.update(right, grads, others)
        same_bits(left["w"], right["w"])


@pytest.mark.parametrize("method", ["update", "step"])
@pytest.mark.parametrize("backend", ["plain", "numpy", "numba"])
@pytest.mark.parametrize("make", [partial(wdref.MARS, weight_decay=0.0),
                                  partial(wdref.Rprop, answers={"turn": "through"})],
                         ids=["mars", "rprop"])  # fmt: skip
def test_the_gradient_that_is_kept_is_no_reference(make, backend, method):
    """Who writes the next gradient into the same array changes no state: timm's Mars had that."""
    if backend == "numba":
        pytest.importorskip("numba", reason="the extra `fast` installs it")
    opt = make(learning_rate=0.1, backend=backend)
    params, grads = {"w": np.ones(5)}, {"w": np.arange(5.0)}
    state = opt.init(params)
    if method == "step":
        state = opt.step(params, grads, state)
    else:
        _, state = opt.update(params, grads, state)
    grads["w"][...] = 7.0
    np.testing.assert_array_equal(state.slots["last"]["w"], np.arange(5.0))


def test_only_one_sum_is_asked():
    """A step that clips asks once, for a sum of squares; one that does not is elementwise."""
    d = DIALECTS["paper.mars"]
    theta = np.ones((2, 3))
    rounds = d.rounds(theta, theta, (theta, theta, theta), d.scalars(H, 2, 1.0))
    (total,) = next(rounds)
    assert np.all(total.terms >= 0)
    with pytest.raises(StopIteration):
        rounds.send((6.0,))
    assert d.scope == "tensor"
    assert d.answered(norm="none").scope == "element"


@pytest.mark.parametrize("form", ["lr", "paper", "fixed", "corrected", "none"])
@pytest.mark.parametrize("answers", [{}, {"eps": "hat"}, {"start": "zero"}], ids=str)
def test_the_paper_s_lines_are_the_dialect_s(form, answers, same_bits):
    d = MarsDialect(form=form, **answers)
    assert d.rounds is mars
    theta, g, m, v, last = np.random.default_rng(0).normal(size=(5, 50))
    for t in (1, 2):
        s = d.scalars(H, t, 0.5)
        new, kept = alone(mars, theta, g, (m, v * v, last), s)
        other, others = alone(mars_dialect, d, theta, g, (m, v * v, last), s)
        for mine, theirs in zip((new, *kept), (other, *others), strict=True):
            same_bits(mine, theirs)


def slots_of(d, m, v, last):
    return (m, last) if d.direction == "sign" else (m, v * v, last)


@pytest.mark.parametrize("name", ["numpy", "numba"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("d", [*dict.fromkeys(DIALECTS.values()), *candidates("mars")[::149]],
                         ids=str)  # fmt: skip
def test_same_bits(d, name, dtype, same_bits):
    if name == "numba":
        pytest.importorskip("numba", reason="the extra `fast` installs it")
    rng = np.random.default_rng(0)
    for size in (0, 1, 7, 300):
        theta, g, *kept = rng.normal(size=(5, size)).astype(dtype)
        for t in (1, 2):
            leaf = Leaf(Kernel(d), theta, g, slots_of(d, *kept), d.scalars(H, t, 0.5))
            ((want, slots),), ((got, new),) = PLAIN.update([leaf]), load(name).update([leaf])
            for mine, theirs in zip((got, *new), (want, *slots), strict=True):
                same_bits(mine, theirs)


@pytest.mark.parametrize(("dtype", "apart"), [("float32", 1e3), ("float64", 1e5)])
def test_answers_are_apart(dtype, apart):
    """Any two functions differ on some case by far more than roundings allow of the one."""
    every = candidates("mars")
    some = range(0, len(every), 7)
    nearest = {i: np.zeros(len(every)) for i in some}
    for case in cases(dialect("mars"), dtype, names=APART):
        values = trajectories(every, case).reshape(len(every), -1)
        for i in some:
            radius = enclose(every[i], case).radius.ravel()
            known = np.isfinite(radius) & (radius > 0)
            far = np.abs(values - values[i])[:, known] / radius[known]
            far = np.where(np.isnan(far), np.inf, far)  # no number is far from every number
            np.maximum(nearest[i], far.max(axis=1, initial=0.0), out=nearest[i])
    for i, far in nearest.items():
        others = [j for j in range(len(every)) if j != i]
        assert np.all(far[others] >= apart), (every[i], every[others[int(far[others].argmin())]])


def test_a_norm_of_the_tree_is_no_norm_of_the_tensor():
    """What clips two tensors by one norm deviates."""
    d = dialect("mars")
    case = next(c for c in brief("mars", d, "float64") if "tensors" in c.flags)
    right = [_path(d, part) for part in case.parts()]
    assert judge(d, case, Result("ok", right)).verdict == "conforms"
    wrong = [_path(d, part, 4.0) for part in case.parts()]
    assert judge(d, case, Result("ok", wrong)).verdict == "deviates"


def _path(d, case, scale=1.0):
    theta, slots, path = case.theta0.copy(), (np.zeros_like(case.theta0),) * 3, []
    for t, (g, eta) in enumerate(zip(case.grads, case.eta.tolist(), strict=True), start=1):
        rounds = d.rounds(theta, g, slots, d.scalars(case.hyper, case.count_at(t), eta))
        (total,) = next(rounds)
        try:
            rounds.send((scale * float(np.sum(total.terms)),))
        except StopIteration as end:
            theta, slots = end.value
        path.append(theta)
    return np.array(path)


@pytest.mark.parametrize("language", ["cc", "rustc", "node"])
def test_printed_programs_keep_the_gradient_too(language, tmp_path, same_bits):
    compiler = needed(language)
    programs = [printed_runs.Program(f"rule{i}", listing(d, dtype))
                for i, (d, dtype) in enumerate(product(
                    [*DIALECTS.values(), MarsDialect(norm="none", square="gradient")],
                    printed_runs.C))]  # fmt: skip
    rng, jobs = np.random.default_rng(0), []
    for program, t in product(programs, (1, 3)):
        times = {"t": t, "eta": 0.5, "eta_before": 0.5}
        theta, g, *kept = rng.normal(size=(5, 7)).astype(program.listing.dtype)
        slots = slots_of(program.listing.dialect, *kept)
        jobs.append((program, (theta, g, *slots), H, times))
    if language == "node":
        results = printed_runs.run_node(jobs, tmp_path)
    else:
        build = partial(printed_runs.compile_c, compiler=compiler)
        library = (build if language == "cc" else printed_runs.compile_rust)(programs, tmp_path)
        results = [printed_runs.call(library, *job) for job in jobs]
    for (program, (theta, g, *slots), h, times), (got, _, *new) in zip(jobs, results, strict=True):
        d = program.listing.dialect
        want, kept = d.apply(theta, g, tuple(slots), d.scalars(h, times["t"], 0.5))
        for mine, theirs in zip((got, *new), (want, *kept), strict=True):
            same_bits(mine, theirs)


def test_its_bugs_are_others():
    mutants = [m for m in gallery("paper") if m.id.startswith("mars-")]
    assert {m.id for m in mutants} == {f"mars-{x}" for x in BUGS}
    for mutant in mutants:
        (case,) = cases(mutant.claim, names=("shrinking",))
        got = trajectories([mutant.rule], case)[0]
        assert judge(mutant.claim, case, Result("ok", got)).verdict == "deviates"


def test_half_precision_keeps_the_gradient_too():
    """bfloat16 is computed in float32; a gradient of norm 4 is clipped to 1/2 each."""
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="the extra `half` installs it")
    opt = wdref.MARS(learning_rate=0.5, weight_decay=0.0, betas=(0.5, 0.5), eps=0.0)
    params = {"w": np.zeros(4, ml_dtypes.bfloat16)}
    grads = {"w": np.full(4, 2.0, ml_dtypes.bfloat16)}
    state = opt.step(params, grads, opt.init(params))
    np.testing.assert_array_equal(params["w"].astype(float), -0.5)
    np.testing.assert_array_equal(state.slots["m"]["w"].astype(float), 0.25)
    np.testing.assert_array_equal(state.slots["last"]["w"].astype(float), 2.0)
