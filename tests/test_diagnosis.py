"""What the oracle says of an implementation is read: a place, a true reason, no false sentence.

Each subject is a right AdamW with one thing other. What must be said of it is given by hand, and
what would be false of it.
"""

from types import SimpleNamespace

import numpy as np
import pytest

from wdref.conventions import dialect
from wdref.oracle.cases.case import rounded
from wdref.oracle.cases.suite import probes
from wdref.oracle.identify.diagnosis import diagnose, said
from wdref.oracle.identify.identify import identify
from wdref.oracle.targets.targets import Result
from wdref.oracle.targets.worker import NEEDS, REFUSABLE, flat

pytest.importorskip("flint", reason="needs wdref[oracle]")

DTYPES = ("float64", "float32")


def adamw(case, *, grad=None, decay=None, update=None, flush=lambda x: x, hyper=None, eta=None):
    """A right AdamW in PyTorch's convention; each argument is a place where one can go wrong."""
    h, f = {**case.hyper, **(hyper or {})}, case.theta0.dtype.type
    theta, path = case.theta0.copy(), []
    m, v = np.zeros_like(theta), np.zeros_like(theta)
    with np.errstate(all="ignore"):
        for t, g in enumerate(case.grads, start=1):
            lr = (float(case.eta[t - 1]) if eta is None else eta) * h["learning_rate"]
            g = flush(grad(g, f) if grad else g)
            m = flush(f(h["beta1"]) * m + f(1 - h["beta1"]) * g)
            v = flush(f(h["beta2"]) * v + f(1 - h["beta2"]) * flush(g * g))
            m_hat, v_hat = m / f(1 - h["beta1"] ** t), v / f(1 - h["beta2"] ** t)
            u = (update or plain)(m_hat, v_hat, f(h["eps"]))
            k = f(lr * h["weight_decay"])
            theta = theta - f(lr) * u - (decay(k, theta, h) if decay else k * theta)
            path.append(theta)
    return np.array(path).reshape(case.grads.shape)


def plain(m, v, eps):
    return m / (np.sqrt(v) + eps)


def tiny_is_zero(x):
    return np.where(np.abs(x) < np.finfo(x.dtype).tiny, x * 0, x).astype(x.dtype)


def lerp(case):
    h, f = case.hyper, case.theta0.dtype.type
    theta, path = case.theta0.copy(), []
    m, v = np.zeros_like(theta), np.zeros_like(theta)
    w1, w2 = f(h["beta1"]), f(h["beta2"])
    with np.errstate(all="ignore"):
        for t, (g, eta) in enumerate(zip(case.grads, case.eta.tolist(), strict=True), start=1):
            m, v = w1 * m + (g - w1 * g), w2 * v + (g * g - w2 * (g * g))
            u = m / f(1 - h["beta1"] ** t) / (np.sqrt(v / f(1 - h["beta2"] ** t)) + f(h["eps"]))
            theta = theta - f(eta * h["learning_rate"]) * (u + f(h["weight_decay"]) * theta)
            path.append(theta)
    return np.array(path).reshape(case.grads.shape)


def in_float32(case):
    narrow = SimpleNamespace(**vars(case))
    with np.errstate(all="ignore"):
        narrow.theta0, narrow.grads = (x.astype(np.float32) for x in (case.theta0, case.grads))
    return adamw(narrow).astype(case.theta0.dtype)


def in_bfloat16(x):
    return float(rounded(np.array(x), "bfloat16"))


def last_row(case):
    path = adamw(case)
    path[:] = path[-1:]
    return path


def lost_eps(m, v, eps):
    return m / (np.sqrt(v) + eps * (v > 0))


def ran(run, case):
    if set(case.flags) & set(NEEDS):
        return Result("unsupported", message="run.supports has no 'tensors'")
    try:
        return Result("ok", flat(run(case), case.grads.shape))
    except ValueError as error:
        refused = set(case.flags) & set(REFUSABLE)
        return Result("unsupported" if refused else "error", message=str(error))


def diagnosis_of(run):
    claim = dialect("adamw", "pytorch")
    cases = [c for dtype in DTYPES for c in probes("adamw", claim, dtype) if "long" not in c.flags]
    return diagnose(claim, cases, [ran(run, case) for case in cases])


RIGHT = {
    "as it is": adamw,
    "reciprocal": lambda c: adamw(c, update=lambda m, v, e: m * (1 / (np.sqrt(v) + e))),
    "flushes": lambda c: adamw(c, flush=tiny_is_zero),
}


