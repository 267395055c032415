"""Sophia: enclosed, the same bits everywhere, told apart, its bugs named; what it is given.

The truth is that of tests/by_hand/sophia.py, in 50 digits.
"""

from functools import partial
from itertools import product

import numpy as np
import printed_runs
import pytest
from by_hand.sophia import by_hand
from family_runs import cases, check_contains, dialects
from programs import needed

import wdref
from wdref.backend import PLAIN, Leaf, load
from wdref.backends.printers.listing import listing
from wdref.conventions import dialect
from wdref.engine.half_precision import Kernel
from wdref.oracle import assert_within, make_case
from wdref.oracle.bugs.gallery import gallery
from wdref.oracle.cases.suite import cases as suite
from wdref.oracle.cases.together import trajectories
from wdref.oracle.identify.candidates import candidates
from wdref.oracle.judge.enclosure import enclose
from wdref.oracle.judge.verdict import judge
from wdref.oracle.targets.targets import Result
from wdref.rules.sophia import SophiaDialect, sophia, sophia_dialect

pytest.importorskip("flint", reason="needs wdref[oracle]")
DIALECTS = dialects("sophia")
PROGRAMS = ("paper", "optax", "sophia", "pytorch_optimizer")
APART = ("exaggerated", "overshoot", "pauses", "bursts", "graded", "interval-1")
H = {"learning_rate": 0.3, "beta1": 0.8, "beta2": 0.7, "eps": 0.2, "gamma": 0.5, "interval": 2.0,
     "weight_decay": 0.4}  # fmt: skip


def test_every_program_is_here():
    assert set(DIALECTS) == {f"{name}.sophia" for name in PROGRAMS}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("d", dict.fromkeys(DIALECTS.values()), ids=str)
def test_by_hand(d, dtype):
    some = cases(d, dtype)
    assert len(some) == 6
    for case in some:
        check_contains(d, case, by_hand)


@pytest.mark.parametrize("name", ["exaggerated", "overshoot"])
def test_every_answer_by_hand(name):
    some = candidates("sophia")[::29]  # prime to the answers of each question
    clipped = [d for d in candidates("sophia", clip=True) if d.clip != "none"][::29]
    for question, answers in SophiaDialect.questions().items():
        known = {"sum", "gradient"} if question == "clip" else set(answers)
        assert {getattr(d, question) for d in (clipped if question == "clip" else some)} == known
    for d in (*some, *clipped):
        (case,) = cases(d, names=(name,))
        check_contains(d, case, by_hand)


def test_what_a_program_has_no_word_for_is_its_own_number():
    """Sophia-G's ε is 1e-15, and when it is told an estimate its user says."""
    words = {"learning_rate": 0.1, "weight_decay": 0.1}
    for option in ({"eps": 0.5}, {"interval": 3}):
        with pytest.raises(ValueError, match=r"no word for .* in its sophia, which is 1"):
            wdref.Sophia.like("sophia", **words, **option)
        assert (
            wdref.Sophia(variant="sophia", **words, **option).dialect == DIALECTS["sophia.sophia"]
        )
    assert wdref.Sophia.like("sophia", **words, eps=1e-15).hyper["interval"] == 10


def test_a_case_of_one_s_own_is_given_estimates():
    rng = np.random.default_rng(0)
    theta, grads, given = rng.normal(size=3), rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
    case = make_case(theta, grads, claim="sophia", hyper=H, inputs={"curvature": given})
    opt = wdref.Sophia(learning_rate=0.3, betas=(0.8, 0.7), eps=0.2, gamma=0.5, interval=2,
                       weight_decay=0.4)  # fmt: skip
    params, path = {"w": theta}, []
    state = opt.init(params)
    for g, h in zip(grads, given, strict=True):
        params, state = opt.update(params, {"w": g}, state, curvature={"w": h})
        path.append(params["w"])
    assert_within(case, np.array(path))
    with pytest.raises(ValueError, match="the case lacks curvature, which sophia reads"):
        assert_within(make_case(theta, grads, claim="sophia", hyper=H), np.array(path))
    with pytest.raises(ValueError, match="curvature are float64"):
        make_case(theta, grads, claim="sophia", hyper=H, inputs={"curvature": given[:2]})


