"""What the tests of rules that look at the tree share: their cases, and the comparison."""

import numpy as np
from mpmath import mp, mpf

from wdref.oracle.cases.shapes import tensors
from wdref.oracle.judge.enclosure import enclose

CASES = ("tensors-empty-last", "groups", "late", "gaps")


def tree_cases(claim, dialect, dtype):
    """Return the cases of several tensors, of which those that are large have few columns."""
    return [c for c in tensors(claim, dialect, dtype) if c.id.partition("/")[0] in CASES]


def check(dialect, by_hand, cases):
    """Compare every value by hand with its enclosure: it lies where that says."""
    assert cases
    with mp.workdps(60):
        for case in cases:
            whole = by_hand(dialect, case)
            for part, rows in zip(case.parts(), whole, strict=True):
                found = enclose(dialect, part)
                assert np.isfinite(found.high).all(), case.id
                for (t, i), error in np.ndenumerate(found.error):
                    exact = mpf(float(found.high[t, i])) + mpf(float(found.low[t, i]))
                    assert abs(rows[t][i] - exact) <= mpf(float(error)) + mpf("1e-45"), case.id
