"""Grades: each bug as a student costs its points in the question that it gets wrong, and no others.

What a bug gets wrong stands here by hand where it is a function, and in its table where it is
another answer.
"""

import json
import runpy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("flint", reason="needs wdref[oracle]")

from wdref.conventions import dialect
from wdref.oracle.bugs import tensor_bugs
from wdref.oracle.bugs.gallery import gallery
from wdref.oracle.bugs.mutants import Twisted, changes
from wdref.oracle.cases.trajectory import trajectory
from wdref.oracle.grade.grade import grade
from wdref.oracle.grade.questions import ids, questions
from wdref.oracle.grade.rubric import rubric
from wdref.oracle.grade.wrong import other_answers
from wdref.oracle.identify.diagnosis import diagnose
from wdref.oracle.proof.detection import simulated, suite
from wdref.oracle.proof.rights.claims import CLAIMS
from wdref.oracle.targets.targets import Result

shared = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("command_runs.py"))))
target, wdref, check = shared.target, shared.wdref, shared.check

ADAMW = dialect("adamw", "pytorch")
# what is wrong in matrices alone is found, and the grade takes it for the decay's
UNGRADED = ("adafactor-sum", "adafactor-swapped")
BUGS = [bug for bug in gallery() if bug.id not in UNGRADED]
FORM, STEP, BIAS = {"form"}, {"step"}, {"bias"}
TWISTED = {
    **dict.fromkeys(("M01", "M02", "M03", "M15", "M16", "M30", "M32", "M38", "M47", "M48",
                     "M03-sgd", "lars-denominator", "mars-l2-late"), FORM),
    **dict.fromkeys(("M25-inverted", "M25-constant", "M39", "M40", "M49", "M50", "M51",
                     "mars-fused-bias"), BIAS),
    **dict.fromkeys(("M42", "M43", "M44", "M52", "M57-adagrad", "skip-zeros", "adadelta-product",
                     "adadelta-added-twice", "cautious-itself", "fromage-square", "mars-alias",
                     "mars-clip",
                     "mars-fused-kept", "mars-recursive", "novograd-swapped", "sm3-undamped",
                     "NAdam-extra-mu", "NAdam-no-product", "NAdam-stored", "sophia-denominator",
                     "sophia-square"),
                    STEP),
    "M14": {"form", "eps"},
    "M53": {"schedule"},
}  # fmt: skip


def suite_of(claim, late=False):
    return [case for case in suite(claim, late=late) if case.dtype == "float64"]


def graded(claim, run, given=None, late=False, **options):
    """The grade of `run`, a function of a case that gives a result."""
    given = given or suite_of(claim, late)
    results = [run(case) for case in given]
    return grade(claim, given, results, diagnose(claim, given, results), **options)


def lost(found):
    return {mark.id for mark in found.questions if mark.points < mark.of}


# -- what is wrong costs its own question ---------------------------------------------------------


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.id)
def test_a_bug_costs_the_question_that_it_gets_wrong(bug):
    found = graded(bug.claim, lambda case: simulated(bug.rule, case), late=bug.late)
    if isinstance(bug.rule, Twisted):
        expected = TWISTED[bug.id]
    else:  # the order of a decay is none where it has gone
        expected = set(changes(bug.claim, bug.rule))
        expected -= {"order"} if bug.rule.form == "l2" else set()
    assert lost(found) == expected
    for mark in found.questions:
        assert (mark.points, mark.of) == (0.0 if mark.id in expected else 1.0, 1.0)
        assert mark.note.endswith(".")
        if mark.id in expected:
            assert mark.note.startswith(("Expected “", "Expected no such line; found “", "Found: "))
            assert "Look at" in mark.note


@pytest.mark.parametrize("bug", tensor_bugs.GALLERY, ids=lambda bug: bug.id)
def test_a_bug_of_several_tensors_costs_a_share_of_that_question(bug):
    found = graded(ADAMW, lambda case: simulated(ADAMW, case, bug))
    assert lost(found) == {"tensors"}
    (mark,) = [mark for mark in found.questions if mark.id == "tensors"]
    assert mark.points in (0.0, 0.25, 0.5, 0.75)  # of four kinds of cases
    assert bug.title in mark.note


RIGHT = [*CLAIMS["adam"], *CLAIMS["sgd"], dialect("lion"), dialect("nadamw", "pytorch"),
         dialect("radamw"), dialect("adagrad", "pytorch"), dialect("rprop", "pytorch")]  # fmt: skip


@pytest.mark.parametrize("claim", RIGHT, ids=str)
def test_what_is_right_has_every_point(claim):
    found = graded(claim, lambda case: simulated(claim, case))
    assert lost(found) == set()
    assert found.points == found.of == len(ids(claim)) - 1  # without life
    assert {mark.note for mark in found.questions} == {"Right."}


