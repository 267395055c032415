"""StableAdamW: enclosed, the same bits everywhere, told apart, its bugs named.

The truth is that of tests/by_hand/stableadamw.py, in 50 digits.
"""

from fractions import Fraction
from functools import partial
from itertools import product

import numpy as np
import printed_runs
import pytest
from by_hand.stableadamw import by_hand
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
from wdref.rules.stableadamw import StableDialect, stable_dialect, stableadamw
from wdref.sums import Count, alone

pytest.importorskip("flint", reason="needs wdref[oracle]")
DIALECTS = dialects("stableadamw")
PROGRAMS = ("paper", "optimi", "pytorch_optimizer", "zeta", "timm", "levanter",
            "transformers")  # fmt: skip
# gradients that shrink, and that outgrow their second moment, with schedules that pause and grow
APART = ("exaggerated", "overshoot", "pauses", "bursts", "graded")
H = {"learning_rate": 0.3, "beta1": 0.8, "beta2": 0.7, "eps": 0.2, "weight_decay": 0.4}


def test_every_program_is_here():
    assert set(DIALECTS) == {f"{name}.stableadamw" for name in PROGRAMS}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("d", dict.fromkeys(DIALECTS.values()), ids=str)
def test_by_hand(d, dtype):
    found = cases(d, dtype)
    assert len(found) == 6
    for case in found:
        check_contains(d, case, by_hand)


@pytest.mark.parametrize("name", ["exaggerated", "overshoot"])
def test_every_answer_by_hand(name):
    every = candidates("stableadamw")
    rare = [d for d in every if d.form == "ratio"][::7]
    twins = [d.answered(bias="moments") for d in every[::97] if d.bias == "rates"]
    some = [*every[::29], *rare, *twins]  # prime to the answers of each question
    for question, answers in StableDialect.questions().items():
        assert {getattr(d, question) for d in some} == set(answers)
    for d in some:
        (case,) = cases(d, names=(name,))
        check_contains(d, case, by_hand)


@pytest.mark.parametrize("shape", [(), (1,), (3, 4), (2, 3, 2)])
def test_the_mean_is_the_whole_tensor_s(shape):
    """Gradients that double halve nothing but what their own ratio says, whatever the size."""
    opt = wdref.StableAdamW(learning_rate=1.0, weight_decay=0.0, betas=(0.0, 0.5), eps=0.0)
    params = {"a": np.zeros(shape), "b": np.zeros(7)}
    state = opt.init(params)
    for scale in (1.0, 8.0):
        before = params
        grads = {name: np.full(x.shape, scale) for name, x in params.items()}
        params, state = opt.update(params, grads, state)
    v = Fraction(1, 3) + Fraction(2, 3) * 64  # β̂2 = 1/3 at t = 2
    # m̂/√v̂ = 8/√v is also the RMS: the step is α
    assert v > 1
    for name, x in params.items():
        np.testing.assert_allclose(x, before[name] - 1.0, rtol=1e-14)


def test_a_quiet_tensor_is_adamw_s():
    """Where no gradient outgrows its second moment the rule is AdamW with corrected averages."""
    rng = np.random.default_rng(0)
    params = {"w": rng.normal(size=5)}
    common = {"learning_rate": 0.1, "weight_decay": 0.1, "betas": (0.9, 0.99), "eps": 1e-3}
    mine = wdref.StableAdamW(**common)
    theirs = wdref.AdamW(**common, form="lr")
    own, other = mine.init(params), theirs.init(params)
    left, right = params, params
    for t in range(1, 9):
        grads = {"w": rng.normal(size=5) / t**4}  # each far smaller than those before
        left, own = mine.update(left, grads, own)
        right, other = theirs.update(right, grads, other)
    np.testing.assert_allclose(left["w"], right["w"], rtol=1e-13)


def test_a_loud_tensor_s_decay_is_clipped_with_it():
    """RMS 2 halves the step and the decay; the raw rate is a decay of its own."""
    theta, g, zero, four = np.full(4, 8.0), np.full(4, 2.0), np.zeros(4), np.ones(4)
    h = {"learning_rate": 1.0, "beta1": 0.0, "beta2": 1.0, "eps": 0.0, "weight_decay": 0.5}
    for rate, left in (("clipped", 8.0 - 1.0 - 2.0), ("raw", 8.0 - 1.0 - 4.0)):
        d = StableDialect(rate=rate, bias="none")
        new, _ = d.apply(theta, g, (zero, four), d.scalars(h, 3, 1.0))
        np.testing.assert_array_equal(new, left)


def test_only_quotients_of_sums_are_asked():
    """A step asks once: a sum of squares that is not below 0, and how many there are."""
    d = DIALECTS["paper.stableadamw"]
    theta = np.ones((2, 3))
    rounds = d.rounds(theta, theta, (theta, theta), d.scalars(H, 2, 1.0))
    total, n = next(rounds)
    assert isinstance(n, Count)
    assert np.all(total.terms >= 0)
    with pytest.raises(StopIteration):
        rounds.send((6.0, 6.0))


@pytest.mark.parametrize("form", ["lr", "paper", "fixed", "none"])
@pytest.mark.parametrize("answers", [{}, {"eps": "hat"}, {"bias": "none"}], ids=str)
def test_the_paper_s_lines_are_the_dialect_s(form, answers, same_bits):
    d = StableDialect(form=form, **answers)
    assert d.rounds is stableadamw
    theta, g, m, v = np.random.default_rng(0).normal(size=(4, 50))
    for t in (1, 2):
        s = d.scalars(H, t, 0.5)
        new, kept = alone(stableadamw, theta, g, (m, v * v), s)
        other, others = alone(stable_dialect, d, theta, g, (m, v * v), s)
        for mine, theirs in zip((new, *kept), (other, *others), strict=True):
            same_bits(mine, theirs)


