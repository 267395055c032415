"""`wdref check`, `conformance` and exported vectors: the same cases, the same verdict on each bug.

The command judges what a process gave, conformance runs a function here, vectors go through JSON.
Where a file cannot hold a case, the last line counts it.
"""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("flint", reason="needs wdref[oracle]")

from wdref.conventions import dialect
from wdref.oracle.cases.suite import cases
from wdref.oracle.check import subject
from wdref.oracle.identify.diagnosis import Diagnosis
from wdref.oracle.judge.verdict import CaseVerdict, judge_all, overall
from wdref.oracle.proof import detection as kill
from wdref.oracle.report import asked
from wdref.oracle.targets import exchange, worker
from wdref.oracle.vectors import files as vectors
from wdref.oracle.vectors import outputs as vectors_outputs
from wdref.oracle.vectors.entry import entry
from wdref.oracle.vectors.flags import bugs_of, shows
from wdref.testing import conformance

FEW = ("exaggerated", "wide", "sparse", "pauses", "column", "size-33", "groups", "late", "gaps",
       "tensors-empty-last")  # fmt: skip
SUPPORTS = ("tensors", "groups", "late", "none")
SUITES = {
    claim: [
        case
        for case in cases(claim, dialect(claim, "pytorch"), "float64")
        if case.id.partition("/")[0] in FEW
    ]
    for claim in ("adamw", "adam", "sgd")
}
BUGS = [(claim, bug) for claim in SUITES for bug in (None, *bugs_of(dialect(claim, "pytorch")))]


def function(claim, bug, supports=SUPPORTS):
    """An implementation with a bug, which reads the case as a target does."""
    rule = dialect(claim, "pytorch")
    of_one = bug.rule if bug is not None and bug.rule is not None else rule
    spoil = bug.spoil if bug is not None else None

    def run(given):
        whole = next(case for case in SUITES[claim] if case.id == given.id)
        if "tensors" in given.flags:
            handed = replace(whole, theta0=given.theta0, grads=given.grads)
            return kill.simulated(of_one, handed, spoil).values
        shape = given.grads.shape
        flat = replace(
            whole, theta0=given.theta0.reshape(-1), grads=given.grads.reshape(shape[0], -1)
        )
        return kill.plainly(of_one, flat).reshape(shape)

    run.supports = supports
    return run


def by_check(claim, run, suite):
    """As the worker's process does it, in this one."""
    results = []
    for case in suite:
        outcome = worker.outcome_of(run, exchange.handed(case))
        content = {
            "status": outcome.status,
            "arrays": list(outcome.arrays),
            "message": outcome.message,
        }
        results.append(exchange._result(content, case, exchange.Loaded("ok")))
    return judge_all(dialect(claim, "pytorch"), suite, results, {})


def by_conformance(claim, run):
    """What pytest would hear of each test: passed, skipped or failed."""
    test = conformance(run, claim=claim, convention="pytorch", dtypes=["float64"])
    heard = {}
    for name in FEW:
        id = f"{'sizes' if name.startswith('size-') else name}/float64"
        try:
            test(id, lambda *_: None)
            heard[id] = "conforms"
        except pytest.skip.Exception:
            heard[id] = "unsupported"
        except pytest.fail.Exception:
            heard[id] = "wrong"
    return heard


def by_vectors(claim, run, suite, tmp_path):
    """A program that reads each test from a file and writes outputs."""
    found = vectors.suite(claim, "pytorch")
    names = {case.id for case in suite}
    outputs = []
    for v in found.of(["float64"]):
        if v.case.id.startswith("size-655"):
            continue  # need no answer
        answer = {"unsupported": "left out"}
        if v.case.id in names:
            text = json.dumps(entry(v.tc_id, v.case, found.dialect, v.case.flags))
            read = vectors_outputs.case_of(json.loads(text), "float64", claim)
            outcome = worker.outcome_of(run, exchange.handed(read))
            answer = {"unsupported": outcome.message}
            if outcome.status == "ok":
                rows = np.concatenate(outcome.arrays, axis=1)
                answer = {"theta": [[x if np.isfinite(x) else str(x) for x in row]
                                    for row in rows.tolist()]}  # fmt: skip
        outputs.append({"tcId": v.tc_id, **answer})
    document = {
        "schema": "outputs_schema_v2.json", "algorithm": claim, "convention": "pytorch",
        "suite": found.digest, "outputs": outputs,
        "implementation": {"name": "mutant", "version": "", "language": "Python"},
    }  # fmt: skip
    path = tmp_path / "outputs.json"
    path.write_text(json.dumps(document))
    judged = vectors_outputs.judge_outputs(path)
    return {v.id: v for v in judged.verdicts if v.id in names}, judged


