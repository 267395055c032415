"""The cautious rules and Grams: enclosed, the same bits everywhere, told apart, their bugs named.

The truth is that of tests/by_hand/cautious.py, in 50 digits.
"""

from dataclasses import replace
from functools import partial
from itertools import product

import numpy as np
import printed_runs
import pytest
from by_hand.cautious import by_hand
from family_runs import cases, check_bits, check_contains, dialects, leaves
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import needed

import wdref
from wdref.backend import PLAIN, Leaf, load
from wdref.backends.printers.listing import listing
from wdref.conventions import dialect
from wdref.engine.half_precision import Kernel
from wdref.oracle.bugs.gallery import gallery
from wdref.oracle.cases.suite import brief, regimes
from wdref.oracle.cases.together import trajectories
from wdref.oracle.identify.candidates import candidates
from wdref.oracle.judge.enclosure import enclose
from wdref.oracle.judge.verdict import judge
from wdref.oracle.targets.targets import Result
from wdref.rules.cautious import (
    CautiousDialect,
    cautious,
    cautious_dialect,
    grams,
    grams_dialect,
)
from wdref.sums import Count, alone

pytest.importorskip("flint", reason="needs wdref[oracle]")
DIALECTS = dialects("cautious")
PROGRAMS = ("paper.cautiousadamw", "paper.cautiouslion", "paper.grams", "c_optim.cautiousadamw",
            "c_optim.cautiouslion", "timm.cautiousadamw", "timm.cautiouslion",
            "pytorch_optimizer.cautiouslion", "pytorch_optimizer.grams", "grams.grams")  # fmt: skip
# gradients that turn, with schedules that pause and grow, some of them 0
APART = ("exaggerated", "sparse", "alternating", "pauses", "bursts")
H = {"learning_rate": 0.3, "beta1": 0.8, "beta2": 0.7, "eps": 0.2, "weight_decay": 0.4}


def test_every_program_is_here():
    assert set(DIALECTS) == set(PROGRAMS)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("d", dict.fromkeys(DIALECTS.values()), ids=str)
def test_by_hand(d, dtype):
    found = cases(d, dtype)
    assert len(found) == 6
    for case in found:
        check_contains(d, case, by_hand)
        assert not enclose(d, case).doubt.any()


@pytest.mark.parametrize("name", ["exaggerated", "sparse", "alternating"])
def test_every_answer_by_hand(name):
    some = candidates("cautious")[::13]  # prime to the answers of each question
    for question, answers in CautiousDialect.questions().items():
        assert {getattr(d, question) for d in some} == set(answers)
    for d in some:
        (case,) = cases(d, names=(name,))
        check_contains(d, case, by_hand)


def stepped(m, g, **answers):
    """A step of 1 from 0, of averages that are not corrected and halve what was before."""
    d = CautiousDialect(bias="none", **answers)
    h = {"learning_rate": 1.0, "beta1": 0.5, "beta2": 0.0, "eps": 0.0, "weight_decay": 0.0}
    theta = np.zeros(len(g))
    slots = (np.array(m), theta)[: len(d.slots)]
    return (-d.apply(theta, np.array(g), slots, d.scalars(h, 3, 1.0))[0]).tolist()


def test_what_opposes_the_gradient_is_left_out_and_made_up_for():
    """u is 1, -1/2, 1: two of three agree, with a weight of 3/(2+1) or of 3/2."""
    m, g = [1.0, -2.0, 1.0], [1.0, 1.0, 1.0]
    assert stepped(m, g) == [1.0, 0.0, 1.0]
    assert stepped(m, g, scale="mean") == [1.5, 0.0, 1.5]
    assert stepped(m, g, mask="gradient") == [1.0, 0.5, 1.0]
    assert stepped(m, g, base="lion") == [1.0, 0.0, 1.0]


def test_a_tensor_of_one_takes_half_a_step():
    """n/(Σφ + 1) is 1/2 there; the share of the mask is 1."""
    assert stepped([2.0], [2.0]) == [0.5]
    assert stepped([2.0], [2.0], scale="mean") == [1.0]


def test_a_gradient_of_0_is_no_agreement():
    """u is 1, 0, 1: the last one has no gradient, and the one before no step."""
    m, g = [1.0, 0.0, 1.0], [1.0, 0.0, 0.0]
    assert stepped(m, g, base="lion") == [1.5, 0.0, 0.0]
    assert stepped(m, g, base="lion", mask="gradient") == [1.0, 0.0, 0.0]


