"""What a TARGET may be called, what it is fed with, and what it may return.

Names are refused before anything of the target runs. What cannot be loaded, raises or returns
nonsense gives one line that says why, and keeps its traceback for those who ask.
"""

import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from wdref.oracle.cases.suite import regimes
from wdref.oracle.targets.targets import TargetError, parse, parse_options, start

shared = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("target_runs.py"))))
CASES, RUN = shared.CASES, shared.RUN
results, nothing_is_left = shared.results, shared.nothing_is_left


def test_results_come_back_in_order(results):
    for case, result in zip(CASES, results("f = run\n"), strict=True):
        assert result.status == "ok"
        assert result.values.dtype == np.float64
        np.testing.assert_allclose(result.values, shared.expected(case), rtol=1e-12)


def test_the_case_is_what_the_contract_says(results):
    body = """
def f(case):
    assert isinstance(case.id, str) and isinstance(case.rule, str), case
    assert case.theta0.dtype == case.grads.dtype == case.dtype == "float32", case
    assert case.theta0.shape == case.grads.shape[1:] and case.eta.shape == case.grads.shape[:1]
    assert type(case.hyper) is dict and {type(x) for x in case.hyper.values()} == {float}
    assert case.hyper["learning_rate"] == 0.3
    case.theta0[:] = 0  # it is the target's own copy
    return case.grads
"""
    narrow = [
        case for case in regimes("sgd", shared.SGD, "float32") if case.id == "exaggerated/float32"
    ]
    (result,) = results(body, cases=narrow)
    assert (result.status, result.message) == ("ok", "")
    assert np.any(narrow[0].theta0)


# -- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "expected adapter:optimizer"),
        ("target", "expected adapter:optimizer"),
        (":run", "expected adapter:optimizer"),
        ("target.py:", "expected adapter:optimizer"),
        ("nowhere/target.py:run", "no file nowhere/target.py"),
        (
            "no_such_module:run",
            "no adapter and no module 'no_such_module'; adapters: keras, loopback",
        ),
        ("..:run", "no adapter and no module"),
        ("torch:AdamW[fused=True", "expected name or name[option=value"),
        ("torch:AdamW[fused]", "'fused' is no option=value"),
        ("torch:AdamW[1=2]", "'1=2' is no option=value"),
        ("torch:Adam W", "expected name or name[option=value"),
    ],
)
def test_a_name_that_cannot_be_is_refused(text, words):
    with pytest.raises(TargetError) as caught:
        parse(text)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_options_are_literals_or_words():
    text = "Adam[fused=True, eps=1e-6,mode=max,n=3,off=false,name='x y',none=None]"
    assert parse_options(text) == (
        "Adam",
        {"fused": True, "eps": 1e-6, "mode": "max", "n": 3, "off": False, "name": "x y",
         "none": None},
    )  # fmt: skip
    assert parse_options("Adam[]") == ("Adam", {})


def test_a_package_is_not_imported_to_be_found(tmp_path, monkeypatch):
    """Its __init__ would run here, and might exit or print."""
    monkeypatch.chdir(tmp_path)
    Path("loud").mkdir()
    Path("loud/__init__.py").write_text("raise SystemExit('imported')")
    target = parse("loud.inner:run")
    assert "loud" not in sys.modules
    with pytest.raises(TargetError, match=r"'loud\.inner:run': SystemExit: imported"):
        start(target, CASES).results()


# -- what cannot be loaded -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise RuntimeError('two\\nlines')", "RuntimeError: two"),
        ("import no_such_package", "ModuleNotFoundError: No module named 'no_such_package'"),
        ("def f(:", "SyntaxError"),
        ("g = run", "AttributeError: module 'wdref_target_target' has no attribute 'f'"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("import os; os._exit(3)", "its process ended with status 3 while it was loaded"),
        ("input()", "EOFError"),
        ("class f: pass", "f is a class: a target is a function run(case) that returns the param"),
        ("f = 3", "'int' object: a target is a function run(case)"),
        ("f = lambda: run", "<lambda>() cannot be called with a case alone: a target is a func"),
        ("def f(case, lr): pass", "f(case, lr) cannot be called with a case alone: a target is"),
    ],
)
def test_what_cannot_be_loaded_says_why_in_one_line(results, body, words):
    with pytest.raises(TargetError) as caught:
        results(body)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "os._exit" in body or "Traceback" in caught.value.traceback


def test_a_target_that_hangs_while_it_is_loaded(results):
    with pytest.raises(
        TargetError, match=r"after 1 s \(--timeout gives it longer\) while it was loaded"
    ):
        results("import time; time.sleep(60)", timeout=1)


@pytest.mark.parametrize(
    "f",
    ["lambda case, more=1: run(case)", "lambda *cases: run(*cases)", "partial(run)", "Kept()"],
)
def test_whatever_can_be_called_with_a_case_is_a_target(results, f):
    body = "from functools import partial\nclass Kept:\n    def __call__(self, case):\n"
    found = results(f"{body}        return run(case)\nf = {f}\n")
    assert {result.status for result in found} == {"ok"}


# -- what goes wrong in a case ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("sys.exit()", "SystemExit"),
        ("case.hyper['beta1']", "KeyError: 'beta1'"),
        ("run(case)[1:]", "run returned shape (T-1, n): expected (T, n), the parameters"),
        ("run(case).T", "run returned shape ("),
        ("None", "run returned None: expected (T, n)"),
        ("list(run(case).T) * 3", "expected (T, n), the parameters after each step"),
        ("run(case) * 1j", "complex128"),
        ("run(case).astype(str)", "Cannot cast"),
        ("run(case).astype(object)", "Cannot cast"),
        ("[[1.0], [1.0, 2.0]]", "ValueError"),
        ("case", "expected"),
    ],
)
def test_an_error_is_told_for_each_case(results, expression, words):
    found = results(f"import sys\nf = lambda case: {expression}\n")
    assert {result.status for result in found} == {"error"}
    assert all(words in result.message and "\n" not in result.message for result in found)
    assert all("Traceback" in result.traceback for result in found)


@pytest.mark.parametrize(
    "expression",
    ["run(case).tolist()", "tuple(map(list, run(case)))", "run(case).astype('longdouble')"],
)
def test_any_array_of_real_numbers_will_do(results, expression):
    for case, result in zip(CASES, results(f"f = lambda case: {expression}\n"), strict=True):
        assert result.values.dtype == np.float64
        np.testing.assert_allclose(result.values, shared.expected(case), rtol=1e-12)


def test_integers_and_nan_come_back_as_they_are(results):
    found = results("f = lambda case: np.ones(case.grads.shape, int)\n")
    assert all(np.all(result.values == 1) for result in found)
    found = results("f = lambda case: np.full(case.grads.shape, np.nan)\n")
    assert all(np.all(np.isnan(result.values)) for result in found)
