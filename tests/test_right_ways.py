"""No right implementation of any family is accused, however it sums and multiplies.

`wdref mutants --margins` tries all of them; here it is every tenth, on every second case.
"""

import math
from dataclasses import replace

import numpy as np
import pytest

from wdref.conventions import dialect
from wdref.oracle.bugs import tensor_bugs
from wdref.oracle.bugs.gallery import gallery
from wdref.oracle.judge.verdict import judge
from wdref.oracle.proof import detection
from wdref.oracle.proof.detection import Row, suite
from wdref.oracle.proof.rights import additions, by_hand
from wdref.oracle.proof.rights.arrays import Habits
from wdref.oracle.proof.rights.claims import kind_of, known_families
from wdref.oracle.proof.rights.drawn import (
    DTYPES,
    Right,
    implementations,
    worst_form,
    worst_way,
)
from wdref.oracle.proof.rights.machines import Machine
from wdref.oracle.proof.rights.ways import Way, run
from wdref.oracle.targets.targets import Result
from wdref.rules.shapes import scope_of

pytest.importorskip("flint", reason="needs wdref[oracle]")

SPREAD = 10
KINDS = tuple(dict.fromkeys(kind_of(claim) for claim, _ in implementations()))
UNIT = {"float32": 2.0**-24, "float64": 2.0**-53}


@pytest.mark.parametrize("kind", KINDS)
def test_no_false_alarm(kind):
    mine = [seed for seed, (claim, _) in enumerate(implementations()) if kind_of(claim) == kind]
    for seed in mine[::SPREAD]:
        right = worst_way(seed, share=2)
        assert right.ratio <= 2.0, right


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", by_hand.CLAIMS)
def test_no_form_by_hand_is_accused(name, dtype):
    right = worst_form(name, dtype, share=2)
    assert right.ratio <= 2.0, right


def test_all_families_have_their_ways():
    assert {claim.family for claim, _ in implementations()} == set(known_families())
    summing = [claim for claim, _ in implementations() if scope_of(claim) != "element"]
    assert len(summing) >= 200
    ways = [Way.draw(seed) for seed in range(len(implementations()))]
    for name in vars(ways[0]):
        assert len({getattr(way, name) for way in ways}) > 1, name


@pytest.mark.parametrize("dtype", DTYPES)
def test_ways_differ_in_their_bits(dtype):
    claim = dialect("lamb")
    (case,) = (c for c in suite(claim) if c.id == f"filters/{dtype}")
    paths = {run(Way.draw(seed), case, claim).tobytes() for seed in range(26)}
    assert len(paths) > 13  # some of them differ in digits that float32 does not show


# those whose step is a function of its own add its sums themselves
BUGS = [bug for bug in gallery() if scope_of(bug.claim) != "element"
        and getattr(bug.rule, "step", None) is None]  # fmt: skip


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.id)
def test_wrong_formulas_are_caught_in_any_way(bug):
    way = replace(Way.draw(len(bug.id)), flush=False)
    for case in suite(bug.claim, late=bug.late):
        verdict = judge(bug.claim, case, Result("ok", run(way, case, bug.rule)), excuse=False)
        if verdict.verdict == "deviates":
            return
    raise AssertionError(way)


def test_each_family_has_a_margin_and_what_is_wrong(monkeypatch):
    """The least of its bugs, or of dialects with one other answer where it has none."""
    ratios = (("dog", 0.5), ("lamb", 0.25), ("dog", 0.75))
    right = [Right(family, dtype, None, "", ratio)
             for family, ratio in ratios for dtype in DTYPES[::-1]]  # fmt: skip
    monkeypatch.setattr(detection, "rights", lambda: right)
    ids = [bug.id for bug in (*gallery(), *tensor_bugs.GALLERY)]
    rows = [Row(i, "", "", True, True, True, dict.fromkeys(DTYPES, 1e6 + k))
            for k, i in enumerate(ids)]  # fmt: skip
    found = {(m.family, m.dtype): m for m in detection.margins(rows)}
    assert list(found) == [(f, dtype) for f in ("dog", "lamb") for dtype in DTYPES]
    lamb, dog = found["lamb", "float64"], found["dog", "float64"]
    assert (lamb.right, lamb.rights, dog.right, dog.rights) == (0.25, 1, 0.75, 2)
    mine = [k for k, bug in enumerate(gallery()) if bug.claim.family == "lamb"]
    assert (lamb.wrong, lamb.wrongs) == (1e6 + min(mine), len(mine))
    assert dog.wrong > 1e10
    assert dog.wrongs > 1