def test_a_step_is_made_no_more_than_a_thousand_times_longer():
    """Of 4,000 elements one has a gradient: its share is less than 1/1000."""
    g = [1.0, *[0.0] * 3999]
    assert stepped(g, g, base="lion", scale="mean")[:2] == [1000.0, 0.0]
    assert stepped(g, g, base="lion")[:2] == [2000.0, 0.0]


def test_the_decay_is_not_masked():
    """The second coordinate is not stepped, and decays as the first one does."""
    theta, g, m, v = np.full(2, 8.0), np.ones(2), np.array([1.0, -3.0]), np.ones(2)
    h = {"learning_rate": 1.0, "beta1": 0.5, "beta2": 1.0, "eps": 0.0, "weight_decay": 0.5}
    for order, first in (("after", 3.5), ("together", 3.0)):
        d = CautiousDialect(order=order, bias="none")
        new, _ = d.apply(theta, g, (m, v), d.scalars(h, 3, 1.0))
        assert new.tolist() == [first, 4.0]


def test_a_count_is_all_that_is_asked():
    """Zeros and ones, and how many there are; Grams asks for nothing."""
    d, theta = DIALECTS["paper.cautiousadamw"], np.ones((2, 3))
    rounds = d.rounds(theta, theta, (theta, theta), d.scalars(H, 2, 1.0))
    agreeing, n = next(rounds)
    assert isinstance(n, Count)
    assert set(np.unique(agreeing.terms)) <= {0.0, 1.0}
    with pytest.raises(StopIteration):
        rounds.send((6.0, 6.0))
    assert DIALECTS["paper.grams"].scope == "element"


def test_a_mask_that_roundings_decide_is_in_doubt_alone():
    """Moments that cancel but for a rounding: the others are stepped by either of two counts."""
    d = CautiousDialect()
    case = next(c for c in regimes("cautiousadamw", d, "float32") if c.id.startswith("first"))
    beta = case.hyper["beta1"]
    g = np.array([[1.0, 1.0, 1.0], [-beta, 1.0, 1.0], [1.0, 1.0, 1.0]], "float32")
    near = replace(case, theta0=np.ones(3, "float32"), grads=g, eta=np.ones(3),
                   hyper={**case.hyper, "weight_decay": 0.0})  # fmt: skip
    truth = enclose(d, near)
    assert truth.doubt.tolist() == [[False] * 3, *[[True, False, False]] * 2]
    steps, right = [], []
    for agreeing in (2.0, 3.0):  # whichever way the first one's mask goes
        path = _path(d, near, agreeing)
        steps.append(path[1, 1] - path[0, 1])
        right.append(judge(d, near, Result("ok", path)).verdict)
    assert right == ["conforms", "conforms"]
    assert steps[1] / steps[0] == pytest.approx(0.75, rel=1e-6)  # 3/(3+1) beside 3/(2+1)


def _path(d, case, agreeing):
    """The trajectory, with a count of the second step that is given."""
    theta, slots, path = case.theta0.copy(), (np.zeros_like(case.theta0),) * 2, []
    for t, (g, eta) in enumerate(zip(case.grads, case.eta.tolist(), strict=True), start=1):
        rounds = d.rounds(theta, g, slots, d.scalars(case.hyper, t, eta))
        total, n = next(rounds)
        count = agreeing if t == 2 else float(np.sum(total.terms))
        try:
            rounds.send((count, float(n.terms.size)))
        except StopIteration as end:
            theta, slots = end.value
        path.append(theta)
    return np.array(path)


@pytest.mark.parametrize("form", ["lr", "paper", "fixed", "proximal", "none"])
@pytest.mark.parametrize("eps", ["outside", "hat"])
def test_the_paper_s_lines_are_the_dialect_s(form, eps, same_bits):
    d = CautiousDialect(form=form, eps=eps)
    assert d.rounds is cautious
    theta, g, m, v = np.random.default_rng(0).normal(size=(4, 50))
    for lam in (0.4, None):  # None: a mask exempts the tensor
        s = d.scalars({**H, "weight_decay": lam}, 2, 0.5)
        new, kept = alone(cautious, theta, g, (m, v * v), s)
        other, others = alone(cautious_dialect, d, theta, g, (m, v * v), s)
        for mine, theirs in zip((new, *kept), (other, *others), strict=True):
            same_bits(mine, theirs)


@pytest.mark.parametrize("form", ["lr", "paper", "fixed", "none"])
@pytest.mark.parametrize("eps", ["outside", "hat"])
def test_grams_lines_are_the_dialect_s(form, eps, same_bits):
    d = CautiousDialect(form=form, order="together", mask="gradient", eps=eps)
    assert d.apply is grams
    theta, g, m, v = np.random.default_rng(0).normal(size=(4, 50))
    s = d.scalars(H, 2, 0.5)
    new, kept = grams(theta, g, (m, v * v), s)
    other, others = grams_dialect(d, theta, g, (m, v * v), s)
    for mine, theirs in zip((new, *kept), (other, *others), strict=True):
        same_bits(mine, theirs)