# -- cases ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_every_case_holds_estimates_of_its_tensors(dtype):
    """They are numbers of the dtype, like the gradients, and repeat where these do."""
    d = DIALECTS["paper.sophia"]
    for case in suite("sophia", d, dtype):
        many = "tensors" in case.flags
        pairs = zip(case.grads, case.inputs["curvature"], strict=True) if many else [
            (case.grads, case.inputs["curvature"])]  # fmt: skip
        for g, h in pairs:
            assert (g.shape, g.dtype) == (h.shape, h.dtype)
            assert np.all(np.isfinite(h))
        for part in case.parts():
            assert part.inputs["curvature"].shape == part.grads.shape
            if part.template is not None and part.theta0.size:
                rows = part.template.inputs["curvature"]
                times = -(-part.theta0.size // rows.shape[1])
                tiled = np.tile(rows, (1, times))[:, : part.theta0.size]
                np.testing.assert_array_equal(part.inputs["curvature"], tiled)


def test_cases_of_other_rules_are_given_nothing():
    assert all(not case.inputs for case in suite("adamw", dialect("adamw"), "float32"))


@pytest.mark.parametrize("name", ["exaggerated", "overshoot", "pauses", "bursts", "interval-1"])
def test_neither_clip_nor_floor_hides_the_curvature(name):
    """In cases that separate, some quotients are clipped and some not, and ε is met by some."""
    (case,) = cases(DIALECTS["paper.sophia"], names=(name,))
    h, m, curvature = case.hyper, 0.0, 0.0
    clipped, floored = [], []
    for t, g in enumerate(case.grads):
        m = h["beta1"] * m + (1 - h["beta1"]) * g
        if t % h["interval"] == 0:
            given = case.inputs["curvature"][t]
            curvature = h["beta2"] * curvature + (1 - h["beta2"]) * given
        below = np.maximum(h["gamma"] * curvature, h["eps"])
        clipped.append(np.abs(m) > below)
        floored.append(h["gamma"] * curvature < h["eps"])
    for met in (clipped, floored):
        assert np.any(met)
        assert not np.all(met)


# -- bits -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["lr", "paper", "fixed", "none", "initial_lr"])
@pytest.mark.parametrize("t", [1, 2])
def test_the_paper_s_lines_are_the_dialect_s(form, t, same_bits):
    d = SophiaDialect(form=form)
    assert d.apply is sophia
    theta, g, m, h, given = np.random.default_rng(0).normal(size=(5, 50))
    s = d.scalars(H, t, 0.5)
    new, kept = sophia(theta, g, (m, h, given), s)
    other, others = sophia_dialect(d, theta, g, (m, h, given), s)
    for mine, theirs in zip((new, *kept), (other, *others), strict=True):
        same_bits(mine, theirs)


@pytest.mark.parametrize("name", ["numpy", "numba"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("d", [*dict.fromkeys(DIALECTS.values()),
                               *candidates("sophia")[::101]], ids=str)  # fmt: skip
def test_same_bits(d, name, dtype, same_bits):
    if name == "numba":
        pytest.importorskip("numba", reason="the extra `fast` installs it")
    rng = np.random.default_rng(0)
    for size in (0, 1, 7, 300):
        theta, g, m, h, given = rng.normal(size=(5, size)).astype(dtype)
        for t in (1, 2):
            leaf = Leaf(Kernel(d), theta, g, (m, h, given), d.scalars(H, t, 0.5))
            ((want, kept),), ((got, new),) = PLAIN.update([leaf]), load(name).update([leaf])
            assert len(kept) == len(new) == 3  # the estimate comes back
            for mine, theirs in zip((got, *new), (want, *kept), strict=True):
                same_bits(mine, theirs)


@pytest.mark.parametrize("by", ["sum", "gradient", "tensor", "tree", "tree_sum"])
@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_a_clipped_gradient_leaves_the_estimate_as_it_is(by, backend, same_bits):
    """Also by a norm, for which the rule asks sums."""
    if backend == "numba":
        pytest.importorskip("numba", reason="the extra `fast` installs it")
    rng, paths = np.random.default_rng(0), []
    tensors = [{"w": rng.normal(size=(3, 5)), "b": rng.normal(size=7)} for _ in range(9)]
    for name in ("plain", backend):
        opt = wdref.Sophia(learning_rate=0.1, weight_decay=0.1, interval=2, form="l2", clip=0.5,
                           clip_by=by, backend=name)  # fmt: skip
        params, *rest = ({k: x.copy() for k, x in tree.items()} for tree in tensors)
        state = opt.init(params)
        for g, estimate in zip(rest[:4], rest[4:], strict=True):
            state = opt.step(params, g, state, curvature=estimate)
        paths.append((params, state.slots["hessian"]))
    for mine, theirs in zip(*paths, strict=True):
        for key, x in mine.items():
            same_bits(x, theirs[key])
    unclipped = wdref.Sophia(learning_rate=0.1, weight_decay=0.1, interval=2, form="l2")
    whole, *rest = tensors
    state = unclipped.init(whole)
    for g, estimate in zip(rest[:4], rest[4:], strict=True):
        whole, state = unclipped.update(whole, g, state, curvature=estimate)
    same_bits(paths[0][1]["w"], state.slots["hessian"]["w"])
    assert np.any(paths[0][0]["w"] != whole["w"])


@pytest.mark.parametrize("language", ["cc", "rustc", "node"])
def test_printed_programs_refresh_too(language, tmp_path, same_bits):
    compiler = needed(language)
    programs = [printed_runs.Program(f"rule{i}", listing(d, dtype))
                for i, (d, dtype) in enumerate(product(DIALECTS.values(), printed_runs.C))
                ]  # fmt: skip
    rng, jobs = np.random.default_rng(0), []
    for program, t in product(programs, (3, 4)):
        arrays = tuple(rng.normal(size=(5, 7)).astype(program.listing.dtype))
        jobs.append((program, arrays, H, {"t": t, "eta": 0.5, "eta_before": 0.5}))
    if language == "node":
        results = printed_runs.run_node(jobs, tmp_path)
    else:
        build = partial(printed_runs.compile_c, compiler=compiler)
        library = (build if language == "cc" else printed_runs.compile_rust)(programs, tmp_path)
        results = [printed_runs.call(library, *job) for job in jobs]
    for (program, arrays, h, times), (got, _, *new) in zip(jobs, results, strict=True):
        d, (theta, g, *slots) = program.listing.dialect, arrays
        want, kept = d.apply(theta, g, tuple(slots), d.scalars(h, times["t"], 0.5))
        for mine, theirs in zip((got, *new), (want, *kept, slots[-1]), strict=True):
            same_bits(mine, theirs)


# -- told apart -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "apart"), [("float32", 1e3), ("float64", 1e5)])
def test_answers_are_apart(dtype, apart):
    """Any two functions differ on some case by far more than roundings allow of the one."""
    every = candidates("sophia")
    some = range(0, len(every), 7)
    nearest = {i: np.zeros(len(every)) for i in some}
    d = dialect("sophia")
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


def test_its_bugs_are_others():
    mutants = [m for m in gallery("paper") if m.id.startswith("sophia")]
    assert {m.id for m in mutants} == {f"sophia-{x}" for x in ("denominator", "square", "unscaled")}
    for mutant in mutants:
        (case,) = cases(mutant.claim, names=("exaggerated",))
        got = trajectories([mutant.rule], case)[0]
        assert judge(mutant.claim, case, Result("ok", got)).verdict == "deviates"


@pytest.mark.parametrize(
    ("read", "verdict"),
    [
        (lambda h, t, k: h[t] if t % k == 0 else None, "conforms"),
        (lambda h, t, k: h[t] if (t + 1) % k == 0 else None, "deviates"),
        (lambda h, t, k: h[t], "deviates"),
        (lambda h, t, k: h[t - 1] if t % k == 0 else None, "deviates"),
        (lambda h, t, k: abs(h[t]) if t % k == 0 else None, "deviates"),
    ],
    ids=["right", "the last of k", "every step", "the step before's", "its size"],
)
def test_another_estimate_is_another_rule(read, verdict):
    """A program in NumPy that takes in what it is given, and ones that take another."""

    def run(case):
        h, theta = case.hyper, case.theta0
        m = curvature = np.zeros_like(theta)
        path = []
        for t, (g, eta) in enumerate(zip(case.grads, case.eta.tolist(), strict=True)):
            m = h["beta1"] * m + (1 - h["beta1"]) * g
            estimate = read(case.inputs["curvature"], t, int(h["interval"]))
            if estimate is not None:
                curvature = h["beta2"] * curvature + (1 - h["beta2"]) * estimate
            below = np.maximum(h["gamma"] * curvature, h["eps"])
            rate = eta * h["learning_rate"]
            theta = theta - rate * np.clip(m / below, -1, 1) - rate * h["weight_decay"] * theta
            path.append(theta)
        return np.array(path)

    d, verdicts = DIALECTS["paper.sophia"], set()
    for case in cases(d, names=("exaggerated", "bursts", "stop")):
        verdicts.add(judge(d, case, Result("ok", run(case))).verdict)
    assert (verdicts == {"conforms"}) == (verdict == "conforms")
    assert verdict in verdicts
