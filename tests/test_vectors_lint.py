"""Vectors that are broken: lint says what and where, and does not stumble."""

import json
import tempfile

import pytest
from hypothesis import given, settings
from vectors_documents import broken, changed, right_vectors, wdref, written

from wdref.oracle.vectors.format import layout
from wdref.oracle.vectors.lint import lint

VECTORS = right_vectors()
SMALL = right_vectors(names=("first",))
TEST = ("groups", 0, "tests", 0)
BAD_VECTORS = {
    "truncated": (layout(VECTORS)[:5000], "the file seems to be truncated"),
    "version": (changed(VECTORS, "schema", to=2), "schema 2: this wdref reads 'vectors_sch"),
    "nested": ("[" * 200_000, "nested too deeply"),
    "key": (changed(VECTORS, *TEST, to=lambda x: {**x, "weight": 1}),
            "groups[0].tests[0]: unknown key 'weight'"),
    "hyper": (changed(VECTORS, *TEST, "hyper", to=lambda x: {**x, "gamma": x["eps"]}),
              "hyper: expected learning_rate, beta1"),
    "note": (changed(VECTORS, "notes", to=lambda x: {**x, "_": 1}), "notes: unknown key '_'"),
    "NaN": (changed(VECTORS, *TEST, "expected", "dec", 0, 0, to=float("nan")), "NaN is no JSON"),
    "nan": (changed(VECTORS, *TEST, "expected", "dec", 0, 0, to="nan"),
            "expected: hex and dec are different numbers"),
    "word": (changed(VECTORS, *TEST, "expected", "dec", 0, 0, to="inf"),
             "groups[0].tests[0].expected.dec[0][0]: 'inf' is text: expected the form ^nan$"),
    "a flag less": (changed(VECTORS, *TEST, "flags", to=lambda x: x[:-1]), "flags: expected exag"),
    "text": (changed(VECTORS, *TEST, "eta", "dec", 0, to="1.0"),
             "groups[0].tests[0].eta.dec[0]: '1.0': expected a number"),
    "dtype": (changed(VECTORS, "groups", 0, "dtype", to="int8"), "'int8': expected one of"),
    "count": (changed(VECTORS, "numberOfTests", to=7), "numberOfTests is 7: there are 4"),
    "tcId": (changed(VECTORS, *TEST, "tcId", to=999), "after 999: expected increasing"),
    "id": (changed(VECTORS, *TEST, "id", to="first/float64"), "id first/float64 stands twice"),
    "flag": (changed(VECTORS, *TEST, "flags", to=["new"]), "flag 'new' has no note"),
    "unused": (changed(VECTORS, "notes", to=lambda x: {**x, "old": x["first"]}),
               "note 'old': no test has the flag"),
    "group": (changed(VECTORS, "groups", 0, "dtype", to="float32"), "its group has dtype float32"),
    "tensors": (changed(VECTORS, *TEST, "tensors", to=[2, 3]), "its tensors add up to 5"),
    "shapes": (changed(VECTORS, *TEST, "shapes", to=[[2, 2]]), "shapes and tensors differ"),
    "starts": (changed(VECTORS, *TEST, "starts", to=[13]), "starts: 13 is beyond the last step"),
    "gaps": (changed(VECTORS, *TEST, "gaps", to=[[], []]),
             "gaps: 2 entries: expected one for each tensor, 1"),
    "columns": (changed(VECTORS, *TEST, "columns", to=7), "columns is 7: expected 6, or fewer for"),
    "no gradient": (changed(VECTORS, *TEST, "grads", "dec", 0, to=[None] * 6),
                    "grads: hex and dec are different numbers"),
    "own hyperparameter": (changed(VECTORS, *TEST, "groups", 0, to=lambda x: {
        "momentum": {"hex": "0x1p-1", "dec": 0.5}}), "hyper: expected learning_rate, beta1"),
    "rows": (changed(VECTORS, *TEST, "grads", "dec", to=lambda x: x[1:]),
             "grads.dec: 11 entries: expected 12"),
    "row": (changed(VECTORS, *TEST, "tolerance", 2, to=[1.0]),
            "tolerance: row 2: 1 entries: expected 6"),
    "hex": (changed(VECTORS, *TEST, "hyper", "eps", "dec", to=0.25),
            "eps: hex and dec are different numbers"),
    "not of the dtype": (changed(VECTORS, "groups", 1, "tests", 0, "theta0", to={
        "dec": [0.1] * 6, "hex": ["0x1.999999999999ap-4"] * 6}),
        "theta0: not every number is one of float32"),
    "expected": (changed(VECTORS, *TEST, "expected", to=lambda x: {
        "dec": [[0.5] * 6, *x["dec"][1:]], "hex": [["0x1p-1"] * 6, *x["hex"][1:]]}),
        "expected[0][0] is 0.5: computed anew it is 0."),
    "tolerance": (changed(VECTORS, *TEST, "tolerance", 0, 0, to=1e-3),
                  "tolerance[0][0] is 0.001: computed anew it is "),
    "at": (changed(VECTORS, *TEST, "at", 0, to=2), "at: expected the steps up to 64"),
    "lacks a hyperparameter": (changed(VECTORS, *TEST, "hyper", to={}),
                               "hyper: expected learning_rate, beta1"),
    "claim": (changed(VECTORS, "algorithm", to="shampoo"), "convention 'paper' has no 'shampoo'"),
    "name": (changed(VECTORS, "convention", to="pytorch"), "expected the name adamw_pytorch.json"),
    "recurrence": (changed(VECTORS, "recurrence", 0, to="g"), "recurrence: that of paper adamw is"),
    "suite": (changed(VECTORS, "suite", to="0" * 16), "that of this wdref is"),
    "missing": (VECTORS, "test 2 (ordinary/float64) is missing"),
    "added": (changed(VECTORS, *TEST, "id", to="more/float64"),
              "test 1 (more/float64) is not in the suite"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_VECTORS)
def test_bad_vectors(tmp_path, name):
    content, message = BAD_VECTORS[name]
    problems = lint(written(tmp_path, content, "adamw_paper.json"))
    assert any(message in problem for problem in problems), problems
    assert all(problem.isprintable() for problem in problems)


def test_lint_says_no_and_where(tmp_path):
    written(tmp_path, VECTORS, "adamw_paper.json")
    done = wdref("lint", tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    assert "adamw_paper.json: test 2 (ordinary/float64) is missing\n" in done.stdout
    assert json.loads(wdref("lint", tmp_path, "--json").stdout)["holds"] is False


@pytest.mark.parametrize("name", ["none", "."])
def test_lint_without_vectors(tmp_path, name):
    done = wdref("lint", tmp_path / name)
    assert done.returncode == 2
    assert "wdref vectors export" in done.stderr


@settings(max_examples=60)
@given(broken(SMALL))
def test_any_vectors_give_lines(document):
    with tempfile.TemporaryDirectory() as folder:
        problems = lint(written(folder, document, "adamw_paper.json"))
    assert problems  # the missing tests at least
    assert all(problem.isprintable() for problem in problems)
