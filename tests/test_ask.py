"""Asked from Python: the same answers as on the command line, as records that a notebook shows."""

import json
import re
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from click.testing import CliRunner

import wdref
from wdref import cli
from wdref.cli import json_text
from wdref.conventions import dialect
from wdref.oracle import Unsupported, assert_within, make_case, tolerance
from wdref.oracle.cases.suite import regimes
from wdref.oracle.proof.lives import run as lived
from wdref.oracle.targets.targets import TargetError

pytest.importorskip("flint", reason="verdicts need python-flint: pip install 'wdref[oracle]'")


def right(case):
    paths = lived(dialect("sgdw", "paper"), case)
    return paths if "tensors" in case.flags else paths[0]


right.supports = ("tensors", "groups", "late", "none", "resume", "change", "skip", "order")


def twice(case):
    wrong = lived(dialect("sgdw", "paper"), case)[0]
    return wrong - case.hyper["weight_decay"] * wrong


def crashing(case):
    raise RuntimeError("no such thing")


def refusing(case):
    raise Unsupported("never")


def noisy(case):
    return np.zeros(case.grads.shape) + np.random.default_rng().normal()


def test_a_right_function_conforms():
    report = wdref.check(right, claim="sgdw", dtype="float64")
    assert report.verdict == "conforms"
    assert report.conforms
    report.assert_conforms()
    assert report.worst_ratio <= 4
    assert "conforms, worst ratio" in str(report)


def test_a_wrong_one_is_told_with_its_diagnosis():
    report = wdref.check(twice, claim="sgdw", dtype="float64")
    assert report.verdict == "deviates"
    with pytest.raises(AssertionError, match=r"^twice is not paper sgdw: deviates\n"):
        report.assert_conforms()
    with pytest.raises(AssertionError):
        report.assert_conforms(imprecise=True)


def test_the_answers_are_those_of_the_command_line():
    for name in ("check", "identify"):
        claim = ["--claim", "sgdw", "--convention", "paper"]
        target = "loopback:SGDW[variant=pytorch]"
        result = CliRunner().invoke(
            cli._group(), [name, target, *claim, "--dtype", "float64", "--json"],
            standalone_mode=False,
        )  # fmt: skip
        ours = getattr(wdref, name)("loopback:SGDW[variant=pytorch]", claim="sgdw",
                                    convention="paper", dtype="float64")  # fmt: skip
        assert json.loads(result.stdout) == json.loads(json_text(ours.document))


def test_in_a_process_apart_the_answer_is_the_same():
    here, apart = (wdref.check(twice, claim="sgdw", dtype="float64", apart=x) for x in (0, 1))
    assert here.document["cases"] == apart.document["cases"]
    assert here.document["diagnosis"] == apart.document["diagnosis"]


class Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.text = [], ""

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize("target", [right, twice])
def test_a_notebook_shows_html(target):
    for answer in (
        wdref.check(target, claim="sgdw", dtype="float64"),
        wdref.identify(target, claim="sgdw", convention="paper", dtype="float64"),
    ):
        page = Reader()
        page.feed(answer._repr_html_())
        assert not page.open
        assert target.__name__ in page.text
        for line in answer.document["diagnosis"]:
            assert line in page.text or line.startswith("unsupported: ")


def test_names_are_no_markup():
    def odd(case):
        return right(case)

    odd.__qualname__ = "<b>[red]&"
    report = wdref.check(odd, claim="sgdw", dtype="float64")
    assert "&lt;b&gt;[red]&amp;" in report._repr_html_()
    assert "<b>[red]&" in str(report)


def test_what_it_is():
    answer = wdref.identify(twice, claim="sgdw", convention="paper", dtype="float64")
    assert not answer.certain
    answer = wdref.identify(right, dtype="float64")
    assert answer.certain
    assert answer.rule.form in ("paper", "lr")
    assert str(answer).startswith("right is (")


