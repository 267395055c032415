"""Lives: what befalls a training, and the faults that are seen there alone."""

from dataclasses import replace

import numpy as np
import pytest

from wdref.conventions import dialect
from wdref.oracle.cases.case import Case
from wdref.oracle.cases.life import EVENTS, FLAGS, WORDS
from wdref.oracle.cases.lives import NAMES, lives
from wdref.oracle.cases.suite import cases, probes
from wdref.oracle.identify.diagnosis import diagnose
from wdref.oracle.judge.enclosure import enclose
from wdref.oracle.judge.verdict import CaseVerdict, judge, overall
from wdref.oracle.proof.life_faults import FAULTS
from wdref.oracle.proof.lives import run
from wdref.oracle.targets.exchange import Result
from wdref.oracle.targets.worker import LIFE

DTYPES = ("float64", "float32")
CLAIMS = ("sgd", "sgdw", "adam", "adamw", "lion", "adagrad", "rmsprop", "nadamw", "radam", "rprop")


def ran(rule, case, fault=None):
    paths = run(rule, case, fault)
    return Result("ok", paths if "tensors" in case.flags else paths[0])


def verdicts(rule, every, fault=None):
    return {case: judge(rule, case, ran(rule, case, fault)) for case in every}


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_right_program_conforms_in_every_life(claim):
    rule = dialect(claim, "paper")
    every = [case for dtype in DTYPES for case in lives(claim, rule, dtype)]
    found = verdicts(rule, every)
    assert {v.verdict for v in found.values()} == {"conforms"}, found


def test_every_event_has_a_case_and_every_flag_is_one_that_targets_support():
    rule = dialect("adamw", "paper")
    every = list(lives("adamw", rule, "float64"))
    assert {event for case in every for event in case.life} == set(EVENTS)
    assert {FLAGS[event] for case in every for event in case.life} == set(LIFE)
    assert all(set(case.flags) & set(LIFE) for case in every)
    assert [case.id.partition("/")[0] for case in every] == list(NAMES)


def test_what_deviates_in_a_life_of_one_dtype_is_no_rounding():
    """Unless the same case is right in another: the short suite asks lives in float32 alone."""
    right = [
        CaseVerdict("exaggerated/float64", "conforms"),
        CaseVerdict("late/float32", "conforms"),
    ]
    wrong = CaseVerdict("resume/float32", "deviates", ratio=100.0)
    assert overall([*right, wrong]) == "deviates"
    assert overall([*right, wrong, CaseVerdict("resume/float64", "conforms")]) == "imprecise"


def test_lives_are_part_of_the_suite_with_names_of_their_own():
    rule = dialect("adamw", "paper")
    every = [case.id for case in cases("adamw", rule, "float32")]
    assert len(every) == len(set(every))
    assert {case.id for case in lives("adamw", rule, "float32")} < set(every)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_a_fault_is_seen_in_its_own_event_alone(fault):
    """Every other case, all the suite but the sizes among them, conforms."""
    rule = dialect("adamw", "paper")
    apart = {"shape", "long", "nonfinite", "shaped", "layout"}
    every = [case for dtype in DTYPES for case in cases("adamw", rule, dtype)
             if not apart & set(case.flags)]  # fmt: skip
    found = verdicts(rule, every, fault)
    seen = {case.id for case in every if fault.event in case.flags}
    assert {case.id for case, v in found.items() if v.verdict != "conforms"} <= seen, fault.title
    assert overall(list(found.values())) == fault.grade, fault.title


@pytest.mark.parametrize("claim", ["adamw", "sgdw"])
def test_the_step_at_which_it_is_seen_is_told(claim):
    rule = dialect(claim, "paper")
    fault = next(f for f in FAULTS if f.id == "L03")
    case = next(c for c in lives(claim, rule, "float32") if c.id == "resume/float32")
    found = judge(rule, case, ran(rule, case, fault))
    assert found.verdict == "deviates"
    assert found.step is not None
    assert found.step > case.life["resume"]