def test_forms_that_are_one_function_are_one():
    """In other words than the claim's, and under a claim that is not in the plainest."""
    keras = dialect("adamw", "keras")
    uncorrected = keras.answered(bias="none")  # of which "hat" is the plain ε
    assert other_answers(keras, uncorrected.plain()) == {"bias": "none"}
    after = ADAMW.answered(order="after")
    assert other_answers(after, after.answered(form="l2").plain()) == {"form": "l2"}
    twin = dialect("adam", "pytorch").answered(order="after")  # an L2 term has no order
    assert lost(graded(twin, lambda case: simulated(dialect("adam", "pytorch"), case))) == set()


def test_two_mistakes_cost_two_and_what_follows_from_one_costs_no_more():
    both = ADAMW.answered(eps="inside", bias="none")
    assert lost(graded(ADAMW, lambda case: simulated(both, case))) == {"eps", "bias"}
    l2 = ADAMW.answered(order="after").answered(form="l2")
    found = graded(ADAMW.answered(order="after"), lambda case: simulated(l2, case))
    assert lost(found) == {"form"}
    more = ADAMW.answered(amsgrad="raw")  # which nobody asked for
    assert lost(graded(ADAMW, lambda case: simulated(more, case))) == {"step"}


# -- what is not known has the points that it shows ------------------------------------------------


def run_with(decay=None, step=lambda u: u):
    """PyTorch's AdamW with another decay, or another direction, than anything known."""

    def run(case):
        if "tensors" in case.flags:
            return Result("unsupported", message="one tensor")
        bare = ADAMW.answered(form="none")
        theta = case.theta0.reshape(-1).astype(float)
        path, h = [], case.hyper
        before = theta
        for (after, _), eta in zip(trajectory(bare, case), case.eta, strict=True):
            # the step of Adam without a decay does not read θ
            moved, before = np.reshape(after, -1) - before, np.reshape(after, -1)
            k = eta * h["learning_rate"] * h["weight_decay"]
            shrunk = k * theta if decay is None else decay(k, theta)
            theta = theta + step(moved) - shrunk
            path.append(theta)
        return Result("ok", np.array(path).reshape(len(path), -1))

    return run


ALONE = {"tensors"}  # which these runs refuse


def precise(claim):
    """Cases in which a sum of differences loses nothing that counts."""
    return [case for case in suite_of(claim)
            if not {"bound", "small", "subnormal", "nonfinite", "shaped"} & set(case.flags)
            and case.id.partition("/")[0] not in ("wide", "large", "eps-rules")]  # fmt: skip


def test_an_unknown_decay_has_the_points_of_the_step():
    odd = run_with(decay=lambda k, theta: np.sqrt(k) * np.tanh(3 * theta))
    found = graded(ADAMW, odd, precise(ADAMW))
    notes = {mark.id: mark.note for mark in found.questions}
    assert lost(found) == {"form", "order", "edges", *ALONE}
    assert "without a decay every step is the claim's" in notes["form"]
    assert "without a decay every step is the claim's" in notes["step"]


def test_an_unknown_step_has_no_points_and_no_reason_is_made_up():
    found = graded(ADAMW, run_with(step=lambda u: np.sin(9 * u)), precise(ADAMW))
    assert found.points == 0
    for mark in found.questions:
        assert mark.note.startswith(("Not shown: ", "Wrong without a decay too"))
        assert "Expected" not in mark.note


def test_what_was_never_asked_is_not_shown():
    """A program without a schedule: neither how it reads one is known, nor what its decay does."""

    def run(case):
        if np.any(case.eta != 1):
            return Result("unsupported", message="no schedule")
        return simulated(ADAMW, case)

    found = graded(ADAMW, run)
    notes = {mark.id: mark.note for mark in found.questions if mark.points < mark.of}
    assert notes.keys() == {"schedule", "form", "tensors"}
    assert all("no schedule" in note for note in notes.values())


def test_a_schedule_that_is_not_applied():
    def run(case):
        return simulated(ADAMW, replace(case, eta=np.ones_like(case.eta)))

    found = graded(ADAMW, run)
    assert lost(found) == {"schedule"}


def test_a_branch_at_an_unusual_value_costs_that_alone():
    def run(case):
        result = simulated(ADAMW, case)
        if case.id.startswith("rate-0/"):
            return Result("ok", result.values + 1.0)
        return result

    found = graded(ADAMW, run)
    assert lost(found) == {"edges"}
    assert "rate-0/float64, step 1 (learning rate 0" in found.questions[-1].note


def test_what_raises_on_several_tensors_costs_that_alone():
    def run(case):
        if "tensors" in case.flags:
            return Result("error", message="TypeError: one tensor")
        return simulated(ADAMW, case)

    found = graded(ADAMW, run)
    assert lost(found) == {"tensors"}
    assert "TypeError: one tensor" in found.questions[-2].note


