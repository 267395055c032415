"""The suite asks at every value at which a program may branch: wrong turns are caught.

A branch mutant is a right rule but for one `if`. Those that survive are the same function, each for
a reason that stands here; every other one must deviate in some case.
"""

import numpy as np
import pytest

from wdref.conventions import dialect
from wdref.oracle.cases.suite import brief, cases
from wdref.oracle.judge.verdict import judge
from wdref.oracle.proof import moment
from wdref.oracle.proof.branches import CONDITIONS, NO_GRADIENT, Branch, branches
from wdref.oracle.targets.targets import Result

pytest.importorskip("flint", reason="needs wdref[oracle]")

CLAIMS = {
    "adamw": dialect("adamw", "pytorch"),
    "adam": dialect("adam", "paper"),
    "sgd": dialect("sgd", "pytorch"),
    "sgdw": dialect("sgdw", "paper"),
}
SIZES = ("size-0/", "size-65/", "size-1025/")  # one of each kind: conditions ask for no more

# Claims whose mutants are all tried, and those that share most of theirs with these: every third.
EVERY = {"adamw": 1, "adam": 3, "sgd": 1, "sgdw": 3}

STEP = ("the step is lost", "the step is halved", "the step is clipped at 1",
        "the step is divided by its RMS")  # fmt: skip
DECAY = ("the decay is lost", "the decay is doubled")
GRADIENT = ("the gradient is 0", "the gradient is clipped at 1",
            "the gradient is divided by its norm", "the gradient is centralised")  # fmt: skip
STANDS = ("nothing moves", "θ stands, the moments move")
STATE = ("θ moves, the moments stand", "the moments are forgotten", "the count stands")
FIRST = ("t is 1", "η is 0 at the first step")
FINITE = {
    "g is no number": ("the gradient is 0", *STANDS),
    "g is infinite": ("the gradient is 0", "the gradient is clipped at 1", *STANDS),
}


def same_function(rule, branch):
    """Why the branch leads where the rule does, or nothing."""
    where, what = branch.condition, branch.consequence
    reasons = {
        "θ is no finite number either way": where in FINITE and what not in FINITE[where],
        "the decay is 0, twice too": where in ("λ is 0", "θ is 0", "‖θ‖ is 0") and what in DECAY,
        "the rate is a factor of it": without_rate(rule, where, what),
        "the moments are 0, or nothing reads them": without_moments(where, what),
        "|u| is |g| / (|g| + ε) at the first step": rule.family == "adam" and where in FIRST
        and what == "the step is clipped at 1",
        "0 is 0": (where == "‖g‖ is 0" and what in GRADIENT)
        or (where == "g is 0" and what in GRADIENT[:3]),
        "it is below 1": where == "|g| is below 1e-8" and what == "the gradient is clipped at 1",
    }  # fmt: skip
    return next((reason for reason, holds in reasons.items() if holds), "")


def without_rate(rule, where, what):
    """At a rate of 0: one α lasts a whole case, so that no later step shows the state."""
    follows = rule.form in ("l2", "lr")  # the decay is multiplied by the rate
    inside = getattr(rule, "lr", "outside") == "inside"  # the buffer holds η α g
    if where == "α is 0":
        return follows or what in STEP + GRADIENT + STATE
    if not where.startswith("η is 0"):
        return False
    decays = rule.form in ("lr", "paper")
    if inside:
        first = (*STEP, *STANDS, "θ moves, the moments stand") if where in FIRST else ()
        return what in (*GRADIENT, *first, *(DECAY if decays else ()))
    still = (*STEP, "θ stands, the moments move")
    return what in (still + DECAY if decays else still if rule.form == "l2" else STEP)


def without_moments(where, what):
    if what == "θ moves, the moments stand":
        return where == "momentum is 0"
    empty = (*FIRST, "m is 0", "v is 0", "momentum is 0")
    return what == "the moments are forgotten" and where in empty


def suite(claim):
    rule = CLAIMS[claim]
    chosen = [case for dtype in ("float64", "float32")
              for case in cases(claim, rule, dtype, with_lives=False)
              if "shape" not in case.flags or case.id.startswith(SIZES)]  # fmt: skip
    return sorted(chosen, key=lambda case: ("long" in case.flags, "shape" in case.flags))


