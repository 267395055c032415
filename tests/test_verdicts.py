"""Verdicts: right formulas conform in any order of operations, wrong ones deviate by far.

Each right copy evaluates the claimed formula in another order, with fused multiply-adds or with
more precision, and stays below the limit of 4; each wrong copy makes one of the classic mistakes
and reaches 1,000 in its best case, in either dtype. Between the two lies `imprecise`: scalars
computed in float32, or a float32 result that is worse than its arithmetic allows.
"""

import runpy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from wdref.conventions import dialect
from wdref.oracle.cases.suite import regimes
from wdref.oracle.judge.enclosure import enclose
from wdref.oracle.judge.verdict import (
    GRADES,
    LIMIT,
    CaseVerdict,
    judge,
    judge_all,
    overall,
    worst,
    worst_ratio,
)
from wdref.oracle.targets.targets import Result

copies = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("copies.py"))))
DTYPES = copies.DTYPES
RIGHT = [(claim, f) for claim, fs in copies.RIGHT.items() for f in fs]


def verdicts(claim, copy, dtype, wide=False, leave_out=""):
    found = dialect(claim, copies.CONVENTION[claim])
    wider = copies.WIDER[dtype] if wide else None
    suite = [case for case in regimes(claim, found, dtype) if case.id.split("/")[0] != leave_out]
    return [judge(found, case, copies.drive(copy, case, wider)) for case in suite]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("claim", "copy"), RIGHT, ids=[f"{c}-{f.__name__}" for c, f in RIGHT])
def test_right_copies_conform(claim, copy, dtype):
    found = verdicts(claim, copy, dtype)
    assert worst_ratio(found) < LIMIT
    assert overall(found) == "conforms"


@pytest.mark.parametrize("dtype", DTYPES)
def test_more_precision_conforms(dtype):
    assert worst_ratio(verdicts("adamw", copies.adamw, dtype, wide=True)) < LIMIT


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("claim", "name", "copy"), copies.WRONG, ids=[f"{c}-{n}" for c, n, _ in copies.WRONG]
)
def test_wrong_copies_deviate(claim, name, copy, dtype):
    found = verdicts(claim, copy, dtype, leave_out="ordinary")  # which is long, and no help
    assert worst_ratio(found) >= 1000
    assert overall(found) == "deviates"


# -- imprecise -----------------------------------------------------------------------------------


def corrections_in_float32(s, theta, g, m, v):
    one, t = np.float32(1), np.float32(s.t)
    s.c1, s.c2 = (float(one - np.float32(b) ** t) for b in (s.b1, s.b2))
    return copies.adamw(s, theta, g, m, v)


def hyperparameters_in_float32(s, theta, g, m, v):
    h = {name: float(np.float32(x)) for name, x in s.h.items()}
    return copies.adamw(copies.Step(h, s.t, s.eta), theta, g, m, v)


def everything_in_float32(s, theta, g, m, v):
    h = {name: float(np.float32(x)) for name, x in s.h.items()}
    return corrections_in_float32(copies.Step(h, s.t, s.eta), theta, g, m, v)


@pytest.mark.parametrize(
    ("copy", "dtype", "words"),
    [
        (corrections_in_float32, "float32", "bias corrections computed in float32"),
        (corrections_in_float32, "float64", "bias corrections computed in float32"),
        (hyperparameters_in_float32, "float64", "float32"),
        (everything_in_float32, "float64", "float32"),
    ],
)
def test_scalars_in_float32_are_imprecise(copy, dtype, words):
    found = verdicts("adamw", copy, dtype)
    assert worst_ratio(found) > LIMIT
    assert {v.verdict for v in found} <= {"conforms", "imprecise"}
    assert overall(found) == "imprecise"
    assert {words in v.message for v in found if v.verdict == "imprecise"} == {True}


