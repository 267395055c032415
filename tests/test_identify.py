"""Identification names what a target computes, and says so when that is nothing it knows.

A sample over all candidates of each family is named, each from its own trajectory; two changes at
once are named too; a dialect that the given cases cannot tell from another is listed with it. What
is no dialect is certified by none, and still has a nearest one and a runner-up.
"""

import runpy
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from wdref.conventions import CONVENTIONS, dialect
from wdref.dialects import AdamDialect, MomentumDialect
from wdref.oracle.cases.suite import regimes
from wdref.oracle.cases.trajectory import begun, given_at
from wdref.oracle.identify.candidates import candidates
from wdref.oracle.identify.identify import describe, identify
from wdref.oracle.identify.ranking import PROBES
from wdref.oracle.targets.targets import Result
from wdref.rules.registry import families

copies = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("copies.py"))))
NAMES = (*PROBES, "first", "overshoot", "no-decay", "rate-2")
CLAIM = {"adam": dialect("adam", "pytorch"), "sgd": dialect("sgd", "pytorch")}


@cache
def suite(claim, dtype="float64"):
    """Part of the suite: the probes and short cases, with the hyperparameters of the claim.

    `claim` may be a family whose claim here reads all of them.
    """
    claim = CLAIM.get(claim, claim)
    found = regimes(claim.family, claim, dtype)
    return tuple(case for case in found if case.id.partition("/")[0] in NAMES)


def identified(claim, run, dtype="float64"):
    given = suite(claim, dtype)
    family = getattr(claim, "family", claim)
    with np.errstate(all="ignore"):
        return identify(given, [Result("ok", run(case)) for case in given], family)


def evaluated(found):
    """The dialect on arrays of the case's own dtype."""

    def run(case):
        theta, path = case.theta0, []
        slots = begun(found, theta, case.hyper)
        eta = case.eta.tolist()
        for t, g in enumerate(case.grads, 1):
            s = found.scalars(case.hyper, t, eta[t - 1], before=eta[max(t - 2, 0)])
            given = given_at(found, case, t - 1, theta.shape)
            theta, slots = found.apply(theta, g, (*slots, *given), s)
            path.append(theta)
        return np.array(path, dtype=np.float64)

    return run


