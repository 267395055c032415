"""What identification certifies, every case certifies: over all mutants of the gallery."""

import pytest

from wdref.conventions import dialect
from wdref.oracle import multi
from wdref.oracle.gallery import gallery
from wdref.oracle.identify import identify
from wdref.oracle.kill import simulated, suite
from wdref.oracle.mutants import Mutant
from wdref.oracle.verdict import judge_all, overall

pytest.importorskip("flint", reason="needs wdref[oracle]")

BUGS = (*gallery(), *multi.GALLERY)


def shown(bug):
    """The claim of a mutant, the cases, and what it computes on them."""
    single = isinstance(bug, Mutant)
    claim = bug.claim if single else dialect("adamw", "pytorch")
    rule, spoil = (bug.rule, None) if single else (claim, bug)
    cases = suite(claim, late=single and bug.late)
    return claim, cases, [simulated(rule, case, spoil) for case in cases]


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.id)
def test_nothing_is_said_to_be_what_a_case_refuses(bug):
    claim, cases, results = shown(bug)
    identity = identify(cases, results, claim.family, claim=claim)
    verdicts = judge_all(identity.nearest.rule, cases, results, {})
    assert identity.certified == (overall(verdicts) == "conforms")
    assert identity.certified or "case" in str(identity.but)
    # of one tensor they are rules that identification knows
    assert identity.certified == isinstance(bug, Mutant)