def test_a_small_distance_that_float32_scalars_explain_is_imprecise():
    found = dialect("adamw")
    case = next(regimes("adamw", found, "float64"))
    values = enclose(found, case).high * (1 + 1e-10)
    assert judge(found, case, Result("ok", values)).verdict == "imprecise"


def test_subnormals_taken_for_zero_conform_and_are_told():
    """As XLA and kernels with flush-to-zero do: in no other case is there a subnormal number."""

    def copy(s, theta, g, m, v):
        tiny = np.finfo(g.dtype).tiny
        results = copies.adamw(s, theta, np.where(np.abs(g) < tiny, g * 0, g), m, v)
        return tuple(np.where(np.abs(x) < tiny, x * 0, x) for x in results)

    found = [v for dtype in DTYPES for v in verdicts("adamw", copy, dtype)]
    told = {v.id for v in found if v.finding == "subnormal numbers are taken for 0"}
    assert told == {"subnormal/float64", "subnormal/float32"}
    assert worst_ratio(found) <= LIMIT  # the figure is that of the arithmetic they conform in
    assert overall(found) == "conforms"


def test_wrong_only_in_float32_is_imprecise():
    """A moment kept in half precision by the float32 path alone."""

    def copy(s, theta, g, m, v):
        theta, m, v = copies.adamw(s, theta, g, m, v)
        if theta.dtype == "float32":
            m = m.astype(np.float16)
        return theta, m, v

    found = [v for dtype in DTYPES for v in verdicts("adamw", copy, dtype)]
    assert "deviates" in {v.verdict for v in found}
    assert overall(found) == "imprecise"


# -- one case, and all of them ---------------------------------------------------------------


def test_a_verdict_names_the_worst_step_and_coordinate():
    found = dialect("adamw")
    case = next(regimes("adamw", found, "float64"))
    values = enclose(found, case).high.copy()
    values[4, 2] *= 1 + 1e-4
    verdict = judge(found, case, Result("ok", values))
    assert (verdict.verdict, verdict.step, verdict.coordinate) == ("deviates", 5, 2)
    size = abs(values[4, 2])
    assert verdict.ulp == pytest.approx(1e-4 * size / np.spacing(size), rel=1e-3)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_deviates(bad):
    found = dialect("adamw")
    case = next(regimes("adamw", found, "float64"))
    values = enclose(found, case).high.copy()
    values[1, 1] = bad
    verdict = judge(found, case, Result("ok", values))
    assert (verdict.verdict, verdict.ratio, verdict.step) == ("deviates", np.inf, 2)


def test_a_case_without_values_keeps_its_status():
    found = dialect("sgd")
    case = next(regimes("sgd", found, "float32"))
    for status in ("unsupported", "error"):
        verdict = judge(found, case, Result(status, message="why"))
        assert (verdict.verdict, verdict.ratio, verdict.message) == (status, None, "why")


def test_the_worst_ratio_is_that_of_what_is_certified():
    nan = np.nan
    assert worst(np.array([[0.5, nan], [2.0, 1.0]])) == [(2.0, 1, 0)]
    assert worst(np.array([[nan, nan]])) == []
    assert worst(np.zeros((0, 3))) == []