def test_what_cannot_be_asked_is_said_in_one_line():
    with pytest.raises(ValueError, match="has no 'adamx'"):
        wdref.check(right, claim="adamx")
    with pytest.raises(ValueError, match="dtype 'float8': expected one of full, half, all"):
        wdref.check(right, claim="sgdw", dtype="float8")
    with pytest.raises(TargetError, match="no adapter and no module 'nowhere'"):
        wdref.check("nowhere:f", claim="sgdw")
    with pytest.raises(TargetError, match="cannot be called with a case alone"):
        wdref.check(lambda: 0, claim="sgdw")
    with pytest.raises(TargetError, match="nothing to identify: RuntimeError: no such thing"):
        wdref.identify(crashing, dtype="float64")
    with pytest.raises(TargetError, match="leave apart out"):
        wdref.check(lambda case: 0, claim="sgdw", apart=True)


def test_what_raises_or_refuses_is_a_verdict():
    report = wdref.check(crashing, claim="sgdw", dtype="float64")
    assert report.verdict == "error"
    assert "RuntimeError: no such thing" in report.document["error"]
    assert "crashing" in report.failed.traceback
    assert wdref.check(refusing, claim="sgdw", dtype="float64").verdict == "unsupported"


def test_stopping_it_stops_it():
    def stopped(case):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        wdref.check(stopped, claim="sgdw", dtype="float64")


def test_tolerances_are_those_of_a_verdict():
    rule = dialect("adamw", "pytorch")
    for case in list(regimes("adamw", rule, "float32"))[:6]:
        values, radii = tolerance(case, convention="pytorch")
        nearest = values.astype(np.float32)
        assert_within(case, nearest, convention="pytorch")
        off = nearest.astype(float)
        off[0, 1] += 3 * radii[0, 1]
        with pytest.raises(AssertionError, match="step 1, coordinate 1"):
            assert_within(case, off, convention="pytorch")


def test_a_case_of_one_s_own():
    hyper = {"learning_rate": 0.1, "weight_decay": 0.01, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8}
    theta, grads = np.ones((2, 3), np.float32), np.ones((4, 2, 3), np.float32)
    case = make_case(theta, grads, claim="adamw", hyper=hyper, eta=[1, 1, 0.5, 0])
    opt = wdref.AdamW(learning_rate=0.1, weight_decay=0.01, betas=(0.9, 0.99), eps=1e-8,
                      schedule=lambda t: [1, 1, 0.5, 0][t - 1])  # fmt: skip
    params, path = [theta.copy()], []
    state = opt.init(params)
    for g in grads:
        state = opt.step(params, [g], state)
        path.append(params[0].copy())
    assert_within(case, path)
    path[2] = path[2] * np.float32(1 + 2**-16)
    with pytest.raises(AssertionError, match=r"step 3, coordinate \d: expected .* ratio"):
        assert_within(case, path)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"theta0": np.ones(2, int)}, "theta0 is int64: expected one of float64"),
        ({"grads": np.ones(2)}, "grads are float64 (2,): expected a row a step, float64 (T, 2)"),
        ({"eta": [1.0]}, "eta has shape (1,): expected (3,), one a step"),
    ],
)
def test_a_case_that_is_none(changed, message):
    given = {"theta0": np.ones(2), "grads": np.ones((3, 2)), "eta": None, **changed}
    with pytest.raises((TypeError, ValueError), match=re.escape(message)):
        make_case(given["theta0"], given["grads"], claim="sgd", hyper={}, eta=given["eta"])


def test_a_case_that_lacks_a_number():
    case = make_case(np.ones(2), np.ones((3, 2)), claim="sgd", hyper={"learning_rate": 1.0})
    with pytest.raises(ValueError, match="the case lacks momentum, weight_decay, which sgd reads"):
        assert_within(case, np.ones((3, 2)))


def test_wdref_itself_imports_no_oracle():
    import subprocess

    code = "import wdref, sys; assert 'wdref.oracle' not in sys.modules; wdref.check"
    subprocess.run([sys.executable, "-c", code], check=True)