@pytest.mark.parametrize("run", RIGHT.values(), ids=RIGHT)
def test_what_is_right_conforms(run):
    found = diagnosis_of(run)
    assert found.verdict == "conforms"
    assert found.lines() == (
        ["subnormal numbers are taken for 0"] if run is RIGHT["flushes"] else []
    )


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (in_float32, "computed in float32"),
        (lerp, "averages made as β m + (g - β g), which cancels"),
        (RIGHT["flushes"], "subnormal numbers are taken for 0"),
        (adamw, ""),
    ],
)
def test_a_name_comes_with_what_the_numbers_show(run, words):
    claim = dialect("adamw", "pytorch")
    cases = [c for dtype in DTYPES for c in probes("adamw", claim, dtype) if "long" not in c.flags]
    identity = identify(cases, [ran(run, case) for case in cases], "adam", claim=claim)
    assert identity.certified
    assert identity.remarks == ((words,) if words else ())
    assert identity.as_json()["remarks"] == list(identity.remarks)
    (name,) = (line for line in said(identity) if line.startswith("is"))
    assert name.endswith(f"), {words}:" if words else "):")


TOLD = {
    "lerp": (lerp, "imprecise: averages made as β m + (g - β g), which cancels"),
    "float32": (in_float32, "imprecise: computed in float32"),
    "schedule": (lambda c: adamw(c, eta=1.0), "the schedule (case.eta) is not applied"),
    "decay twice": (lambda c: adamw(c, decay=lambda k, x, h: (k + k) * x), "twice the decay"),
    "decay 5": (lambda c: adamw(c, decay=lambda k, x, h: k * 5 * x), "5 times the decay"),
    "growth": (lambda c: adamw(c, decay=lambda k, x, h: -k * x), "the decay has the wrong sign"),
    "rate squared": (
        lambda c: adamw(c, decay=lambda k, x, h: k * x.dtype.type(h["learning_rate"]) * x),
        "the decay is multiplied by learning_rate",
    ),
    "batch": (lambda c: adamw(c, grad=lambda g, f: g / f(128)), "1/128 of the gradient"),
    "eps": (lambda c: adamw(c, hyper={"eps": 1e-8}), "eps is not read: 1e-08 is taken"),
    "beta2": (lambda c: adamw(c, hyper={"beta2": 0.999}), "beta2 is not read: 0.999 is taken"),
    "bfloat16": (
        lambda c: adamw(c, hyper={name: in_bfloat16(x) for name, x in c.hyper.items()}),
        "the hyperparameters are rounded to bfloat16",
    ),
    "no copy": (last_row, "every row is the last: append a copy of θ"),
    "no decay": (
        lambda c: adamw(c, decay=lambda k, x, h: 0 * x),
        "the weight decay is not applied",
    ),
    "small": (
        lambda c: adamw(c, decay=lambda k, x, h: np.where(np.abs(x) < 1e-3, 0, k) * x),
        "every case that deviates has parameters below 2^-10",
    ),
    "NaN": (
        lambda c: adamw(c, update=lost_eps),
        "NaN, where every gradient so far is 0",
    ),
}


@pytest.mark.parametrize(("run", "words"), TOLD.values(), ids=TOLD)
def test_what_is_other_is_told(run, words):
    found = diagnosis_of(run)
    lines = found.lines()
    assert found.verdict in ("imprecise", "deviates")
    assert any(words in line for line in lines), lines
    # what is other is said once, and a place where it is seen
    if found.verdict == "deviates":
        where = found.where
        assert where.case in {v.id for v in found.verdicts if v.verdict == "deviates"}
        assert where.step >= 1
        assert where.coordinate >= 0
        assert any(str(where) in line for line in lines)
    assert not [line for line in lines if "in float32" in line and "float32" not in words]


@pytest.mark.parametrize("run", [run for run, _ in TOLD.values()], ids=TOLD)
def test_a_name_without_but_is_certified(run):
    identity = diagnosis_of(run).identity
    if identity is not None and identity.as_json()["match"] is not None:
        assert identity.but is None
        assert identity.certified


def test_a_rate_in_float32_is_not_taken_for_the_corrections():
    """Its products are float32 too, so that no numbers alone give it: each case could be either."""

    def run(case):
        rate = [np.float32(x) * np.float32(case.hyper["learning_rate"]) for x in case.eta]
        narrow = SimpleNamespace(**vars(case))
        narrow.eta = np.array(rate, dtype=float)
        narrow.hyper = {**case.hyper, "learning_rate": 1.0}
        k = [float(x * np.float32(case.hyper["weight_decay"])) for x in rate]
        steps = iter(k)
        return adamw(narrow, decay=lambda _, x, h: x.dtype.type(next(steps)) * x)

    found = diagnosis_of(run)
    assert found.verdict == "imprecise"
    told = {v.message for v in found.verdicts if v.verdict == "imprecise"}
    assert told
    assert not [words for words in told if "bias" in words or "betas" in words]


def test_one_wrong_shape_is_one_line():
    lines = diagnosis_of(lambda case: adamw(case)[:-1]).lines()
    assert len(lines) == 1
    assert lines[0].startswith("error: run returned shape (T-1, n): expected (T, n)")
    assert "more like it" in lines[0]


def test_the_weight_decay_that_is_not_applied_is_told_first():
    run, words = TOLD["no decay"]
    lines = diagnosis_of(run).lines()
    assert lines[0] == words
    assert not [line for line in lines if line.startswith("known bug")]