class Census:
    """Which conditions are met on the right way through a case; it goes no other."""

    def __init__(self):
        self.met = set()

    def taken(self, at):
        for name in CONDITIONS.keys() - self.met:
            if (name == NO_GRADIENT) == (at.g is None) and np.any(CONDITIONS[name](at)):
                self.met.add(name)
        return False

    def outcome(self, at):
        raise AssertionError


@pytest.fixture(scope="module")
def surveys():
    """For each claim its cases, the right paths, and the conditions met there."""
    known = {}

    def survey(claim):
        if claim not in known:
            known[claim] = []
            for case in suite(claim):
                census = Census()
                path = moment.run(CLAIMS[claim], case, census)
                known[claim].append((case, path, census.met))
        return known[claim]

    return survey


def distance(path, right):
    """Relative to the parameters; infinite where only one of them is a number."""
    far = 0.0
    with np.errstate(all="ignore"):
        for a, b in zip(path, right, strict=True):
            if a.size:
                same = (a == b) | (~np.isfinite(a) & ~np.isfinite(b))
                apart = np.where(same, 0.0, np.abs(a - b))
                size = np.max(np.abs(b), initial=1e-300, where=np.isfinite(b))
                far = max(far, np.max(np.where(np.isfinite(apart), apart, np.inf)) / size)
    return float(far)


def deviates(rule, case, path):
    values = path if "tensors" in case.flags else path[0]
    return judge(rule, case, Result("ok", values)).verdict == "deviates"


def caught(rule, branch, surveyed):
    """Whether some case deviates, in float64 but for what the dtype is the condition of."""
    dtype = "float32" if branch.condition == "θ is in float32" else "float64"
    return caught_in(rule, branch, [one for one in surveyed if one[0].dtype == dtype])


def caught_in(rule, branch, surveyed):
    """Whether some case deviates; the cases that show it plainly are judged first."""
    unclear = []
    for case, right, met in surveyed:
        if branch.condition not in met:
            continue
        path = moment.run(rule, case, branch)
        far = distance(path, right)
        if far > 0.05 and deviates(rule, case, path):
            return True
        unclear += [(case, path)] if far > 0 else []
    return any(deviates(rule, case, path) for case, path in unclear)


@pytest.mark.parametrize("part", range(4))
@pytest.mark.parametrize("claim", CLAIMS)
def test_every_wrong_turn_is_caught(claim, part, surveys):
    rule = CLAIMS[claim]
    mutants = [b for b in branches(rule) if not same_function(rule, b)][:: EVERY[claim]]
    assert len(mutants) > 200
    survivors = [b.id for b in mutants[part::4] if not caught(rule, b, surveys(claim))]
    assert survivors == []


@pytest.mark.parametrize("claim", ["adamw", "sgd"])
def test_the_matrix_catches_them(claim):
    """All but what depends on the number of elements: its sizes are a case of their own."""
    rule, surveyed = CLAIMS[claim], []
    for case in (c for dtype in ("float64", "float32") for c in brief(claim, rule, dtype)):
        if "shape" not in case.flags:
            census = Census()
            surveyed.append((case, moment.run(rule, case, census), census.met))
    surveyed.sort(key=lambda one: "long" in one[0].flags)
    mutants = [b for b in branches(rule) if not same_function(rule, b)][::12]
    survivors = [b.id for b in mutants if not caught_in(rule, b, surveyed)]
    assert [one for one in survivors if "elements: " not in one] == []


@pytest.mark.parametrize("claim", CLAIMS)
def test_what_is_called_the_same_function_is(claim, surveys):
    rule = CLAIMS[claim]
    for branch in branches(rule):
        if same_function(rule, branch):
            assert not caught(rule, branch, surveys(claim)), branch.id


@pytest.mark.parametrize("claim", CLAIMS)
def test_the_right_way_conforms(claim, surveys):
    rule = CLAIMS[claim]
    for case, path, _ in surveys(claim):
        values = path if "tensors" in case.flags else path[0]
        assert judge(rule, case, Result("ok", values)).verdict == "conforms", case.id


def test_every_condition_is_met_somewhere(surveys):
    met = set().union(*(met for claim in ("adamw", "sgd") for _, _, met in surveys(claim)))
    assert met == set(CONDITIONS)


def test_a_branch_says_where_and_what():
    branch = Branch("η is 0", "nothing moves")
    assert branch.id == "where η is 0: nothing moves"
    assert branch in branches(CLAIMS["adamw"])
