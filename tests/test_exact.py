"""Every exact enclosure contains an independent evaluation, written here from the paper's lines.

The evaluation is mpmath's, at 400 bits, of Algorithms 1 and 2 and of every answer that a dialect
may give instead. Where the truth is 0/0 the ball says so by being not finite; where nothing divides
by 0 it is finite.
"""

from dataclasses import fields
from typing import get_args

import mpmath
import pytest
from by_hand import decays
from flint import arb
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mp, mpf

from wdref.backends.exact.backend import backend
from wdref.conventions import CONVENTIONS
from wdref.dialects import AdamDialect, MomentumDialect
from wdref.rules.clip import NORMS

# -- the paper -------------------------------------------------------------------------------


def algorithm_1(decoupled, h, theta, grads, etas):
    """SGD with momentum and L2, or SGDW, line by line, of one coordinate."""
    alpha, beta1, lam = mpf(h["learning_rate"]), mpf(h["momentum"]), mpf(h["weight_decay"])
    theta, m, path = mpf(theta), mpf(0), []
    for grad, eta in zip(map(mpf, grads), map(mpf, etas), strict=True):
        g = grad if decoupled else grad + lam * theta  # line 6
        m = beta1 * m + eta * alpha * g  # line 8
        theta = theta - m - (eta * lam * theta if decoupled else 0)  # line 9
        path.append(theta)
    return path


def algorithm_2(decoupled, h, theta, grads, etas):
    """Adam with L2, or AdamW, line by line, of one coordinate."""
    alpha, lam, eps = mpf(h["learning_rate"]), mpf(h["weight_decay"]), mpf(h["eps"])
    beta1, beta2 = mpf(h["beta1"]), mpf(h["beta2"])
    theta, m, v, t, path = mpf(theta), mpf(0), mpf(0), 0, []
    for grad, eta in zip(map(mpf, grads), map(mpf, etas), strict=True):
        t = t + 1  # line 4
        g = grad if decoupled else grad + lam * theta  # line 6
        m = beta1 * m + (1 - beta1) * g  # line 7
        v = beta2 * v + (1 - beta2) * g**2  # line 8
        m_hat = m / (1 - beta1**t)  # line 9
        v_hat = v / (1 - beta2**t)  # line 10
        decay = lam * theta if decoupled else 0
        theta = theta - eta * (alpha * m_hat / (mpmath.sqrt(v_hat) + eps) + decay)  # line 12
        path.append(theta)
    return path


# -- every other answer ------------------------------------------------------------------------


def read(d, etas):
    """The multipliers that each step reads: its own, or that of the step before."""
    return map(mpf, [etas[0], *etas[:-1]] if d.schedule == "late" else etas)


def gradient(d, h, grad, l2, theta):
    """∇f(θ), with the L2 term and clipped by value before or after it."""

    def clip(x):
        return max(-mpf(h["clip"]), min(x, mpf(h["clip"])))

    grad = clip(grad) if d.clip == "gradient" else grad
    return clip(grad + l2() * theta) if d.clip == "sum" else grad + l2() * theta


def decayed(d, h, theta, step, eta):
    """The step, and the decay together with it or after it."""
    return decays.decayed(d, theta, step, mpf(h["learning_rate"]), mpf(h["weight_decay"]), eta)


def momentum(d, h, theta, grads, etas):
    """One coordinate of a momentum dialect."""
    alpha, beta1, lam = mpf(h["learning_rate"]), mpf(h["momentum"]), mpf(h["weight_decay"])
    l2 = {"l2": lambda: lam, "scaled_l2": lambda: lam / alpha}.get(d.form, lambda: 0)
    theta, m, path = mpf(theta), mpf(0), []
    for t, (grad, eta) in enumerate(zip(map(mpf, grads), read(d, etas), strict=True), 1):
        g = gradient(d, h, grad, l2, theta)
        weight = {"none": 1, "dampening": 1 - mpf(h["dampening"]), "ema": 1 - beta1}[d.damping]
        if t == 1 and d.first == "gradient":
            weight = 1
        inside = eta * alpha if d.lr == "inside" else 1
        m = (beta1 * m if d.buffer else 0) + inside * weight * g
        ahead = beta1 * m + inside * g if d.nesterov else m
        if d.nesterov == "twice":
            ahead = beta1 * ahead + inside * g
        step = ahead if d.lr == "inside" else eta * alpha * ahead
        theta = decayed(d, h, theta, step, eta)
        if d.nesterov == "reread" and d.buffer:
            m += inside * weight * (gradient(d, h, grad, l2, theta) - g)
        path.append(theta)
    return path


def adam(d, h, theta, grads, etas):
    """One coordinate of an Adam dialect."""
    alpha, lam, eps = mpf(h["learning_rate"]), mpf(h["weight_decay"]), mpf(h["eps"])
    beta1, beta2 = mpf(h["beta1"]), mpf(h["beta2"])

    def correction(beta, n):
        return 1 - beta**n if n > 0 else mpf(1)

    shift = {"ahead": 1, "behind": -1}.get(d.bias, 0)
    theta, m, v, biggest, path = mpf(theta), mpf(0), mpf(0), mpf(0), []
    correct2 = 1 if d.bias in ("none", "first") else correction(beta2, shift)
    before = denominator(d, mpf(0), correct2, eps)
    l2 = {"l2": lambda: lam, "scaled_l2": lambda: lam / alpha * before}.get(d.form, lambda: 0)
    for t, (grad, eta) in enumerate(zip(map(mpf, grads), read(d, etas), strict=True), 1):
        g = gradient(d, h, grad, l2, theta)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        correct1 = 1 if d.bias == "none" else correction(beta1, t + shift)
        correct2 = 1 if d.bias in ("none", "first") else correction(beta2, t + shift)
        m_hat, v_hat = m / correct1, v / correct2
        if d.bias == "in_place":
            m, v = m_hat, v_hat
        if d.amsgrad == "raw":
            biggest = max(biggest, v)
            v_hat = biggest if d.bias == "in_place" else biggest / correct2
        elif d.amsgrad == "hat":
            v_hat = biggest = max(biggest, v_hat)
        before = denominator(d, v_hat, correct2, eps)
        theta = decayed(d, h, theta, eta * alpha * m_hat / before, eta)
        path.append(theta)
    return path


