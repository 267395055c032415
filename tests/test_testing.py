"""The pytest plugin, used as a framework's author would: in a suite of their own."""

from pathlib import Path

import pytest

pytest.importorskip("flint", reason="needs wdref[oracle]")
pytest_plugins = ["pytester"]

ADAMW = """
import numpy as np

def run(case):
    h = case.hyper
    theta, m, v, path = case.theta0.copy(), 0.0 * case.theta0, 0.0 * case.theta0, []
    for t, (g, eta) in enumerate(zip(case.grads, case.eta.tolist()), start=1):
        m = h["beta1"] * m + (1 - h["beta1"]) * g
        v = h["beta2"] * v + (1 - h["beta2"]) * g * g
        m_hat, v_hat = m / (1 - h["beta1"] ** t), v / (1 - h["beta2"] ** t)
        lr = h["learning_rate"] * eta
        DECAY
        path.append(theta)
    return np.array(path)
"""
RIGHT = """theta = theta - lr * (m_hat / (np.sqrt(v_hat) + h["eps"]) + h["weight_decay"] * theta)"""
AFTER = """theta = theta - lr * m_hat / (np.sqrt(v_hat) + h["eps"])
        theta = theta - lr * h["weight_decay"] * theta"""
SUITE = """
from wdref.testing import conformance
from mine import run
test_adamw = conformance(run, claim="adamw", convention="pytorch"{more})
"""


@pytest.fixture
def suite(pytester):
    def make(decay, more=""):
        pytester.makepyfile(mine=ADAMW.replace("DECAY", decay))
        pytester.makepyfile(test_mine=SUITE.format(more=more))
        return pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider", "-p", "no:xdist")

    return make


def test_a_right_implementation_passes_and_the_summary_says_how_far(suite):
    result = suite(RIGHT)
    result.assert_outcomes(passed=30)
    result.stdout.fnmatch_lines(["wdref: 30 cases judged, worst ratio 0.* (up to 4 conforms)"])


def test_a_failure_says_all_that_is_known(suite):
    result = suite(AFTER)
    assert result.parseoutcomes()["failed"] > 10
    result.stdout.fnmatch_lines([
        "exaggerated/float64: strong hyperparameters*",
        "deviates",
        "step *, coordinate *: expected * ± *, got *, ratio * (up to 4 conforms)",
        "claimed:",
        "found:",
        "known bug M08: decay after the step (huggingface/transformers#14539)",
        "reproduce: wdref check *mine.py:run --claim adamw --convention pytorch",
    ])  # fmt: skip


def test_known_failures_are_strict(suite, pytester):
    Path(pytester.path, "known.txt").write_text("exaggerated/float64  # decays after the step\n")
    result = suite(RIGHT, ', known_failures="known.txt"')
    result.assert_outcomes(passed=29, failed=1)
    result.stdout.fnmatch_lines(["*XPASS(strict)*decays after the step*"])


@pytest.mark.parametrize(
    ("line", "message"),
    [("nonsense/float64 # why", "*known.txt:1: no case 'nonsense/float64'*"),
     ("exaggerated/float64", "*known.txt:1: exaggerated/float64 needs a reason after #*")],
)  # fmt: skip
def test_a_bad_list_of_known_failures_is_refused(suite, pytester, line, message):
    Path(pytester.path, "known.txt").write_text(line + "\n")
    suite(RIGHT, ', known_failures="known.txt"').stdout.fnmatch_lines([message])


def test_as_a_class(pytester):
    pytester.makepyfile(mine=ADAMW.replace("DECAY", RIGHT))
    pytester.makepyfile(
        test_mine="""
        import mine
        from wdref.oracle import Unsupported
        from wdref.testing import Conformance

        class TestAdamW(Conformance):
            claim, convention, dtypes = "adamw", "pytorch", ["float64"]

            def run(self, case):
                if "long" in case.flags:
                    raise Unsupported("too long for us")
                return mine.run(case)
        """
    )
    result = pytester.runpytest_subprocess("-q", "-rs", "-p", "no:cacheprovider", "-p", "no:xdist")
    result.assert_outcomes(passed=14, skipped=1)
    result.stdout.fnmatch_lines(["*ordinary/float64: too long for us*"])