@pytest.mark.parametrize("name", ["numpy", "numba"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("d", [*dict.fromkeys(DIALECTS.values()),
                               *candidates("cautious")[::97]], ids=str)  # fmt: skip
def test_same_bits(d, name, dtype, same_bits):
    if name == "numba":
        pytest.importorskip("numba", reason="the extra `fast` installs it")
    rng = np.random.default_rng(0)
    for size in (0, 1, 7, 300, 40_000):  # the last in more than one thread
        theta, g, m, v = rng.normal(size=(4, size)).astype(dtype)
        slots = (m, v * v)[: len(d.slots)]
        for t in (1, 2):
            leaf = Leaf(Kernel(d), theta, g, slots, d.scalars(H, t, 0.5))
            ((want, kept),), ((got, new),) = PLAIN.update([leaf]), load(name).update([leaf])
            for mine, theirs in zip((got, *new), (want, *kept), strict=True):
                same_bits(mine, theirs)


@settings(max_examples=25)
@given(data=st.data())
def test_same_bits_of_any_values(data, same_bits):
    """Infinities, numbers that are none, and both zeros, which have one sign to a mask."""
    pytest.importorskip("numba", reason="the extra `fast` installs it")
    d = data.draw(st.sampled_from([*DIALECTS.values()]))
    check_bits(data.draw(leaves(d, "float32")), same_bits)


@pytest.mark.parametrize(("dtype", "apart"), [("float32", 1e3), ("float64", 1e5)])
def test_answers_are_apart(dtype, apart):
    """Any two functions differ on some case by far more than roundings allow of the one."""
    every = candidates("cautious")
    some = range(0, len(every), 3)
    nearest = {i: np.zeros(len(every)) for i in some}
    d = dialect("cautiousadamw")
    for case in cases(d, dtype, names=APART):
        values = trajectories(every, case).reshape(len(every), -1)
        for i in some:
            radius = enclose(every[i], case).radius.ravel()
            known = np.isfinite(radius) & (radius > 0)
            with np.errstate(all="ignore"):
                far = np.abs(values - values[i])[:, known] / radius[known]
            np.maximum(nearest[i], far.max(axis=1, initial=0.0), out=nearest[i])
    for i, far in nearest.items():
        others = [j for j in range(len(every)) if j != i]
        assert np.all(far[others] >= apart), (every[i], every[others[int(far[others].argmin())]])


def test_a_count_of_the_tree_is_no_count_of_the_tensor():
    """What counts over several tensors at once deviates."""
    d = dialect("cautiousadamw")
    case = next(c for c in brief("cautiousadamw", d, "float64") if "tensors" in c.flags)
    parts = case.parts()
    right = [trajectories([d], part)[0] for part in parts]
    assert judge(d, case, Result("ok", right)).verdict == "conforms"
    whole = replace(parts[0], theta0=np.concatenate([x.theta0 for x in parts]), shape=None,
                    grads=np.concatenate([x.grads for x in parts], axis=1))  # fmt: skip
    ends = np.cumsum([x.theta0.size for x in parts])[:-1]
    wrong = np.split(trajectories([d], whole)[0], ends, axis=1)
    assert judge(d, case, Result("ok", wrong)).verdict == "deviates"


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
        slots = (m, v * v)[: len(program.listing.dialect.slots)]
        jobs.append((program, (theta, g, *slots), H, times))
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
    found = [m for m in gallery("paper") if m.claim.family == "cautious"]
    assert {m.id for m in found} == {"cautious-after", "cautious-itself", "grams-undecayed"}
    for mutant in found:
        (case,) = cases(mutant.claim, names=("exaggerated",))
        got = trajectories([mutant.rule], case)[0]
        assert judge(mutant.claim, case, Result("ok", got)).verdict == "deviates"


def test_half_precision_counts_too():
    """float16 is computed in float32: what its own product of u and g would lose has a sign."""
    opt = wdref.CautiousAdamW(learning_rate=0.5, weight_decay=0.0, eps=0.0)
    params = {"w": np.zeros(3, "float16")}
    grads = {"w": np.full(3, 2.0**-24, "float16")}  # its smallest number
    params, _ = opt.update(params, grads, opt.init(params))
    np.testing.assert_array_equal(params["w"], np.float16(-0.375))
