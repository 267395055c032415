"""Scalars that a program holds in float32 are named one by one, and nothing else is excused."""

from dataclasses import replace

import numpy as np
import pytest

from wdref.conventions import dialect
from wdref.oracle.cases.suite import regimes
from wdref.oracle.cases.together import trajectories
from wdref.oracle.judge.verdict import judge
from wdref.oracle.targets.targets import Result

ADAMW = dialect("adamw", "pytorch")
SGD = dialect("sgd", "pytorch")


def case_of(rule, claim, name="exaggerated"):
    return next(c for c in regimes(claim, rule, "float64") if c.id == f"{name}/float64")


def single(x):
    return np.asarray(x, dtype=np.float32).astype(np.float64)


def ran(rule, case, **numbers):
    """Run the rule in float64 on other numbers than the case's."""
    return trajectories([rule], replace(case, **numbers))[0]


@pytest.mark.parametrize(
    "names", [("weight_decay",), ("beta1", "beta2"), ("beta1", "beta2", "eps", "weight_decay")]
)
def test_the_names_are_those_and_no_others(names):
    case = case_of(ADAMW, "adamw")
    hyper = {k: float(single(v)) if k in names else v for k, v in case.hyper.items()}
    found = judge(ADAMW, case, Result("ok", ran(ADAMW, case, hyper=hyper)))
    assert (found.verdict, found.message) == ("imprecise", f"{', '.join(names)} in float32")


def test_a_rate_is_rounded_after_its_schedule():
    case = case_of(ADAMW, "adamw")
    rate = case.hyper["learning_rate"]
    got = ran(ADAMW, case, eta=single(rate * case.eta) / rate)
    found = judge(ADAMW, case, Result("ok", got))
    assert (found.verdict, found.message) == ("imprecise", "learning_rate in float32")


def test_one_minus_dampening_may_be_what_is_held():
    case = case_of(SGD, "sgd")
    hyper = {**case.hyper, "dampening": 1 - float(single(1 - case.hyper["dampening"]))}
    found = judge(SGD, case, Result("ok", ran(SGD, case, hyper=hyper)))
    assert (found.verdict, found.message) == ("imprecise", "dampening in float32")


@pytest.mark.parametrize("name", ["weight_decay", "beta1", "eps"])
def test_another_number_is_not_excused(name):
    case = case_of(ADAMW, "adamw")
    hyper = {**case.hyper, name: case.hyper[name] * (1 + 1e-4)}
    assert judge(ADAMW, case, Result("ok", ran(ADAMW, case, hyper=hyper))).verdict == "deviates"