# -- additions ------------------------------------------------------------------------------------


def numbers(dtype, shape=(3, 1000)):
    rng = np.random.default_rng(1)
    return (rng.normal(size=shape) * 2.0 ** rng.integers(-20, 20, size=shape)).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", additions.WAYS)
def test_an_addition_errs_as_one_of_some_order_may(name, dtype):
    """And a mean by two roundings more."""
    for n in (1, 2, 7, 1000):
        x = numbers(dtype)[:, :n]
        sums = additions.WAYS[name](x, np.random.default_rng(0))
        for row, total in zip(x.astype(float), sums, strict=True):
            most = (n + 1) * UNIT[dtype]
            assert abs(float(total) - math.fsum(row)) <= most / (1 - most) * np.abs(row).sum()


@pytest.mark.parametrize("name", additions.WAYS)
def test_of_nothing_the_sum_is_0(name):
    assert additions.WAYS[name](np.zeros((2, 0)), np.random.default_rng(0)).tolist() == [0, 0]


def test_additions_differ():
    x = numbers("float32", (1, 200))
    rng = np.random.default_rng(0)
    sums = {name: float(add(x, rng)[0]) for name, add in additions.WAYS.items()}
    assert len(set(sums.values())) > len(sums) / 2
    assert sums["neumaier"] == float(np.float32(sums["exact"]))


def test_a_fused_sum_rounds_no_product():
    x = np.array([1 + 2.0**-12, 1.0], "float32")
    assert additions.fused(x, np.array([1 - 2.0**-12, -1.0], "float32")) == -(2.0**-24)


@pytest.mark.parametrize("size", [1e200, 1e-200])
def test_a_scaled_length_stays_in_the_range(size):
    assert additions.length(np.array([3 * size, 4 * size])) == pytest.approx(5 * size, rel=1e-15)


# -- products -------------------------------------------------------------------------------------


def arrays(grouping, dtype="float64", **options):
    habits = Habits(Machine(dtype, **options), np.random.default_rng(0), grouping)
    return lambda *x: habits.array(np.array(x, dtype))


@pytest.mark.parametrize("grouping", ["written", "first", "last", "shuffled"])
def test_a_product_minds_its_range(grouping):
    """A rate of 2^1000 by 2^-1000 is infinite, before it meets 2^-1000."""
    array, small, large = arrays(grouping), 2.0**-1000, 2.0**1000
    with np.errstate(over="ignore"):
        for _ in range(20):
            assert (large * (array(small) / array(small) / small)).array.tolist() == [math.inf]
            assert (large * (array(small) / array(small) / 1.0)).array.tolist() == [large]


def test_scalars_are_made_one():
    """(1/3) (x/3) with one scalar of 1/9 is rounded once less."""
    x = arrays("first", "float32")(5.0)
    assert ((1 / 3) * (x / 3.0)).array.tolist() == [np.float32(1 / 9) * np.float32(5.0)]


def test_a_product_and_a_sum_are_fused():
    array = arrays("written", "float32", fused=True)
    x, y = array(1 + 2.0**-12), array(1 - 2.0**-12)
    assert (x * y - array(1.0)).array.tolist() == [-(2.0**-24)]
    assert (array(1.0) - x * y).array.tolist() == [2.0**-24]
