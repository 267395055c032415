"""Every dialect computes what its answers say: compared with a second evaluation in 60 digits.

The second evaluation stands in this file. It is written coordinate by coordinate from the lines of
Algorithms 1 and 2 and the meaning of each answer, and shares no code with wdref.
"""

from itertools import product

import mpmath
import numpy as np
import pytest
from mpmath import mpf

from wdref.dialects import AdamDialect, MomentumDialect
from wdref.rules.adam import adam, adam_dialect
from wdref.rules.sgd import sgd, sgd_dialect

FORMS = ("none", "l2", "paper", "lr", "fixed", "initial_lr", "scaled_l2")
ORDERS = ("together", "after")
# Exaggerated, so that each answer shows; all of them exact in binary.
HYPER = {"learning_rate": 0.25, "momentum": 0.75, "dampening": 0.375, "beta1": 0.75,
         "beta2": 0.625, "eps": 0.125, "weight_decay": 0.4375, "clip": 0.75}  # fmt: skip
ETA = (1.0, 0.5, 0.75, 0.0, 1.0, 0.25)
THETA = (1.0, -0.5, 0.0)
# They shrink, so that AMSGrad's maximum counts, and change sign.
GRADS = ((2.0, -1.0, 0.25), (-1.0, 0.5, 0.0), (0.5, 0.25, -0.125), (0.125, 0.0625, 0.125),
         (0.0, -0.125, 0.25), (-0.0625, 1.0, 0.5))  # fmt: skip


@pytest.fixture(autouse=True)
def sixty_digits():
    with mpmath.workdps(60):
        yield


def run(d, dtype=np.float64):
    """Parameters after each step, as wdref computes them."""
    theta = np.array(THETA, dtype)
    slots = [np.zeros_like(theta) for _ in d.slots]
    path = []
    for t, (g, eta) in enumerate(zip(GRADS, ETA, strict=True), start=1):
        s = d.scalars(HYPER, t, eta, before=ETA[t - 2] if t > 1 else None)
        theta, slots = d.apply(theta, np.array(g, dtype), slots, s)
        path.append(theta)
    return np.array(path)


def run_60(rule, d):
    """The same in 60 digits: `rule` yields the path of one coordinate."""
    h = {name: mpf(value) for name, value in HYPER.items()}
    columns = [[*rule(d, h, mpf(THETA[i]), [mpf(g[i]) for g in GRADS])] for i in range(3)]
    return np.array([[float(x) for x in column] for column in columns]).T


def multiplier(d, t):
    """η_t for t from 1, or where it is read late the one before; the first step has none before."""
    return mpf(ETA[max(t - 2, 0) if d.schedule == "late" else t - 1])


def gradient(d, h, g, coefficient, theta):
    """Line 6, with the L2 term inside or outside of a clipping by value."""
    bound = h["clip"]
    g = min(max(g, -bound), bound) if d.clip == "gradient" else g
    g = g + coefficient * theta
    return min(max(g, -bound), bound) if d.clip == "sum" else g


def moved(d, h, eta, theta, step):
    """Lines 9 and 12: the step and the decay."""
    alpha = h["learning_rate"]
    factors = {"paper": eta, "lr": eta * alpha, "fixed": 1, "initial_lr": alpha}
    k = factors.get(d.form, 0) * h["weight_decay"]
    if d.order == "after":
        return (1 - k) * (theta - step)
    return (1 - k) * theta - step


def momentum_60(d, h, theta, grads):
    alpha, beta, lam = h["learning_rate"], h["momentum"], h["weight_decay"]
    weights = {"none": 1, "dampening": 1 - h["dampening"], "ema": 1 - beta}
    m = mpf(0)
    coefficient = {"l2": lam, "scaled_l2": lam / alpha}.get(d.form, 0)
    for t, loss in enumerate(grads, start=1):
        eta = multiplier(d, t)
        g = gradient(d, h, loss, coefficient, theta)
        weight = 1 if d.first == "gradient" and t == 1 else weights[d.damping]
        rate = eta * alpha if d.lr == "inside" else 1
        old = beta * m if d.buffer else 0
        m = old + rate * weight * g
        ahead = beta * m + rate * g if d.nesterov else m
        if d.nesterov == "twice":  # as Chainer writes it
            ahead = beta**2 * m + (1 + beta) * rate * g
        step = ahead if d.lr == "inside" else eta * alpha * ahead
        theta = moved(d, h, eta, theta, step)
        if d.nesterov == "reread":  # MXNet's kernel: the weight is written before the buffer
            m = old + rate * weight * gradient(d, h, loss, coefficient, theta)
        yield theta


def denominator(d, v_hat, eps, correction):
    root = mpmath.sqrt(v_hat)
    return {
        "outside": root + eps,
        # √v + ε, and the correction around both
        "hat": (mpmath.sqrt(correction * v_hat) + eps) / mpmath.sqrt(correction),
        "inside": mpmath.sqrt(v_hat + eps),
        "both": mpmath.sqrt(v_hat + eps) + eps,
        "clamp": max(root, eps),
    }[d.eps]


def corrections(d, h, t):
    count = {"ahead": t + 1, "behind": t - 1}.get(d.bias, t)
    first, second = 1 - h["beta1"] ** count, 1 - h["beta2"] ** count
    none = d.bias == "none" or count <= 0  # before the first step there is nothing to correct
    return (1 if none else first), (1 if none or d.bias == "first" else second)


