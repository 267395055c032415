"""The suite separates: any two dialects that are not the same function differ on some case by at
least 1,000 times the float32 envelope, and 100,000 times the float64 one.

Pairs that are the same function are named here, with the algebra; there are no others.
"""

import numpy as np
import pytest

from wdref.conventions import dialect
from wdref.dialects import MomentumDialect
from wdref.oracle.cases.suite import regimes
from wdref.oracle.identify.candidates import candidates, trajectories
from wdref.oracle.judge.enclosure import enclose

pytest.importorskip("flint", reason="needs wdref[oracle]")

SEPARATING = ("exaggerated", "bursts")
WANTED = {"float32": 1e3, "float64": 1e5}


def suite(family, dtype, *, clip):
    claim = dialect(family, "pytorch", clip="sum" if clip else "none")
    found = {case.id.split("/")[0]: case for case in regimes(family, claim, dtype)}
    return [found[name] for name in SEPARATING]


def same_function(a, b):
    """Without a buffer the step is θ - η α g, so that a term c θ in g is a decay of η α c.

    l2: c = λ, which is the decay η α λ of `lr`. scaled_l2: s = 1 and c = λ/α, which is the decay
    η λ of `paper`. Both are Proposition 1.
    """
    if not isinstance(a, MomentumDialect) or a.buffer or b.buffer or a.schedule != b.schedule:
        return False
    if (a.order, b.order) != ("together", "together") or a.clip != b.clip or a.clip == "sum":
        return False
    return {a.form, b.form} in ({"l2", "lr"}, {"scaled_l2", "paper"})


def closest(dialects, dtype, family, *, clip, rows):
    """For each dialect of `rows` its nearest other one, in units of its own radius."""
    cases = suite(family, dtype, clip=clip)
    tables = [trajectories(dialects, case).reshape(len(dialects), -1) for case in cases]
    values = np.concatenate(tables, axis=1)
    for i in rows:
        radius = [enclose(dialects[i], case).radius.ravel() for case in cases]
        far = np.max(np.abs(values - values[i]) / np.concatenate(radius), axis=1)
        far[i] = np.inf
        for j in np.argsort(far)[:3]:
            yield float(far[j]), dialects[i], dialects[int(j)]


def check(family, dtype, *, clip, part, parts):
    dialects = candidates(family, clip=clip)
    rows = range(part, len(dialects), parts)
    pairs = list(closest(dialects, dtype, family, clip=clip, rows=rows))
    apart = [ratio for ratio, a, b in pairs if not same_function(a, b)]
    assert min(apart) >= WANTED[dtype]
    together = [ratio for ratio, a, b in pairs if same_function(a, b)]
    assert all(ratio <= 4.0 for ratio in together)


@pytest.mark.parametrize("dtype", WANTED)
@pytest.mark.parametrize("part", range(6))
def test_adam_dialects_are_apart(dtype, part):
    check("adam", dtype, clip=False, part=part, parts=6)


@pytest.mark.parametrize("dtype", WANTED)
def test_momentum_dialects_are_apart(dtype):
    check("sgd", dtype, clip=False, part=0, parts=1)


@pytest.mark.parametrize("dtype", WANTED)
@pytest.mark.parametrize("part", range(8))
def test_adam_dialects_that_clip_are_apart(dtype, part):
    check("adam", dtype, clip=True, part=part, parts=8)


@pytest.mark.parametrize("dtype", WANTED)
def test_momentum_dialects_that_clip_are_apart(dtype):
    check("sgd", dtype, clip=True, part=0, parts=1)


def test_there_are_hundreds():
    assert len(candidates("adam")) > 1500
    assert len(candidates("sgd")) > 400
    for family in ("adam", "sgd"):
        assert len(set(candidates(family))) == len(candidates(family))