@pytest.mark.parametrize("name", ["numpy", "numba"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("d", [*dict.fromkeys(DIALECTS.values()),
                               *candidates("stableadamw")[::401]], ids=str)  # fmt: skip
def test_same_bits(d, name, dtype, same_bits):
    if name == "numba":
        pytest.importorskip("numba", reason="the extra `fast` installs it")
    rng = np.random.default_rng(0)
    for size in (0, 1, 7, 300):
        theta, g, m, v = rng.normal(size=(4, size)).astype(dtype)
        for t in (1, 2):
            leaf = Leaf(Kernel(d), theta, g, (m, v * v), d.scalars(H, t, 0.5))
            ((want, kept),), ((got, new),) = PLAIN.update([leaf]), load(name).update([leaf])
            for mine, theirs in zip((got, *new), (want, *kept), strict=True):
                same_bits(mine, theirs)


@pytest.mark.parametrize(("dtype", "apart"), [("float32", 1e3), ("float64", 1e5)])
def test_answers_are_apart(dtype, apart):
    """Any two functions differ on some case by far more than roundings allow of the one."""
    every = candidates("stableadamw")
    some = range(0, len(every), 7)
    nearest = {i: np.zeros(len(every)) for i in some}
    d = dialect("stableadamw")
    for case in cases(d, dtype, names=APART):
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


def test_averages_corrected_either_way_are_one_function():
    for d in (StableDialect(bias="moments"), StableDialect(bias="moments", measure="step")):
        (case,) = cases(d, names=("exaggerated",))
        ways = enclose(d, case), enclose(d.answered(bias="rates"), case)
        assert d.plain() == d.answered(bias="rates")
        np.testing.assert_allclose(ways[0].high, ways[1].high, rtol=1e-15)


def test_a_mean_of_the_tree_is_no_mean_of_the_tensor():
    """What one mean over two tensors computes deviates."""
    d = dialect("stableadamw")
    case = next(c for c in brief("stableadamw", d, "float64") if "tensors" in c.flags)
    right = [_path(d, part) for part in case.parts()]
    assert judge(d, case, Result("ok", right)).verdict == "conforms"
    wrong = [_path(d, part, 4.0) for part in case.parts()]
    assert judge(d, case, Result("ok", wrong)).verdict == "deviates"


def _path(d, case, scale=1.0):
    theta, slots, path = case.theta0.copy(), (np.zeros_like(case.theta0),) * 2, []
    for t, (g, eta) in enumerate(zip(case.grads, case.eta.tolist(), strict=True), start=1):
        rounds = d.rounds(theta, g, slots, d.scalars(case.hyper, case.count_at(t), eta))
        total, n = next(rounds)
        try:
            rounds.send((scale * float(np.sum(total.terms)), float(n.terms.size)))
        except StopIteration as end:
            theta, slots = end.value
        path.append(theta)
    return np.array(path)


@pytest.mark.parametrize("language", ["cc", "rustc", "node"])
def test_printed_programs_count_too(language, tmp_path, same_bits):
    compiler = needed(language)
    programs = [printed_runs.Program(f"rule{i}", listing(d, dtype))
                for i, (d, dtype) in enumerate(product(DIALECTS.values(), printed_runs.C))
                ]  # fmt: skip
    rng, times = np.random.default_rng(0), {"t": 3, "eta": 0.5, "eta_before": 0.5}
    jobs = []
    for program in programs:
        theta, g, m, v = rng.normal(size=(4, 7)).astype(program.listing.dtype)
        jobs.append((program, (theta, 4 * g, m, v * v), H, times))
    if language == "node":
        results = printed_runs.run_node(jobs, tmp_path)
    else:
        build = partial(printed_runs.compile_c, compiler=compiler)
        library = (build if language == "cc" else printed_runs.compile_rust)(programs, tmp_path)
        results = [printed_runs.call(library, *job) for job in jobs]
    for (program, (theta, g, *slots), h, _), (got, _, *new) in zip(jobs, results, strict=True):
        d = program.listing.dialect
        want, kept = d.apply(theta, g, tuple(slots), d.scalars(h, 3, 0.5))
        for mine, theirs in zip((got, *new), (want, *kept), strict=True):
            same_bits(mine, theirs)


def test_its_bugs_are_others():
    found = [m for m in gallery("paper") if m.id.startswith("stableadamw")]
    assert {m.id for m in found} == {f"stableadamw-{x}" for x in ("norm", "step", "raw")}
    for mutant in found:
        (case,) = cases(mutant.claim, names=("overshoot",))
        got = trajectories([mutant.rule], case)[0]
        assert judge(mutant.claim, case, Result("ok", got)).verdict == "deviates"


def test_half_precision_counts_too():
    """bfloat16 is computed in float32, and its mean is of as many elements."""
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="the extra `half` installs it")
    opt = wdref.StableAdamW(learning_rate=0.5, weight_decay=0.0, betas=(0.0, 0.5), eps=0.0)
    params = {"w": np.zeros(6, ml_dtypes.bfloat16)}
    state = opt.init(params)
    for scale in (1.0, 8.0):
        grads = {"w": np.full(6, scale, ml_dtypes.bfloat16)}
        params, state = opt.update(params, grads, state)
    np.testing.assert_array_equal(params["w"].astype(float), -1.0)