def denominator(d, v_hat, correction, eps):
    root = mpmath.sqrt(v_hat)
    if d.eps == "hat":  # ε joins √v, and both are corrected: (√v + ε)/√(1-β2^t)
        return root + eps / mpmath.sqrt(correction)
    return {
        "outside": root + eps,
        "inside": mpmath.sqrt(v_hat + eps),
        "both": mpmath.sqrt(v_hat + eps) + eps,
        "clamp": max(root, eps),
    }[d.eps]


# -- inputs --------------------------------------------------------------------------------------

decades = st.builds(lambda m, e, s: s * m * 10.0**e, st.floats(1, 9.99), st.integers(-40, 12),
                    st.sampled_from([1, -1]))  # fmt: skip
subnormals = st.integers(-(2**30), 2**30).map(lambda k: k * 5e-324)
numbers = st.one_of(st.just(0.0), st.floats(-4, 4), decades, subnormals)
betas = st.one_of(st.sampled_from([0.0, 0.5, 0.9, 0.999, 1 - 2.0**-53]), st.floats(0, 0.9999))
positive = st.one_of(st.floats(1e-8, 4), st.sampled_from([1e-3, 1.0, 2.0**-30]))
or_zero = st.one_of(st.just(0.0), positive)
HYPER = {"learning_rate": positive, "momentum": betas, "dampening": betas, "beta1": betas,
         "beta2": betas, "eps": positive, "weight_decay": or_zero, "clip": positive}  # fmt: skip


def answers(kind):
    """Every answer that a dialect may give to each question: its fields and their types."""
    types = {f.name: f.type for f in fields(kind)}
    choices = {name: (False, True) if t is bool else get_args(t) for name, t in types.items()}
    # one coordinate has no norm of its tensor: test_clip_by_norm.py
    choices["clip"] = [clip for clip in choices["clip"] if clip not in NORMS]
    return st.builds(kind, **{name: st.sampled_from(choice) for name, choice in choices.items()})


momenta, adams = answers(MomentumDialect), answers(AdamDialect)


@st.composite
def settings_of(draw, **other):
    """Hyperparameters, θ_0 (n,), gradients (T, n) and schedule (T,)."""
    T, n = draw(st.integers(1, 5)), draw(st.integers(1, 3))
    grads = draw(st.lists(st.lists(numbers, min_size=n, max_size=n), min_size=T, max_size=T))
    theta = draw(st.lists(numbers, min_size=n, max_size=n))
    hyper = draw(st.fixed_dictionaries({**HYPER, **other}))
    return hyper, theta, grads, draw(st.lists(or_zero, min_size=T, max_size=T))


def exactly(x):
    """An mpmath number as an exact ball."""
    sign, man, exp, _ = x._mpf_
    return arb(-man if sign else man) * arb(2) ** exp


def check(evaluation, dialect, setting, *, always=True):
    """The balls contain the evaluation; with `always` they are finite wherever it exists."""
    hyper, theta, grads, etas = setting
    balls = backend.trajectory(dialect, theta, grads, hyper, etas)
    for j, start in enumerate(theta):
        column = [row[j] for row in balls]
        try:
            with mp.workprec(400):
                path = evaluation(hyper, start, [g[j] for g in grads], etas)
        except ZeroDivisionError:
            assert not column[-1].is_finite()
            continue
        with backend.precision(3000):
            pairs = [(ball, exactly(x)) for ball, x in zip(column, path, strict=True)]
            assert all(ball.contains(x) for ball, x in pairs if ball.is_finite())
        assert not always or all(ball.is_finite() for ball in column)


# -- the properties ------------------------------------------------------------------------------


@pytest.mark.parametrize("decoupled", [False, True])
@given(setting=settings_of())
def test_algorithm_1_is_contained(decoupled, setting):
    dialect = CONVENTIONS["paper"]["sgdw" if decoupled else "sgd"]
    check(lambda *a: algorithm_1(decoupled, *a), dialect, setting)


@pytest.mark.parametrize("decoupled", [False, True])
@given(setting=settings_of())
def test_algorithm_2_is_contained(decoupled, setting):
    dialect = CONVENTIONS["paper"]["adamw" if decoupled else "adam"]
    check(lambda *a: algorithm_2(decoupled, *a), dialect, setting)


@given(dialect=momenta, setting=settings_of())
def test_momentum_dialects_are_contained(dialect, setting):
    check(lambda *a: momentum(dialect, *a), dialect, setting)


@given(dialect=adams, setting=settings_of())
def test_adam_dialects_are_contained(dialect, setting):
    check(lambda *a: adam(dialect, *a), dialect, setting)


@given(dialect=st.one_of(momenta, adams), setting=settings_of(eps=or_zero, learning_rate=or_zero))
def test_zeros_that_divide_are_not_hidden(dialect, setting):
    """With eps = 0 and learning rate 0 the truth may be 0/0: then the ball is not finite."""
    family = adam if dialect.family == "adam" else momentum
    check(lambda *a: family(dialect, *a), dialect, setting, always=False)
