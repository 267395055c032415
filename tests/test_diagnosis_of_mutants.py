"""The diagnosis of every kind of mutant is read: a place, a reason or none, nothing that is false.

Mutants of the gallery, bugs of several tensors, and a sample of the branches, drawn evenly. What is
said of a branch is compared with what it does.
"""

import numpy as np
import pytest

from wdref.conventions import dialect
from wdref.oracle.bugs import tensor_bugs
from wdref.oracle.bugs.gallery import gallery
from wdref.oracle.bugs.mutants import Mutant
from wdref.oracle.cases.suite import cases
from wdref.oracle.identify.diagnosis import diagnose
from wdref.oracle.proof import moment
from wdref.oracle.proof.branches import branches
from wdref.oracle.proof.detection import simulated, suite
from wdref.oracle.targets.targets import Result

pytest.importorskip("flint", reason="needs wdref[oracle]")

ADAMW, SGD = dialect("adamw", "pytorch"), dialect("sgd", "pytorch")
BUGS = (*gallery()[::3], *tensor_bugs.GALLERY)
SAMPLE = [(rule, b) for rule in (ADAMW, SGD) for b in branches(rule)[7::61]]

# What may be said of each consequence; where parts coincide several are true.
TRUE = {
    "nothing moves": ("nothing moves",),
    "θ stands, the moments move": ("nothing moves",),
    "the decay is lost": ("the decay is lost", "the L2 term is lost"),
    "the decay is doubled": ("the decay is taken twice", "the L2 term is taken twice"),
    "the step is lost": ("the step is lost", "nothing moves"),
    "the step is halved": ("the step is halved",),
    "the step is clipped at 1": ("the step is clipped",),
    "the step is divided by its RMS": ("the step is divided", "times its size"),
    "the gradient is 0": ("the gradient is taken for 0", "the step is lost", "nothing moves"),
    "the gradient is clipped at 1": ("the gradient is clipped at 1",),
    "the gradient is divided by its norm": ("the gradient is divided by its norm",),
    "the gradient is centralised": ("the gradient's mean",),
    "the moments are forgotten": ("the moments before it are forgotten", "moments of the step"),
    "θ moves, the moments stand": ("the moments before it are forgotten", "moments of the step"),
    "the count stands": ("t is 1", "t is one behind"),
}


def diagnosed(bug):
    one = isinstance(bug, Mutant)
    claim = bug.claim if one else ADAMW
    given = suite(claim, late=getattr(bug, "late", False))
    rule, spoil = (bug.rule, None) if one else (claim, bug)
    return claim, diagnose(claim, given, [simulated(rule, case, spoil) for case in given])


def branched(rule, branch):
    """The diagnosis on short cases, and the long one only where nothing else shows it."""
    name = "adamw" if rule is ADAMW else "sgd"
    every = [c for c in cases(name, rule, "float64", with_lives=False)
             if "shape" not in c.flags or c.id.startswith(("size-65/", "size-1025/"))]  # fmt: skip
    short = [case for case in every if "long" not in case.flags]
    for given in (short, every):
        paths = [moment.run(rule, case, branch) for case in given]
        results = [Result("ok", path if "tensors" in case.flags else path[0])
                   for case, path in zip(given, paths, strict=True)]  # fmt: skip
        found = diagnose(rule, given, results)
        if found.verdict != "conforms":
            return found
    return found


def agree(claim, found):
    """No name without a but where `check` deviates from it; a place, and it is in the words."""
    identity, where = found.identity, found.where
    assert where.case in {v.id for v in found.verdicts if v.verdict == "deviates"}
    assert where.step >= 1
    assert where.coordinate >= 0
    assert where.tensor is not None or not where.case.startswith(("tensors", "groups", "late"))
    lines = found.lines()
    assert any(str(where) in line for line in lines)
    document = identity.as_json()
    if identity.nearest.rule == claim:
        assert document["match"] is None
        assert not identity.certified
    if document["match"] is not None:
        assert document["but"] is None
    assert not any(line.startswith("imprecise") for line in lines)
    return lines


@pytest.mark.parametrize("bug", BUGS, ids=[bug.id for bug in BUGS])
def test_a_known_bug_is_told_with_its_place(bug):
    claim, found = diagnosed(bug)
    assert found.verdict == "deviates"
    lines = agree(claim, found)
    lost = lines[0] == "the weight decay is not applied"
    assert lost or any(line.startswith("known bug") and bug.title in line for line in lines), lines


@pytest.mark.parametrize(("rule", "branch"), SAMPLE, ids=[b.id for _, b in SAMPLE])
def test_a_wrong_turn_is_told_with_its_place(rule, branch):
    found = branched(rule, branch)
    if found.verdict == "conforms":  # the same function: see test_branches.py
        return
    agree(rule, found)
    for words in {found.where.message, getattr(found.identity.but, "message", "")}:
        if words.startswith("there ") and found.where.case == getattr(
            found.identity.but, "case", found.where.case
        ):
            allowed = TRUE.get(branch.consequence, ("",))
            assert any(true in words for true in allowed), (branch.id, words)


def test_a_sample_is_told_what_is_other():
    """Of the branches that say what they do at the place, most are understood."""
    told = [branched(rule, b).where for rule, b in SAMPLE[::4] if b.consequence in TRUE]
    words = [where.message for where in told if where is not None]
    assert np.mean([bool(w) for w in words]) > 0.6
