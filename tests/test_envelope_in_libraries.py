"""Array libraries' own evaluations of the rules stay inside the envelope.

NumPy's and dask's to a ratio of 1; torch's and JAX's, whose √ and contractions are their own, to 4.
"""

from itertools import product

import numpy as np
import pytest

from wdref.conventions import CONVENTIONS
from wdref.oracle.cases.suite import regimes
from wdref.oracle.cases.trajectory import begun, given_at
from wdref.oracle.identify.candidates import candidates
from wdref.oracle.judge.enclosure import enclose
from wdref.rules.remembering import Remembering

DTYPES = ("float32", "float64")
LONG = ("ordinary", "counter")
PAPER = [*dict.fromkeys((*CONVENTIONS["paper"].values(), *CONVENTIONS["pytorch"].values()))]
SOME = [
    d for f in ("adam", "sgd") for clip in (False, True) for d in candidates(f, clip=clip)[::197]
]


def evaluate(dialect, case, asarray):
    """The rule on arrays of a library, (T, n)."""
    theta = asarray(case.theta0)
    slots = [_placed(x, asarray) for x in begun(dialect, case.theta0, case.hyper)]
    path = []
    eta, host = case.eta.tolist(), Remembering(dialect)
    for t, g in enumerate(case.grads, 1):
        s = host.scalars(case.hyper, t, eta[t - 1], before=eta[max(t - 2, 0)])
        given = map(asarray, given_at(dialect, case, t - 1, case.theta0.shape))
        theta, slots = dialect.apply(theta, asarray(g), (*slots, *given), s)
        theta, slots = (
            asarray(theta),
            [_placed(x, asarray) for x in slots],
        )  # what is lazy is computed
        path.append(np.asarray(theta).astype(np.float64))
    return np.array(path)


def _placed(x, asarray):
    return x if isinstance(x, float) else asarray(x)


def worst(dialect, dtype, asarray, *leave_out):
    """Largest ratio over the suite, where anything is certified."""
    suite = [c for c in regimes("any", dialect, dtype) if c.id.partition("/")[0] not in leave_out]
    with np.errstate(all="ignore"):
        ratios = [enclose(dialect, c).ratio(evaluate(dialect, c, asarray)) for c in suite]
    return max(float(np.nanmax(x, initial=0.0)) for x in ratios)  # where nothing is, none


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("dialect", PAPER, ids=range(len(PAPER)))
def test_numpy_over_the_whole_suite(dialect, dtype):
    assert worst(dialect, dtype, np.asarray) <= 1


@pytest.mark.parametrize("dialect", SOME, ids=range(len(SOME)))
def test_numpy_in_other_dialects(dialect):
    assert worst(dialect, "float32", np.asarray, *LONG) <= 1


# one test a library: each process that runs one has to import it


def test_torch():
    torch = pytest.importorskip("torch", reason="the extra `frameworks` installs it")
    for dialect, dtype in product(PAPER, DTYPES):
        assert worst(dialect, dtype, torch.asarray, *LONG) <= 4


def test_jax():
    """All but the subnormal case: XLA's CPU code takes subnormal numbers for 0."""
    jax = pytest.importorskip("jax", reason="the extra `dev` installs it")
    with jax.enable_x64(True):
        for dialect, dtype in product(PAPER, DTYPES):
            assert worst(dialect, dtype, jax.numpy.asarray, *LONG, "subnormal") <= 4


def test_dask():
    dask = pytest.importorskip("dask.array", reason="the extra `dev` installs it")

    def asarray(x):
        return dask.from_array(np.asarray(x), chunks=3)

    left_out = ("restart", "wide", "alternating", "sparse", "bursts", "shrinking", "large",
                "eps-rules", "stop", "awakening", "no-numbers")  # fmt: skip
    for name in ("sgdw", "adamw"):
        assert worst(CONVENTIONS["paper"][name], "float32", asarray, *LONG, *left_out) <= 1
