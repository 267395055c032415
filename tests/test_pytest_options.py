"""The options of the pytest plugin, used in a suite of one's own."""

import json
from pathlib import Path

import pytest

pytest.importorskip("flint", reason="needs wdref[oracle]")

pytest_plugins = ["pytester"]

SUITE = """
import numpy as np
from wdref.testing import conformance

def run(case):
    if case.id.startswith("RAISES"):
        raise RuntimeError("not today")
    rate = case.hyper["learning_rate"] * case.eta.astype(case.dtype)[:, None]
    if case.grads.ndim > 2 or case.grads.ndim < 2:
        rate = rate.reshape(len(rate), *([1] * (case.grads.ndim - 1)))
    theta, path = case.theta0.copy(), []
    for g, r in zip(case.grads, rate):
        theta = theta - r * g
        path.append(theta)
    return np.array(path)

test_sgd = conformance(run, claim="sgd[buffer=False,form=none,lr=outside]" MORE)

def test_else(): pass
"""
QUIET = ("-p", "no:cacheprovider", "-p", "no:xdist", "-q")


@pytest.fixture
def session(pytester):
    def run(*args, raises="nothing", more="", known=""):
        text = SUITE.replace("RAISES", raises).replace("MORE", more)
        pytester.makepyfile(test_mine=text)
        Path(pytester.path, "known.txt").write_text(known)
        return pytester.runpytest_subprocess(*QUIET, *args)

    return run


def names(result):
    return [line for line in result.outlines if line.startswith("test_mine.py::")]


def test_one_dtype_and_the_tests_that_are_none_of_ours(session):
    every = names(session("--collect-only"))
    found = names(session("--collect-only", "--wdref-dtype", "float32"))
    assert found == [name for name in every if "float64" not in name]
    assert "test_mine.py::test_else" in found
    both = ("--wdref-dtype", "float32", "--wdref-dtype", "float64")
    assert names(session("--collect-only", *both)) == every


def test_quick_leaves_out_what_is_long(session):
    every = names(session("--collect-only"))
    left_out = set(every) - set(names(session("--collect-only", "--wdref-quick")))
    assert {name.partition("[")[2].partition("/")[0] for name in left_out} == {
        "ordinary", "counter", "sizes"}  # fmt: skip


def test_a_dtype_that_there_is_not_is_refused(session):
    result = session("--wdref-dtype", "float8")
    result.stderr.fnmatch_lines(["*--wdref-dtype: invalid choice: 'float8'*"])


@pytest.mark.parametrize(
    ("options", "message", "color"),
    [({}, "conforms", "brightgreen"),
     ({"raises": "first/"}, "fails", "red"),
     ({"raises": "first/", "more": ', known_failures="known.txt"',
       "known": "first/float64 # soon"}, "known failures", "yellow")],
    ids=["conforms", "raises", "known"],
)  # fmt: skip
def test_a_badge_of_the_suite(session, pytester, options, message, color):
    session("--wdref-badge", "b.json", "--wdref-dtype", "float64", "-k", "first or stop or else",
            **options)  # fmt: skip
    found = json.loads(Path(pytester.path, "b.json").read_text())
    assert (found["label"], found["message"], found["color"]) == ("wdref", message, color)


def test_a_badge_says_that_nothing_was_asked(session, pytester):
    session("--wdref-badge", "b.json", "-k", "else")
    found = json.loads(Path(pytester.path, "b.json").read_text())
    assert (found["message"], found["isError"]) == ("not asked", True)


def test_a_badge_in_no_folder_is_refused_at_once(session):
    result = session("--wdref-badge", "no/such/b.json")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*--wdref-badge no/such/b.json: no such folder"])


def test_the_help_has_them(session):
    result = session("--help")
    result.stdout.fnmatch_lines(["conformance tests of optimizers (wdref.testing):",
                                 "*--wdref-dtype=DTYPE*", "*--wdref-quick*",
                                 "*--wdref-badge=FILE*"])  # fmt: skip