def adam_60(d, h, theta, grads):
    alpha, lam = h["learning_rate"], h["weight_decay"]
    m, v, v_max = mpf(0), mpf(0), mpf(0)
    s = denominator(d, v, h["eps"], corrections(d, h, 0)[1])
    for t, g in enumerate(grads, start=1):
        eta, (first, second) = multiplier(d, t), corrections(d, h, t)
        g = gradient(d, h, g, {"l2": lam, "scaled_l2": lam / alpha * s}.get(d.form, 0), theta)
        m = h["beta1"] * m + (1 - h["beta1"]) * g
        v = h["beta2"] * v + (1 - h["beta2"]) * g**2
        m_hat, v_hat = m / first, v / second
        if d.bias == "in_place":  # corrected where they are stored: raw and hat are one
            m, v = m_hat, v_hat
        if d.amsgrad != "none":
            v_max = max(v_max, v if d.amsgrad == "raw" else v_hat)
            v_hat = v_max / second if (d.amsgrad, d.bias == "in_place") == ("raw", False) else v_max
        s = denominator(d, v_hat, h["eps"], second)
        theta = moved(d, h, eta, theta, eta * alpha * m_hat / s)
        yield theta


@pytest.mark.parametrize("bias", ["both", "none", "first", "ahead", "behind", "in_place"])
@pytest.mark.parametrize("eps", ["outside", "hat", "inside", "both", "clamp"])
def test_adam_dialects(eps, bias):
    for form, order, amsgrad in product(FORMS, ORDERS, ("none", "raw", "hat")):
        d = AdamDialect(form, order, eps, bias, amsgrad)
        np.testing.assert_allclose(run(d), run_60(adam_60, d), rtol=1e-12, atol=1e-13, err_msg=d)


@pytest.mark.parametrize("lr", ["inside", "outside"])
@pytest.mark.parametrize("damping", ["none", "dampening", "ema"])
@pytest.mark.parametrize("first", ["damped", "gradient"])
def test_momentum_dialects(lr, damping, first):
    ahead = (False, True, "twice", "reread")
    for form, order, nesterov, buffer in product(FORMS, ORDERS, ahead, (False, True)):
        d = MomentumDialect(form, order, lr, damping, first, nesterov, buffer)
        want = run_60(momentum_60, d)
        np.testing.assert_allclose(run(d), want, rtol=1e-12, atol=1e-13, err_msg=d)


@pytest.mark.parametrize("schedule", ["now", "late"])
@pytest.mark.parametrize("clip", ["none", "sum", "gradient"])
def test_how_the_schedule_is_read_and_the_gradient_clipped(schedule, clip):
    for form, order, hat in product(FORMS, ORDERS, (False, True)):
        answers = dict(form=form, order=order, schedule=schedule, clip=clip)
        d = AdamDialect(**answers, eps="hat" if hat else "outside", amsgrad="raw")
        np.testing.assert_allclose(run(d), run_60(adam_60, d), rtol=1e-12, atol=1e-13, err_msg=d)
        for nesterov in (True, "reread"):
            d = MomentumDialect(**answers, lr="inside" if hat else "outside", nesterov=nesterov)
            want = run_60(momentum_60, d)
            np.testing.assert_allclose(run(d), want, rtol=1e-12, atol=1e-13, err_msg=d)


def some_arrays(seed, dtype, count):
    """Random bit patterns: all exponents, subnormals, infinities and NaNs."""
    rng = np.random.default_rng(seed)
    integers = f"u{np.dtype(dtype).itemsize}"
    limit = np.iinfo(integers).max
    return [rng.integers(0, limit, 500, integers, endpoint=True).view(dtype) for _ in range(count)]


PAPER = [(sgd, sgd_dialect, MomentumDialect(form)) for form in FORMS]
PAPER += [(adam, adam_dialect, AdamDialect(form)) for form in FORMS if form != "scaled_l2"]
PAPER += [(adam, adam_dialect, AdamDialect(form, eps="hat")) for form in ("l2", "paper", "lr")]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("rule", "general", "d"), PAPER)
def test_the_paper_rule_equals_its_dialect_bit_for_bit(rule, general, d, dtype, same_bits):
    assert d.apply is rule
    theta, g, *slots = some_arrays(7, dtype, 2 + len(d.slots))
    # no power of two among them, which would hide the order of the products
    s = d.scalars({name: value + 0.01 for name, value in HYPER.items()}, 3, 0.3)
    with np.errstate(all="ignore"):
        plain = rule(theta, g, slots, s)
        dialect = general(d, theta, g, slots, s)
    for got, want in zip((dialect[0], *dialect[1]), (plain[0], *plain[1]), strict=True):
        same_bits(got, want)


def test_the_step_of_adam_under_a_constant_gradient():
    # m̂ = g and v̂ = g², so that each step is η α sign(g) and the decay η λ θ: exact in binary
    d = AdamDialect("paper")
    h = {"learning_rate": 0.5, "beta1": 0.5, "beta2": 0.75, "eps": 0.0, "weight_decay": 0.25}
    theta, slots = np.array([1.0, -2.0]), [np.zeros(2), np.zeros(2)]
    theta, slots = d.apply(theta, np.array([4.0, -8.0]), slots, d.scalars(h, 1, 1.0))
    np.testing.assert_array_equal(theta, [1 - 0.5 - 0.25, -2 + 0.5 + 0.5])
    theta, slots = d.apply(theta, np.array([4.0, -8.0]), slots, d.scalars(h, 2, 0.5))
    np.testing.assert_allclose(theta, [0.25 - 0.25 - 0.03125, -1 + 0.25 + 0.125], rtol=1e-15)


def test_the_scalars_are_python_floats():
    for d in (AdamDialect("lr", eps="hat"), AdamDialect("scaled_l2"), MomentumDialect("paper")):
        assert {type(x) for x in d.scalars(HYPER, 2, 0.5)} <= {float, type(None)}
