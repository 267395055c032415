"""The suite separates: any two dialects that are not the same function differ on some case by at
least 1,000 times the float32 envelope, and 100,000 times the float64 one.

Pairs that are the same function are named here, with the algebra; there are no others.
"""

from collections import defaultdict
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest

from wdref.backend import load
from wdref.conventions import CONVENTIONS, dialect
from wdref.engine.arithmetic import CORRECT, Arithmetic
from wdref.oracle.cases.suite import regimes
from wdref.oracle.cases.together import trajectories
from wdref.oracle.cases.trajectory import given_at
from wdref.oracle.identify.candidates import candidates
from wdref.oracle.judge.enclosure import enclose
from wdref.oracle.watch.bounds import Bounds, Rounds, midpoint_dtype
from wdref.oracle.watch.step import _number
from wdref.rules.registry import families
from wdref.rules.shapes import PARAMETERS, scope_of

pytest.importorskip("flint", reason="needs wdref[oracle]")

SEPARATING = ("exaggerated", "bursts")
# whose first step is beyond its bounds; whose ε counts where β2 is near 1, late
ALSO = {"rprop": ("rate-2",), "radam": ("rate-2", "awakening")}
WANTED = {"float32": 1e3, "float64": 1e5}
# Of very many dialects some are asked, each of all the others. Prime to the answers of each
# question, so that all come up; what clips differs but in that from what does not.
EVERY = {"rmsprop": 7}
CLIPPED = {"adam": 7, "sgd": 5, "rmsprop": 13}
# What looks at more than an element is told apart in its family's own file, by whole tensors.
ELEMENTWISE = sorted(name for name, f in families().items() if scope_of(f.dialect()) == "element")
READS_ALL = {"rmsprop": {"start": "value"}}  # answers under which every hyperparameter is read


def suite(family, dtype, *, clip):
    convention = "pytorch" if family in CONVENTIONS["pytorch"] else "paper"
    claim = dialect(family, convention, clip="sum" if clip else "none",
                    **READS_ALL.get(family, {}))  # fmt: skip
    found = {case.id.split("/")[0]: case for case in regimes(family, claim, dtype)}
    return [found[name] for name in (*SEPARATING, *ALSO.get(family, ()))]


def same_function(a, b):
    """Without a buffer the step is θ - η α g, so that a term c θ in g is a decay of η α c.

    l2: c = λ, which is the decay η α λ of `lr`. scaled_l2: s = 1 and c = λ/α, which is the decay
    η λ of `paper`. Both are Proposition 1.
    """
    if a.family != "sgd" or a.buffer or b.buffer or a.schedule != b.schedule:
        return False
    if (a.order, b.order) != ("together", "together") or a.clip != b.clip or a.clip == "sum":
        return False
    return {a.form, b.form} in ({"l2", "lr"}, {"scaled_l2", "paper"})


def uncertain(d):
    """Centered RMSprop whose averages start at 0 and are corrected, with ε outside the root.

    At step 1 v̂ is g² and the corrected average g: their difference is 0, rounded it may be below,
    and its root no number. Nothing of it is certified, and nothing can be told from it.
    """
    asked = ("centered", "bias", "start", "eps")
    return [getattr(d, name, None) for name in asked] == [True, "corrected", "zero", "outside"]


def radii(dialects, case):
    """Bounds of the radius around each dialect's values: (dialects, T * n).

    Every candidate at once, in midpoint-radius arithmetic: no less than the enclosure of each.
    """
    kind = midpoint_dtype(case.dtype)
    rounds = Rounds.of(case.dtype, CORRECT)
    found = np.empty((len(dialects), case.grads.size))
    together = defaultdict(list)
    for i, d in enumerate(dialects):
        together[d.structure()].append(i)
    for structure, members in together.items():
        rule, n = structure.rule(), len(case.theta0)

        repeated = partial(tiled, count=len(members), kind=kind, rounds=rounds)
        theta, starts = repeated(case.theta0), structure.starts(case.hyper)
        begun = (case.theta0 if x == PARAMETERS else 0 * case.theta0 + x for x in starts)
        slots, path = [repeated(x) for x in begun], []
        for t, g in enumerate(case.grads, start=1):
            s = columns([scalars(dialects[i], case, t) for i in members], n, kind, rounds)
            given = map(repeated, given_at(structure, case, t - 1, n))
            theta, slots = rule(theta, repeated(g), (*slots, *given), s)
            rad = theta.rad[0] + theta.rad[1]
            path.append(np.where(np.isfinite(theta.mid), rad, np.nan).reshape(len(members), n))
        found[members] = np.concatenate(path, axis=1)
    return found


