"""The pytest plugin, used as a framework's author would: in a suite of their own."""

from pathlib import Path

import pytest

pytest.importorskip("flint", reason="needs wdref[oracle]")

from wdref.conventions import dialect
from wdref.oracle.cases.suite import cases

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
test_adamw = conformance(run, claim="adamw", convention="pytorch", dtypes=["float64"]{more})
"""
QUIET = ("-q", "-p", "no:cacheprovider", "-p", "no:xdist")


@pytest.fixture
def suite(pytester):
    def make(decay, more="", only=""):
        pytester.makepyfile(mine=ADAMW.replace("DECAY", decay))
        pytester.makepyfile(test_mine=SUITE.format(more=more))
        return pytester.runpytest_subprocess(*QUIET, "-k", only)

    return make


# Every case of `wdref check`; those of several tensors need run.supports.
CASES = list(cases("adamw", dialect("adamw", "pytorch"), "float64"))
SIZES = [case.id for case in CASES if case.id.startswith("size-")]
LIVES = [case for case in CASES if case.life]
REFUSED = [case.id for case in CASES if "tensors" in case.flags or case.life]
TESTS = len(CASES) - len(SIZES) + 1 - len(LIVES) + 1
SKIPPED = len([case for case in CASES if "tensors" in case.flags and not case.life]) + 1


def test_a_right_implementation_passes_and_the_summary_says_how_far(suite):
    result = suite(RIGHT)
    result.assert_outcomes(passed=TESTS - SKIPPED, skipped=SKIPPED)
    asked = len(CASES) - len(REFUSED)
    result.stdout.fnmatch_lines([
        f"wdref: {asked} cases judged, worst ratio 0.* (up to 4 conforms); {len(REFUSED)} cases "
        "not asked: run.supports has no 'accumulate', 'change', *, 'tensors'"
    ])  # fmt: skip


SHARED = """
import numpy as np
from wdref.oracle.bugs.tensor_bugs import GALLERY, simulate
from wdref.oracle.proof.detection import plainly
from wdref.conventions import dialect
from wdref.testing import conformance

rule = dialect("adamw", "pytorch")
bug = next(bug for bug in GALLERY if bug.id == "M33")

def run(case):
    case.steps_taken = lambda i: [t for t in range(len(case.eta))
                                  if t + 1 >= (case.starts or [1] * 9)[i]]
    return simulate(rule, case, bug) if "tensors" in case.flags else plainly(rule, case)

run.supports = {supports}
test_adamw = conformance(run, claim="adamw", convention="pytorch", dtypes=["float64"])
"""


def test_a_counter_that_tensors_share_is_caught_where_the_target_says_it_takes_them(pytester):
    options = (*QUIET, "-k", "late or lives")
    pytester.makepyfile(test_mine=SHARED.replace("{supports}", "('tensors', 'late')"))
    result = pytester.runpytest_subprocess(*options)
    result.assert_outcomes(failed=1, skipped=1)
    result.stdout.fnmatch_lines([
        "late/float64: the first gradient of a tensor comes late*", "deviates",
        "step *, tensor [12], coordinate *: expected *",
    ])  # fmt: skip
    pytester.makepyfile(test_mine=SHARED.replace("{supports}", "('tensors',)"))
    pytester.runpytest_subprocess(*options).assert_outcomes(skipped=2)


def test_a_size_that_fails_is_named(suite):
    wrong = RIGHT + "\n        if theta.size == 33: theta[-1] = 9"
    result = suite(wrong, only="size")
    assert result.parseoutcomes()["failed"] == 1
    result.stdout.fnmatch_lines([
        f"1 of {len(SIZES)} cases fail, the first: size-33/float64: 33 elements, contiguous",
        "deviates",
    ])  # fmt: skip


def test_a_class_is_no_function(pytester):
    pytester.makepyfile(mine="class run: pass", test_mine=SUITE.format(more=""))
    result = pytester.runpytest_subprocess(*QUIET)
    result.stdout.fnmatch_lines(["*TypeError: run is a class: a target is a function run(case)*"])


def test_a_failure_says_all_that_is_known(suite):
    result = suite(AFTER, only="exaggerated or first")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines([
        "exaggerated/float64: strong hyperparameters*",
        "deviates",
        "step *, coordinate *: expected * ± *, got *, ratio * (up to 4 conforms)",
        "claimed:",
        "found*:",
        "known bug M08: decay after the step (huggingface/transformers#14539)",
        "reproduce: wdref check *mine.py:run --claim adamw --convention pytorch",
    ])  # fmt: skip


def test_known_failures_are_strict(suite, pytester):
    Path(pytester.path, "known.txt").write_text("exaggerated/float64  # decays after the step\n")
    result = suite(RIGHT, ', known_failures="known.txt"', only="exaggerated or first")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*XPASS(strict)*decays after the step*"])


@pytest.mark.parametrize(
    ("line", "message"),
    [("nonsense/float64 # why", "*known.txt:1: no case 'nonsense/float64'*"),
     ("size-33/float64 # why", "*known.txt:1: no case 'size-33/float64'; the sizes of*"),
     ("exaggerated/float64", "*known.txt:1: exaggerated/float64 needs a reason after #*")],
)  # fmt: skip
def test_a_bad_list_of_known_failures_is_refused(suite, pytester, line, message):
    Path(pytester.path, "known.txt").write_text(line + "\n")
    suite(RIGHT, ', known_failures="known.txt"').stdout.fnmatch_lines([message])


def test_a_module_that_is_skipped_as_a_whole_costs_no_other_session_its_end(pytester):
    """The plugin is loaded in every session, whether it tests an optimizer or not."""
    pytester.makepyfile(test_absent="import pytest; pytest.importorskip('nothing_of_this_name')")
    pytester.makepyfile(test_there="def test_there(): pass")
    result = pytester.runpytest_subprocess(*QUIET)
    result.assert_outcomes(passed=1, skipped=1)
    assert result.ret == 0


def test_as_a_class(pytester):
    pytester.makepyfile(mine=ADAMW.replace("DECAY", RIGHT))
    pytester.makepyfile(
        test_mine="""
        import mine
        from wdref.oracle import Unsupported
        from wdref.testing import Conformance

        class TestAdamW(Conformance):
            claim, convention, dtypes = "adamw", "pytorch", ["float64"]
            supports, known_failures = ("layout",), "known.txt"

            def run(self, case):
                if "long" in case.flags:
                    raise Unsupported("too long for us")
                if case.id == "first/float64":
                    return 2 * case.grads
                return mine.run(case)
        """
    )
    Path(pytester.path, "known.txt").write_text("first/float64  # it doubles\n")
    few = "first or ordinary or late or stop"
    result = pytester.runpytest_subprocess(*QUIET, "-rs", "-k", few)
    result.assert_outcomes(passed=1, skipped=2, xfailed=1)
    result.stdout.fnmatch_lines(["*ordinary/float64: Unsupported: too long for us*"])