def test_what_a_change_does_is_the_rule_by_hand():
    """SGD without momentum: every step is θ ← θ - η α (g + λ θ), with α and λ of that step."""
    rule = dialect("sgd", "pytorch", buffer=False)
    theta0, grads = np.array([1.0, -2.0]), np.array([[0.5, 0.25]] * 4)
    case = Case("by-hand", "sgd", "float64", theta0, grads,
                {"learning_rate": 0.5, "weight_decay": 0.25}, np.ones(4),
                life={"change": [[3, {"learning_rate": 0.125, "weight_decay": 0.5}]]})  # fmt: skip
    theta, path = theta0, []
    for alpha, lam in ((0.5, 0.25), (0.5, 0.25), (0.125, 0.5), (0.125, 0.5)):
        theta = theta - alpha * (grads[0] + lam * theta)
        path.append(theta)
    assert np.array_equal(enclose(rule, case.parts()[0]).high, path)


def test_a_tensor_s_own_change_comes_at_its_own_step():
    rule = dialect("adamw", "paper")
    case = next(c for c in lives("adamw", rule, "float32") if c.id == "change-rate/float32")
    late = replace(case, theta0=[case.theta0] * 2, grads=[case.grads] * 2, starts=(1, 3),
                   flags=(*case.flags, "tensors", "late"))  # fmt: skip
    first, second = late.parts()
    assert [k for k, _ in first.life["change"]] == [4]
    assert [k for k, _ in second.life["change"]] == [2]  # its second step is step 4 of the run


def test_a_mean_of_gradients_is_a_number_of_the_dtype():
    rule = dialect("adamw", "paper")
    for dtype in DTYPES:
        case = next(c for c in lives("adamw", rule, dtype) if "accumulate" in c.life)
        pairs = case.grads.astype(float).reshape(-1, 2, 6)
        assert np.array_equal(case.parts()[0].grads.astype(float), pairs.mean(axis=1))


def test_norms_are_told_by_no_rounding():
    """Whatever small number a program adds to the norm, in whatever dtype, the factor is 2^-k."""
    rule = dialect("adamw", "paper")
    for dtype in DTYPES:
        case = next(c for c in lives("adamw", rule, dtype) if "norm" in c.life.get("clip", ()))
        whole = np.concatenate(case.grads, axis=1)
        norms = np.sqrt(np.sum(whole**2, axis=1))
        assert norms.dtype == dtype
        for small in (0, 1e-6, 1e-12):
            factors = np.minimum(1, whole.dtype.type(case.life["clip"]["norm"]) / (norms + small))
            factors = factors.astype(float)
            assert np.array_equal(np.exp2(np.round(np.log2(factors))), factors), small
        given = [part.grads for part in case.parts()]
        assert len({float(np.abs(g).max()) for g in given}) > 1


def test_a_count_is_set_and_goes_on():
    case = next(c for c in lives("adamw", dialect("adamw", "paper"), "float32") if "jump" in c.life)
    assert [case.count_at(t) for t in (1, 2, 3, 4)] == [1, 2, 1_000_000, 1_000_001]


def test_a_rule_that_remembers_its_steps_has_no_million():
    assert not [c for c in lives("nadam", dialect("nadam", "paper"), "float32") if "jump" in c.life]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_has_lives_whose_envelopes_are_finite(dtype):
    rule = dialect("adamw", "paper")
    every = list(lives("adamw", rule, dtype))
    assert {"resume", "change", "scheduler", "skip", "maximize", "order", "mixed"} == {
        FLAGS[event] for case in every for event in case.life
    }
    for part in (part for case in every for part in case.parts()):
        assert np.all(np.isfinite(enclose(rule, part).radius))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_the_diagnosis_names_the_event_and_the_rule(fault):
    """What it is stays certain: the first steps are the rule's, and the event is told."""
    rule = dialect("adamw", "pytorch")
    every = [case for dtype in DTYPES for case in (*probes("adamw", rule, dtype),
                                                   *lives("adamw", rule, dtype))
             if not {"long", "nonfinite", "shaped"} & set(case.flags)]  # fmt: skip
    found = diagnose(rule, every, [ran(rule, case, fault) for case in every])
    if fault.grade == "imprecise":
        assert found.verdict == "imprecise"
        return
    lines = "\n".join(found.lines())
    assert found.identity is not None
    assert not found.identity.certified
    assert "pytorch adamw" in lines
    words = [WORDS[event] for event in WORDS if FLAGS[event] == fault.event]
    assert any(word in lines for word in words) or "moved" in lines, lines