# -- rubrics ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("accept", ["order", "order=after"])
def test_either_order_can_be_accepted(accept):
    """The paper's order and the one after the step, as both pass under loose tolerances."""
    after = ADAMW.answered(order="after")
    found = graded(ADAMW, lambda case: simulated(after, case), rubric=rubric(ADAMW, (), [accept]))
    assert lost(found) == set()
    (mark,) = [mark for mark in found.questions if mark.id == "order"]
    assert mark.note.startswith("Accepted: ")


def test_an_answer_that_is_not_accepted_still_costs():
    inside = ADAMW.answered(eps="inside")
    one = rubric(ADAMW, ["form=3,eps=2", "tensors=0"], ["eps=hat", "order"])
    found = graded(ADAMW, lambda case: simulated(inside, case), rubric=one)
    assert lost(found) == {"eps"}
    assert [mark.id for mark in found.questions] == [
        q for q in ids(ADAMW) if q not in ("tensors", "life")
    ]
    assert (found.points, found.of) == (8.0, 10.0)


@pytest.mark.parametrize(
    ("points", "accept", "message"),
    [(["colour=2"], [], "--points colour: no question of the claim: form, order, eps, bias"),
     (["form=many"], [], "--points form=many: expected a number of points"),
     (["form=-1"], [], "--points form=-1: expected a number of points"),
     (["form=nan"], [], "--points form=nan: expected a number of points"),
     (["form"], [], "--points form=: expected a number of points"),
     ([",".join(f"{q}=0" for q in ids(ADAMW))], [], "no question is worth anything"),
     ([], ["colour"], "--accept colour: no question of the claim"),
     ([], ["eps=left"], "--accept eps=left: expected one of outside, hat, inside"),
     ([], ["tensors"], "--accept tensors: it has no other answers: use --points tensors=0")],
)  # fmt: skip
def test_a_bad_rubric_is_refused(points, accept, message):
    with pytest.raises(ValueError, match=r"^--") as caught:
        rubric(ADAMW, points, accept)
    assert message in str(caught.value)


def test_what_has_one_answer_is_no_question():
    assert ids(ADAMW) == [
        "form",
        "order",
        "eps",
        "bias",
        "schedule",
        "step",
        "tensors",
        "life",
        "edges",
    ]
    assert "order" not in ids(dialect("adam", "pytorch"))
    assert "amsgrad" in ids(dialect("adamw", "pytorch", amsgrad="raw"))
    assert "schedule" not in ids(dialect("rprop", "pytorch"))
    assert all(question.title for question in questions(dialect("sgd", "pytorch")))


# -- the command -----------------------------------------------------------------------------------


def test_the_document_has_a_grade_and_people_a_table(wdref):
    args = ("--convention", "pytorch", "--grade", "--points", "form=3,tensors=0")
    status, out, err = check(wdref, "adamw", *args, "--json")
    found = shared.document(out)["grade"]
    assert (status, err) == (1, "")
    assert found.keys() == {"points", "of", "questions"}
    assert (found["points"], found["of"]) == (6.0, 9.0)
    first = found["questions"][0]
    assert first.keys() == {"id", "title", "points", "of", "note"}
    assert (first["id"], first["points"], first["of"]) == ("form", 0.0, 3.0)
    status, out, err = check(wdref, "adamw", *args, "--markdown", "m.md")
    assert "target.py:adamw: 6 of 9 points" in out
    assert "**6 of 9 points**" in Path("m.md").read_text("utf-8")


def test_a_bad_rubric_is_one_line(wdref):
    for args, message in ((("--grade", "--points", "x=1"), "--points x: no question of the claim"),
                          (("--accept", "order"), "--accept is for --grade")):  # fmt: skip
        status, out, err = check(wdref, "adamw", *args)
        assert (status, out) == (2, "")
        assert shared.one_line(err)
        assert message in err


def test_outputs_of_another_language_are_graded(wdref):
    wdref("vectors", "export", "made", "--claim", "sgd", "--convention", "pytorch", "--dtype",
          "float64")  # fmt: skip
    (path,) = [p for p in Path("made").glob("*.json") if "sgd" in p.name]
    vectors = json.loads(path.read_text())
    outputs = {
        "schema": "outputs_schema_v2.json", "suite": vectors["suite"],
        "algorithm": vectors["algorithm"], "convention": vectors["convention"],
        "implementation": {"name": "mine", "version": "1", "language": "C"},
        "outputs": [{"tcId": test["tcId"], "unsupported": "not yet"}
                    for group in vectors["groups"] for test in group["tests"]],
    }  # fmt: skip
    Path("out.json").write_text(json.dumps(outputs))
    args = ("check", "out.json", "--claim", "sgd", "--convention", "pytorch", "--grade", "--json")
    status, out, _ = wdref(*args)
    document = shared.document(out)
    assert (status, document["grade"]["points"]) == (2, 0.0)
    assert "not yet" in document["grade"]["questions"][0]["note"]
