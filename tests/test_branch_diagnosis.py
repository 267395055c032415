"""What is said of a rule with one wrong turn: a place, what the failing cases share, nothing false.

`identify` and `check` must agree: what is named without a "but" conforms as that in every case.
"""

import re

import pytest

from wdref.conventions import dialect
from wdref.oracle.cases.suite import probes
from wdref.oracle.identify.diagnosis import diagnose
from wdref.oracle.judge.verdict import judge_all, overall
from wdref.oracle.proof import moment
from wdref.oracle.proof.branches import CONDITIONS, branches
from wdref.oracle.targets.targets import Result

pytest.importorskip("flint", reason="needs wdref[oracle]")

CLAIMS = {"adamw": dialect("adamw", "pytorch"), "sgd": dialect("sgd", "pytorch")}
EVERY = 17  # a prime to the number of consequences: each meets most conditions
PLACE = re.compile(r"case [\w-]+/float64, step \d+(, tensor \d+)?, coordinate \d+")
FACT = re.compile(r"every case that deviates has .+(conform have none|none that conforms has)$")


def results(rule, branch, cases):
    paths = [moment.run(rule, case, branch) for case in cases]
    return [Result("ok", path if "tensors" in case.flags else path[0])
            for case, path in zip(cases, paths, strict=True)]  # fmt: skip


@pytest.mark.parametrize("part", range(3))
@pytest.mark.parametrize("claim", CLAIMS)
def test_what_is_said_of_a_wrong_turn(claim, part):
    rule = CLAIMS[claim]
    cases = [case for case in probes(claim, rule, "float64") if "long" not in case.flags]
    asked = 0
    for branch in branches(rule)[::EVERY][part::3]:
        got = results(rule, branch, cases)
        diagnosis = diagnose(rule, cases, got)
        if diagnosis.verdict == "conforms":
            continue  # the same function, or one for other cases than these
        asked += 1
        identity, lines = diagnosis.identity, diagnosis.lines()
        text = "\n".join(lines)
        assert diagnosis.verdict == "deviates", branch.id
        assert PLACE.search(text), branch.id
        # no rounding is at work, so that none may be blamed
        assert not re.search("in float32|cancels|numbers are taken for 0", text), branch.id
        assert all(FACT.match(hint) for hint in diagnosis.hints), branch.id
        if identity is not None and identity.certified:
            verdicts = judge_all(identity.nearest.rule, cases, got, {})
            assert overall(verdicts) == "conforms", branch.id
        else:
            assert re.search(
                r"^(is .*, but departs from that in|matches nothing known)", text, re.M
            ), branch.id
    assert asked >= 12


def test_a_condition_is_named_by_what_its_cases_share():
    """Where the suite has a case for a condition alone, the diagnosis names it."""
    rule = CLAIMS["adamw"]
    cases = [case for case in probes("adamw", rule, "float64") if "long" not in case.flags]
    words = {"β1 is 0": "beta1 0", "ε is 0": "eps 0", "η is 0": "a rate of 0",
             "there is no gradient": "without a gradient",
             "θ has missed steps": "without a gradient",
             "θ has two dimensions or more": "two dimensions or more",
             "there are several tensors": "several tensors",
             "g is no number": "infinite or no numbers"}  # fmt: skip
    assert words.keys() <= CONDITIONS.keys()
    for condition, share in words.items():
        branch = next(b for b in branches(rule) if b.condition == condition
                      and b.consequence in ("nothing moves", "the decay is applied"))  # fmt: skip
        diagnosis = diagnose(rule, cases, results(rule, branch, cases))
        assert diagnosis.verdict == "deviates", branch.id
        assert any(share in hint for hint in diagnosis.hints), (branch.id, diagnosis.hints)
