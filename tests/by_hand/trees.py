"""What the tests of rules that look at the tree share: their cases, and the comparison."""

from itertools import combinations

import numpy as np
from mpmath import mp, mpf

from wdref.oracle.cases.shapes import tensors
from wdref.oracle.cases.suite import regimes
from wdref.oracle.cases.together import trajectories
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


def apart(claim, some, dialect, *, plans=("exaggerated", "bursts")):
    """Compare any two dialects: somewhere they are 1,000 radii from each other."""
    cases = [c for c in regimes(claim, dialect, "float64") if c.id.partition("/")[0] in plans]
    values = [trajectories(some, case) for case in cases]
    radii = [[enclose(d, case).radius for d in some] for case in cases]
    for i, j in combinations(range(len(some)), 2):
        far = [np.nanmax(np.abs(x[i] - x[j]) / r[i]) for x, r in zip(values, radii, strict=True)]
        assert max(far) > 1e3, (some[i], some[j])


def bits_of(method, backend, same_bits, **options):
    """Compare some steps in place with the plain ones, of tensors of several sizes."""
    rng, results = np.random.default_rng(1), []
    params = {k: rng.normal(size=n).astype("float32")
              for k, n in {"a": 3, "b": 0, "c": 70, "d": 1}.items()}  # fmt: skip
    for name in ("plain", backend):
        opt = method(weight_decay=0.1, backend=name, **options)
        own = {k: x.copy() for k, x in params.items()}
        state = opt.init(own)
        for _ in range(4):
            grads = {k: np.full_like(x, 0.5) + x for k, x in own.items()}
            state = opt.step(own, grads, state)
        slots = [x for tree in state.slots.values() for x in tree.values()]
        results.append([*own.values(), *slots])
    for got, want in zip(*results, strict=True):
        same_bits(got, want)