def tiled(x, *, count, kind, rounds):
    return Bounds(np.tile(x.astype(kind), count), None, rounds)


def scalars(d, case, t):
    eta, before = (float(case.eta[max(k, 0)]) for k in (t - 1, t - 2))
    return shared_scalars(key_of(d), tuple(case.hyper.items()), case.dtype, t, eta, before)


@cache
def key_of(d):
    return d.scalar_key()


@cache
def shared_scalars(d, hyper, dtype, t, eta, before):
    """For each scalar its ball, and the ball of what a host may hold."""
    exact, given = load("exact"), (d, dict(hyper), t, eta)
    real = exact.scalars(*given, before=before)
    wide = exact.scalars(*given, before=before, arithmetic=Arithmetic.of(dtype))
    pairs = zip(real, wide, strict=True)
    return type(real)(*(None if x is None else _number((x, y), *KINDS[dtype]) for x, y in pairs))


KINDS = {dtype: (midpoint_dtype(dtype), Rounds.of(dtype, CORRECT)) for dtype in WANTED}


def columns(rows, n, kind, rounds):
    """One number for every dialect, over and over for its `n` columns."""

    def column(values):
        if values[0] is None:
            return None
        mid = np.repeat(np.concatenate([x.mid for x in values]), n)
        return Bounds(mid, np.repeat(np.concatenate([x.rad for x in values], axis=1), n, axis=1),
                      rounds)  # fmt: skip

    return type(rows[0])(*map(column, zip(*rows, strict=True)))


def closest(dialects, dtype, family, *, clip):
    """For each dialect that is asked its nearest others, in units of its own radius."""
    asked = range(0, len(dialects), (CLIPPED if clip else EVERY).get(family, 1))
    cases = suite(family, dtype, clip=clip)
    with np.errstate(all="ignore"):
        tables = [trajectories(dialects, case).reshape(len(dialects), -1) for case in cases]
        values = np.concatenate(tables, axis=1)
        radius = np.concatenate(
            [radii([dialects[i] for i in asked], case) for case in cases], axis=1
        )
    known = np.isfinite(radius) & (radius > 0)  # elsewhere a value separates nothing
    # without ε a step of RAdam is 0/0 where no gradient ever was
    assert np.mean(known) > (0.8 if family == "radam" else 0.95)
    for i, mine, certain in zip(asked, radius, known, strict=True):
        far = np.max(np.abs(values - values[i])[:, certain] / mine[certain], axis=1)
        far[i] = np.inf
        for j in np.argsort(far)[:3]:
            yield float(far[j]), dialects[i], dialects[int(j)]


@pytest.mark.parametrize("dtype", WANTED)
@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize("family", ELEMENTWISE)
def test_dialects_are_apart(family, clip, dtype):
    dialects = [d for d in candidates(family, clip=clip) if not uncertain(d)]
    pairs = list(closest(dialects, dtype, family, clip=clip))
    apart = [ratio for ratio, a, b in pairs if not same_function(a, b)]
    assert min(apart) >= WANTED[dtype]
    together = [ratio for ratio, a, b in pairs if same_function(a, b)]
    assert all(ratio <= 4.0 for ratio in together)


@pytest.mark.parametrize("dtype", WANTED)
@pytest.mark.parametrize(("family", "every"), [("adam", 97), ("adagrad", 31), ("rmsprop", 197)])
def test_the_bounds_are_no_less_than_the_enclosures(family, every, dtype):
    case = suite(family, dtype, clip=False)[0]
    some = [d for d in candidates(family)[::every] if not uncertain(d)]
    if family == "adagrad":  # the one with a choice, which is no candidate
        some.append(dialect("adagrad", "optax"))
    with np.errstate(all="ignore"):
        bounds = radii(some, case)
    for d, radius in zip(some, bounds, strict=True):
        own = enclose(d, case).radius.ravel()
        assert np.all(own <= radius * (1 + 1e-9))
        assert np.all(radius <= 10 * own)


def test_every_other_family_has_a_file_of_its_own():
    """Which is to ask the same of it, named so that it is found."""
    own = Path(__file__).parent
    for family in sorted(set(families()) - set(ELEMENTWISE)):
        text = own.joinpath(f"test_{family}.py").read_text("utf-8")
        assert "_are_apart" in text, family


def test_there_are_hundreds():
    assert len(candidates("adam")) > 1500
    assert len(candidates("sgd")) > 400
    for family in ("adam", "sgd"):
        assert len(set(candidates(family))) == len(candidates(family))