def test_a_case_of_which_nothing_is_certified_is_undecided():
    """0/0 in every value: no result is right, none is wrong, and both are counted."""
    found = dialect("adamw")
    case = next(regimes("adamw", found, "float64"))
    nothing = replace(case, grads=case.grads * 0, hyper={**case.hyper, "eps": 0.0})
    verdict = judge(found, nothing, Result("ok", case.grads))
    assert (verdict.verdict, verdict.ratio) == ("undecided", None)
    assert verdict.undecided == case.grads.size


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        ("conforms", "conforms"),
        ("unsupported", "unsupported"),
        ("", "unsupported"),
        ("conforms unsupported", "conforms"),
        ("conforms undecided", "conforms"),
        ("undecided unsupported", "undecided"),
        ("imprecise undecided", "imprecise"),
        ("conforms imprecise", "imprecise"),
        ("imprecise deviates", "deviates"),
        ("deviates error conforms", "deviates"),
        ("error unsupported", "error"),
        ("conforms/float64 deviates/float32", "imprecise"),
        ("conforms/float64 unsupported/float64 deviates/float32", "imprecise"),
        ("unsupported/float64 deviates/float32", "deviates"),
        ("deviates/float64 conforms/float32", "deviates"),
        ("imprecise/float64 conforms/float64 deviates/float32", "imprecise"),
        ("imprecise/float64 deviates/float64 conforms/float32", "deviates"),
        ("deviates/float32", "deviates"),
        ("conforms/float64 error/float32", "error"),
    ],
)
def test_the_verdict_on_a_target_is_the_worst_of_its_cases(given, verdict):
    parts = [word.partition("/") for word in given.split()]
    found = [
        CaseVerdict(f"{i}/{dtype or 'float64'}", name) for i, (name, _, dtype) in enumerate(parts)
    ]
    assert overall(found) == verdict
    assert verdict in GRADES


def test_the_worst_ratio_of_a_target():
    made = [CaseVerdict("a", "conforms", 0.5), CaseVerdict("b", "unsupported"),
            CaseVerdict("c", "conforms", 1.5)]  # fmt: skip
    assert worst_ratio(made) == 1.5
    assert worst_ratio(made[1:2]) is None


def test_a_formula_that_float32_alone_has_is_no_arithmetic():
    wide = [CaseVerdict("first/float64", "conforms", 0.5)]
    bfloat16 = [CaseVerdict("first/float32", "deviates", 5e4)]  # as a moment in half precision
    no_decay = [CaseVerdict("first/float32", "deviates", 1e6)]
    assert overall(wide + bfloat16) == "imprecise"
    assert overall(wide + no_decay) == "deviates"


def test_what_depends_on_the_place_of_an_element_is_no_arithmetic():
    """As PyTorch 2.13's fused SGD, which updates only the tail of a float16 tensor."""
    wide = [CaseVerdict("first/float64", "conforms", 0.5)]
    half = [CaseVerdict("first/float16", "conforms", 0.5)]
    skipped = [CaseVerdict("sizes/float16", "deviates", 300.0)]
    everywhere = [CaseVerdict("first/float16", "deviates", 9.0)]
    for case in ("broad", "scalar", "gaps", "groups-own"):
        shown = [CaseVerdict(f"{case}/float16", "deviates", 300.0)]
        assert overall(wide + half + shown) == "deviates", case
    assert overall(wide + half + skipped) == "deviates"
    assert overall(wide + everywhere + skipped) == "imprecise"


def test_what_could_be_anything_is_no_excuse_alone():
    """Where float32 would make an eps of 0 nothing is certified, and nothing is excused by that."""
    found = dialect("adamw", copies.CONVENTION["adamw"])
    suite = [c for c in regimes("adamw", found, "float64") if "long" not in c.flags]
    right = [copies.drive(copies.adamw, case) for case in suite]
    subnormal = [case.id for case in suite].index("subnormal/float64")
    right[subnormal] = Result("ok", right[subnormal].values * (1 + 2.0**-30))
    judged = judge_all(found, suite, right, {})
    assert {v.id for v in judged if v.verdict != "conforms"} == {"subnormal/float64"}
    assert overall(judged) == "deviates"


def test_what_becomes_of_no_numbers_is_no_arithmetic():
    """In float32 alone, where the matrix asks: a sign that is 0 of a NaN is another formula."""
    right = CaseVerdict("wide/float64", "conforms", 0.5)
    wrong = CaseVerdict("no-numbers/float32", "deviates", np.inf)
    assert overall([right, wrong]) == "deviates"
    assert overall([right, replace(wrong, id="wide/float32")]) == "imprecise"