def sample(family, count):
    every = candidates(family)
    return every[:: max(1, len(every) // count)]


SAMPLE = [*sample("adam", 60), *sample("sgd", 60)]


@pytest.mark.parametrize("found", SAMPLE, ids=range(len(SAMPLE)))
def test_every_dialect_is_named(found):
    identity = identified(found.family, evaluated(found))
    assert identity.certified
    assert found in (identity.nearest.rule, *identity.also)
    assert identity.nearest.residual < 1e-12
    assert identity.runner_up.residual > 1e-4


@pytest.mark.parametrize("found", sample("adam", 6), ids=range(len(sample("adam", 6))))
def test_float32_alone_is_enough(found):
    identity = identified("adam", evaluated(found), "float32")
    assert identity.certified
    assert found in (identity.nearest.rule, *identity.also)


# of one vector: what differs in matrices, in trees, or where a number is at its bound is told apart
# in the tests of each
ALIKE = ("adafactor", "dadapt", "dog", "lars", "madgrad", "prodigy")
CONVENTIONAL = [(c, claim, d) for c, rules in CONVENTIONS.items() for claim, d in rules.items()]


@pytest.mark.parametrize(
    ("convention", "claim", "found"), CONVENTIONAL, ids=[f"{c}-{n}" for c, n, _ in CONVENTIONAL]
)
def test_every_convention_is_named(convention, claim, found):
    identity = identified(CLAIM.get(found.family, found), evaluated(found))
    assert identity.certified
    if found.family in ALIKE:  # some answers are one function of what is asked here
        assert found.plain() in (identity.nearest.rule, *identity.also)
        return
    assert identity.nearest.rule == found.plain()
    # SGD without momentum: its L2 is a decay (Proposition 1)
    first = found.form == "l2" and not found.slots
    same = (replace(found, form="lr"),) if first else ()
    assert identity.also == same
    assert f"{convention} {claim}" in identity.as_json()["match"]["names"]


TWO = [
    AdamDialect(form="l2", eps="hat", bias="ahead"),
    AdamDialect(form="lr", order="after", eps="hat"),
    AdamDialect(form="fixed", eps="inside", amsgrad="hat"),
    AdamDialect(form="lr", bias="none", amsgrad="raw"),
    MomentumDialect(form="lr", lr="outside", damping="ema", nesterov=True),
    MomentumDialect(form="l2", damping="dampening", first="gradient", nesterov=True),
    MomentumDialect(form="fixed", order="after", lr="outside"),
]


@pytest.mark.parametrize("found", TWO, ids=range(len(TWO)))
def test_two_changes_at_once_are_named(found):
    identity = identified(found.family, evaluated(found))
    assert identity.certified
    assert identity.nearest.rule == found


def test_what_cannot_be_told_apart_is_listed():
    """Without dampening, the first step is the same damped or not."""
    plain = MomentumDialect(form="l2", lr="outside")
    damped = replace(plain, damping="dampening")
    first = replace(damped, first="gradient")
    given = [replace(c, hyper={**c.hyper, "dampening": 0.0}) for c in suite("sgd")]
    identity = identify(given, [Result("ok", evaluated(first)(c)) for c in given], "sgd")
    assert identity.certified
    assert identity.nearest.rule == plain
    assert {damped, first} <= set(identity.also)


def test_every_convention_is_a_candidate():
    every = {d for family in families() for d in candidates(family)}
    assert {d.plain() for _, _, d in CONVENTIONAL} <= every


# -- what is none of them --------------------------------------------------------------------


def signs(s, theta, g, m, v):
    return theta - s.lr * np.sign(g) - s.k * theta, m, v


UNKNOWN = {
    "sign": signs,
    "cube": copies.wrong_adam(lambda s, x, g: dict(decay=s.k * x * x * x)),
    "t never grows": copies.wrong_adam(lambda s, x, g: dict(c1=1 - s.b1, c2=1 - s.b2)),
    "betas swapped": copies.wrong_adam(lambda s, x, g: dict(betas=(s.b2, s.b1), decay=s.k * x)),
}


@pytest.mark.parametrize("copy", UNKNOWN.values(), ids=UNKNOWN)
def test_what_is_no_dialect_matches_nothing(copy):
    identity = identified("adam", lambda case: copies.drive(copy, case).values)
    assert not identity.certified
    assert identity.also == ()
    answer = identity.as_json()
    assert answer["match"] is None
    assert answer["nearest"]["rule"] == "adam"
    assert answer["runner_up"]["residual"] >= answer["residual"] > 1e-6


def test_a_known_bug_that_is_no_dialect_is_named():
    copy = copies.wrong_adam(lambda s, x, g: dict(decay=s.k * x * x))
    identity = identified("adam", lambda case: copies.drive(copy, case).values)
    assert identity.certified
    answer = identity.as_json()
    assert "θ²" in " ".join(answer["match"]["recurrence"])
    assert answer["known_bug"]["id"]


def test_a_decay_with_the_wrong_sign_is_named():
    growth = copies.wrong_adam(lambda s, x, g: dict(decay=-s.k * x))
    answer = identified("adam", lambda case: copies.drive(growth, case).values).as_json()
    assert answer["match"]["recurrence"][-1] == "but the decay has the wrong sign"


def test_a_slightly_wrong_rule_is_not_taken_for_the_right_one():
    """A rate off by 1e-4: the rule is the right one but for that number."""
    right = CONVENTIONS["paper"]["adamw"]

    def run(case):
        rate = case.hyper["learning_rate"] * (1 + 1e-4)
        return evaluated(right)(replace(case, hyper={**case.hyper, "learning_rate": rate}))

    rule = identified("adam", run).nearest.rule
    assert rule.base == right
    assert rule.words == "1.0001 times the step"


def test_what_is_slightly_wrong_in_two_places_matches_nothing():
    """A rate off by 1e-4 and an eps by 1e-3: the nearest is the right rule, which is not it."""
    right = CONVENTIONS["paper"]["adamw"]

    def run(case):
        hyper = {**case.hyper, "learning_rate": case.hyper["learning_rate"] * (1 + 1e-4),
                 "eps": case.hyper["eps"] * (1 + 1e-3)}  # fmt: skip
        return evaluated(right)(replace(case, hyper=hyper))

    identity = identified("adam", run)
    assert identity.nearest.rule == right
    assert not identity.certified
    assert identity.departure.startswith("case ")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_no_finite_result_is_not_identified(bad):
    assert identified("adam", lambda case: np.full_like(case.grads, bad)) is None


def test_without_results_nothing_is_identified():
    given = suite("adam")
    assert identify(given, [Result("unsupported")] * len(given), "adam") is None
    others = [c for c in given if c.id.partition("/")[0] not in PROBES]
    assert identify(others, [Result("ok", c.grads) for c in others], "adam") is None


def test_cases_without_results_are_left_aside():
    found = CONVENTIONS["keras"]["adamw"]
    given = suite("adam")
    results = [Result("ok", evaluated(found)(c)) if i % 2 else Result("unsupported")
               for i, c in enumerate(given)]  # fmt: skip
    identity = identify(given, results, "adam")
    assert identity.certified
    assert identity.nearest.rule == found


def test_flushed_subnormals_do_not_change_the_name():
    """A program that flushes subnormal numbers is its rule all the same, measured or not."""
    found = CONVENTIONS["keras"]["adamw"]
    given = [case for case in regimes("adam", CLAIM["adam"], "float32")
             if case.id.partition("/")[0] in (*NAMES, "subnormal")]  # fmt: skip
    flushed = [replace(c, grads=c.grads * 0) if "subnormal" in c.flags else c for c in given]
    results = [Result("ok", evaluated(found)(c)) for c in flushed]
    correct = {"sqrt": 1.0, "divide": 1.0, "power": 1.0}
    for measured in ({}, {"float32": {**correct, "flush": True}}):
        identity = identify(given, results, "adam", measured=measured)
        assert identity.certified
        assert identity.nearest.rule == found


def test_a_description_has_the_answers_and_the_names():
    found = describe(CONVENTIONS["pytorch"]["adamw"])
    answers = {"rule": "adam", "form": "lr", "order": "together", "eps": "outside"}
    assert answers.items() <= found.items()
    assert (found["bias_correction"], found["amsgrad"]) == ("both", "none")
    assert found["names"] == [
        f"{name} adamw" for name in ("pytorch", "optax", "paddle", "tinygrad")
    ]
    assert found["recurrence"][-1] == "θ ← θ - η α m̂/(√v̂ + ε) - η α λ θ"
