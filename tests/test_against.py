"""One target against another: the same function on two devices, within what rounding allows."""

from dataclasses import replace

import numpy as np
import pytest

import wdref
from wdref.conventions import dialect
from wdref.oracle.cases.suite import regimes
from wdref.oracle.judge import against
from wdref.oracle.judge.against import compared
from wdref.oracle.judge.reasons import LIMIT
from wdref.oracle.proof.lives import run as lived
from wdref.oracle.targets.exchange import Result

pytest.importorskip("flint", reason="verdicts need python-flint: pip install 'wdref[oracle]'")


def target(rule, spoil=lambda x, case: x):
    def run(case):
        paths = [spoil(path, case) for path in lived(rule, case)]
        return paths if "tensors" in case.flags else paths[0]

    run.supports = ("tensors", "groups", "late", "none")
    return run


PAPER = target(dialect("adamw", "paper"))


def test_the_same_is_no_distance():
    report = wdref.check(PAPER, claim="adamw", against=PAPER, dtype="float32")
    assert report.verdict == "conforms"
    assert report.worst_ratio == 0
    assert report.document["against"] == "target.<locals>.run"
    assert ", against target.<locals>.run" in str(report).replace("\n", " ")


def test_what_neither_should_compute_is_no_matter():
    """Two programs with one decay of their own agree, though neither is what is claimed."""
    theirs = target(dialect("adamw", "pytorch"))
    assert wdref.check(theirs, claim="adamw", dtype="float32").verdict == "deviates"
    assert wdref.check(theirs, claim="adamw", against=theirs, dtype="float32").conforms
    assert not wdref.check(theirs, claim="adamw", against=PAPER, dtype="float32").conforms


def test_rounding_is_let_through_and_more_is_not():
    def rounded(x, case):
        return np.nextafter(x.astype(case.dtype), np.inf).astype(float)

    def off(x, case):
        return x * (1 + 2.0**-10)

    rule = dialect("adamw", "paper")
    near = wdref.check(target(rule, rounded), claim="adamw", against=PAPER, dtype="float32")
    assert all(v.ratio <= LIMIT for v in near.diagnosis.verdicts
               if v.ratio is not None and v.id.startswith(("exaggerated", "bursts")))  # fmt: skip
    far = wdref.check(target(rule, off), claim="adamw", against=PAPER, dtype="float32")
    assert far.verdict == "deviates"
    assert any(v.step is not None for v in far.diagnosis.verdicts if v.verdict == "deviates")


def test_what_one_of_them_cannot_do_is_not_compared():
    def alone(case):
        return PAPER(case)

    report = wdref.check(PAPER, claim="adamw", against=alone, dtype="float32")
    refused = {v.id: v.message for v in report.diagnosis.verdicts if v.verdict == "unsupported"}
    assert refused["groups/float32"].startswith("the other: run.supports has no ")
    assert report.verdict == "conforms"


def test_numbers_against_none():
    def lost(x, case):
        return np.where(np.arange(x.shape[1]) == 1, np.nan, x)

    report = wdref.check(target(dialect("adamw", "paper"), lost), claim="adamw", against=PAPER,
                         dtype="float32")  # fmt: skip
    assert report.verdict == "deviates"
    assert {v.coordinate for v in report.diagnosis.verdicts if v.verdict == "deviates"} == {1}


class Unbounded:
    """An enclosure of which the last coordinate has no radius."""

    def __init__(self, found):
        self.radius, self.doubt = found.radius.copy(), found.doubt
        self.radius[:, -1] = np.nan


def test_where_nothing_is_certified_nothing_is_said(monkeypatch):
    """Neither that two programs agree there nor that they differ."""
    claim = dialect("adamw", "paper")
    case = next(regimes("adamw", claim, "float32"))
    mine = lived(claim, case)[0]
    theirs = mine.copy()
    theirs[:, -1] += 1.0
    whole = against.enclose
    monkeypatch.setattr(against, "enclose", lambda *x, **y: Unbounded(whole(*x, **y)))
    (found,) = compared(claim, [case], [Result("ok", mine)], [Result("ok", theirs)], {})
    assert (found.verdict, found.undecided) == ("conforms", len(mine))
    alone = [Result("ok", x[:, -1:]) for x in (mine, theirs)]
    last = replace(case, theta0=case.theta0[-1:], grads=case.grads[:, -1:])
    (found,) = compared(claim, [last], alone[:1], alone[1:], {})
    assert found.verdict == "undecided"
    theirs[3, 0] = np.nan
    (found,) = compared(claim, [case], [Result("ok", mine)], [Result("ok", theirs)], {})
    assert (found.verdict, found.step, found.coordinate) == ("deviates", 4, 0)