@pytest.fixture
def unexplained(monkeypatch):
    """What a bug is called is tested elsewhere, and takes longer than to find it."""
    monkeypatch.setattr(subject.Subject, "explain", lambda *_: "")
    monkeypatch.setattr(vectors_outputs, "diagnose", lambda claim, suite, results: Diagnosis(
        tuple(judge_all(claim, suite, results, {}))))  # fmt: skip


@pytest.fixture
def few_sizes(monkeypatch):
    monkeypatch.setattr("wdref.testing.cases", lambda claim, *_: iter(SUITES[claim]))


@pytest.mark.parametrize(
    ("claim", "bug"), BUGS, ids=[f"{claim}-{bug.flag if bug else 'right'}" for claim, bug in BUGS]
)
def test_one_verdict_three_ways_and_the_flag_where_it_deviates(
    unexplained, few_sizes, tmp_path, claim, bug
):
    suite, run = SUITES[claim], function(claim, bug)
    checked = by_check(claim, run, suite)
    read, judged = by_vectors(claim, run, suite, tmp_path)
    heard = by_conformance(claim, run)
    for verdict in checked:
        assert read[verdict.id].verdict == verdict.verdict
        assert read[verdict.id].ratio == verdict.ratio
        id = "sizes/float64" if verdict.id.startswith("size-") else verdict.id
        wrong = verdict.verdict not in ("conforms", "unsupported")
        assert heard[id] == ("wrong" if wrong else verdict.verdict)
    assert overall(checked) == judged.verdict
    flagged = {case.id for case in suite if bug and shows(dialect(claim, "pytorch"), case, bug)}
    assert flagged == {v.id for v in checked if v.verdict != "conforms"}


def test_what_a_target_does_not_support_is_unsupported_three_ways(unexplained, few_sizes, tmp_path):
    run = function("adamw", None, supports=("tensors", "late"))
    checked = by_check("adamw", run, SUITES["adamw"])
    refused = {v.id: v.message for v in checked if v.verdict == "unsupported"}
    assert refused == {"groups/float64": "run.supports has no 'groups'",
                       "gaps/float64": "run.supports has no 'none'"}  # fmt: skip
    read, _ = by_vectors("adamw", run, SUITES["adamw"], tmp_path)
    assert {id: v.message for id, v in read.items() if v.verdict == "unsupported"} == refused
    heard = by_conformance("adamw", run)
    assert {id for id, what in heard.items() if what == "unsupported"} == set(refused)
    assert asked.not_asked(checked) == "2 cases not asked: run.supports has no 'groups', 'none'"


def test_what_a_file_of_outputs_cannot_hold_is_counted(unexplained, tmp_path):
    """Large tensors: the program compares them itself, and `vectors check` says so."""
    _, judged = by_vectors("adamw", function("adamw", None), SUITES["adamw"], tmp_path)
    large = [v.id for v in judged.verdicts if v.message == vectors_outputs.TOO_LARGE]
    assert large == ["size-65535/float64", "size-65536/float64", "size-65537/float64"]
    assert "too large for a file of outputs" in asked.not_asked(judged.verdicts)


def test_a_word_that_is_not_asked_for_stands_alone():
    messages = ["run.supports has no 'late', 'tensors'", "run.supports has no 'tensors'",
                "Unsupported: no schedule", "Unsupported: no schedule", ""]  # fmt: skip
    assert asked.counted(messages) == (
        "5 cases not asked: run.supports has no 'late', 'tensors'; Unsupported: no schedule"
    )
    assert asked.not_asked([SimpleNamespace(verdict="conforms", message="")]) == ""


def test_an_error_everywhere_is_no_refusal():
    """What a mistake raises in the cases that may be refused is not counted as a refusal."""
    words = "ValueError: run returned None"
    verdicts = [
        CaseVerdict("first", "error", message=words),
        CaseVerdict("scalar", "unsupported", message=words),
        CaseVerdict("late", "unsupported", message="run.supports has no 'late'"),
    ]
    assert asked.not_asked(verdicts) == "1 case not asked: run.supports has no 'late'"
    assert words in asked.not_asked(verdicts[1:])
