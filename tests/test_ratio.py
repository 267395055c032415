"""What enclosures certify: ratios, their precision, and where nothing is certified.

The precision is raised until the truth is known far better than the radius; a result that is no
finite number has no finite ratio; what may overflow or divide 0 by 0 is certified by nobody.
"""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np

from wdref.conventions import CONVENTIONS
from wdref.oracle.cases.case import Case
from wdref.oracle.cases.suite import regimes
from wdref.oracle.judge import enclosure
from wdref.oracle.judge.enclosure import Enclosure, enclose

ADAMW = CONVENTIONS["paper"]["adamw"]
EXAGGERATED = {dtype: next(regimes("adamw", ADAMW, dtype)) for dtype in ("float32", "float64")}


def test_the_precision_is_raised_until_the_truth_is_known(monkeypatch):
    """With an eighth of the bits the loop must go on until they suffice."""
    exact, asked = enclosure.load("exact"), []

    def scarce(*inputs, bits, **options):
        asked.append(bits)
        return exact.path(*inputs, bits=bits // 8, **options)

    monkeypatch.setattr(enclosure, "load", lambda name: SimpleNamespace(path=scarce))
    case = EXAGGERATED["float64"]
    # a case of its own: enclosures are remembered
    found = enclose(ADAMW, replace(case, hyper={**case.hyper, "eps": 0.1875}))
    assert sorted(set(asked)) == [192, 384, 768]
    assert np.all(found.error <= found.radius * 2.0**-20)


def test_a_ratio_is_a_number_where_something_is_certified():
    one, nan, inf = np.array([[1.0]]), np.nan, np.inf
    rows = [  # got, high, low, error, radius, ratio
        (1.0, 1.0, 0.0, 0.0, 0.5, 0.0),
        (2.0, 1.0, 0.0, 0.0, 0.5, 2.0),
        (0.0, 1.0, 0.0, 0.0, 0.5, 2.0),
        (2.0, 1.0, 0.25, 0.25, 0.5, 2.0),  # the exact value may lie as far as 1
        (0.0, 0.0, 0.0, 0.0, 0.0, 0.0),  # equal, and no room: right
        (1e-300, 0.0, 0.0, 0.0, 0.0, inf),  # no room
        (nan, 1.0, 0.0, 0.0, 0.5, inf),  # no finite number is no answer
        (inf, 1.0, 0.0, 0.0, 0.5, inf),
        (-inf, 1.0, 0.0, 0.0, 0.0, inf),
        (1.0, nan, nan, nan, nan, nan),  # nothing certified
        (nan, nan, nan, nan, nan, nan),
        (1.0, 1.0, 0.0, 0.0, nan, nan),
        (1.0, 1.0, 0.0, 0.0, inf, nan),
    ]
    for got, high, low, error, radius, ratio in rows:
        numbers = (x * one for x in (high, low, error, radius))
        found = Enclosure(*numbers, np.array([[False]]), np.array([[False]]))
        np.testing.assert_allclose(found.ratio(got * one), ratio * one, rtol=1e-12)
        doubtful = replace(found, doubt=np.array([[True]]))
        assert np.isnan(doubtful.ratio(got * one))


def test_what_divides_zero_by_zero_is_certified_by_nobody():
    """eps = 0 and a gradient of 0: nan radii, and only from that step on."""
    hyper = {**EXAGGERATED["float64"].hyper, "eps": 0.0}
    grads = np.array([[1.0, 0.0], [1.0, 1.0]])
    case = Case("0/0", "adamw", "float64", np.ones(2), grads, hyper, np.ones(2))
    found = enclose(ADAMW, case)
    np.testing.assert_array_equal(np.isnan(found.radius), [[False, True], [False, True]])
    np.testing.assert_array_equal(np.isnan(found.ratio(np.ones((2, 2)))), np.isnan(found.radius))


def test_what_may_overflow_is_certified_by_nobody():
    """A square beyond the largest float32; in float64 the same numbers are certified."""
    hyper = EXAGGERATED["float32"].hyper
    grads = np.array([[2.0**63, 2.0**66]])
    for dtype, finite in (("float32", [True, False]), ("float64", [True, True])):
        case = Case("large", "adamw", dtype, *(x.astype(dtype) for x in (np.ones(2), grads)),
                    hyper, np.ones(1))  # fmt: skip
        np.testing.assert_array_equal(np.isfinite(enclose(ADAMW, case).radius), [finite])


def test_cases_of_one_name_are_told_apart():
    """The cache knows a case by its data, dtype and hyperparameters, not by its name alone."""
    case = EXAGGERATED["float64"]
    other = replace(case, hyper={**case.hyper, "eps": 0.5})
    assert enclose(ADAMW, case) is enclose(ADAMW, replace(case))
    assert np.any(enclose(ADAMW, case).high != enclose(ADAMW, other).high)
    narrow = enclose(ADAMW, replace(case, dtype="float32"))
    assert np.max(narrow.radius) > 1e6 * np.max(enclose(ADAMW, case).radius)
