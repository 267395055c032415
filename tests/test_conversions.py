"""A converted setting is the same training, or the error says why none exists.

Proven on settings that Hypothesis chooses, with an evaluation that stands here: SGD with and
without momentum in exact fractions, where both trainings must be equal, Adam in 50 digits, where
they agree to 1e-40.
"""

import math
import re
from dataclasses import replace
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wdref
from wdref import schedules
from wdref.decay import Setting, rewrite
from wdref.rules.registry import families

FORMS = ("paper", "lr", "fixed", "initial_lr", "l2", "scaled_l2")
DECOUPLED = FORMS[:4]
GRADS = (Fraction(3), Fraction(-1, 2), Fraction(1, 8), Fraction(-2))
THETA = Fraction(5, 4)


def exactly(text):
    return rf"\A{re.escape(text)}\Z"


def moved(setting, theta, u, t, eta):
    """θ after the decay of step t, whose direction is u, read off the table of the forms."""
    alpha, lam = setting.learning_rate, value_at(setting.weight_decay, t)
    factors = {"paper": eta, "lr": eta * alpha, "fixed": 1, "initial_lr": alpha}
    k = factors.get(setting.form, 0) * lam
    return (1 - k) * (theta - u) if setting.order == "after" else theta - u - k * theta


def coupled(setting, theta, t):
    """What is added to the gradient."""
    lam = value_at(setting.weight_decay, t)
    if setting.form == "scaled_l2":  # plain SGD: the denominator is 1
        return lam / setting.learning_rate * theta
    return lam * theta if setting.form == "l2" else 0


def value_at(lam, t):
    return lam(t) if callable(lam) else lam


def sgd(setting, momentum=0):
    theta, m = THETA, 0
    for t, g in enumerate(GRADS, start=1):
        eta = setting.schedule(t)
        m = momentum * m + eta * setting.learning_rate * (g + coupled(setting, theta, t))
        theta = moved(setting, theta, m, t, eta)
        yield theta


def adam(setting):
    theta, m, v = mpmath.mpf(THETA.numerator) / THETA.denominator, 0, 0
    beta1, beta2, eps = mpmath.mpf("0.8"), mpmath.mpf("0.7"), mpmath.mpf("0.2")
    for t, fraction in enumerate(GRADS, start=1):
        g, eta = mpmath.mpf(fraction.numerator) / fraction.denominator, setting.schedule(t)
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
        u = m / (1 - beta1**t) / (mpmath.sqrt(v / (1 - beta2**t)) + eps)
        theta = moved(setting, theta, eta * setting.learning_rate * u, t, eta)
        yield theta


fractions = st.fractions(Fraction(1, 100), Fraction(9, 10), max_denominator=100)
etas = st.lists(fractions, min_size=4, max_size=4)
orders = st.sampled_from(["together", "after"])


@st.composite
def settings(draw, forms, number=lambda x: x):
    path = [number(x) for x in draw(etas)]
    form, order = draw(st.sampled_from(forms)), draw(orders)
    alpha, lam = number(draw(fractions)), number(draw(fractions))
    return Setting(form, alpha, lam, lambda t: path[t - 1], order)


@given(settings(FORMS),
       st.sampled_from(FORMS), orders)  # fmt: skip
def test_plain_sgd_in_exact_fractions(setting, form, order):
    # Proposition 1 among them: without momentum decay and L2 are one
    got = rewrite(setting, form, order=order, rule="sgd", varying=True)
    assert got.form == form
    assert list(sgd(got)) == list(sgd(setting))


@given(settings(DECOUPLED), st.sampled_from(DECOUPLED), fractions)
def test_sgd_with_momentum_in_exact_fractions(setting, form, momentum):
    got = rewrite(setting, form, rule="sgd", momentum=float(momentum), varying=True)
    assert list(sgd(got, momentum)) == list(sgd(setting, momentum))


@given(settings(DECOUPLED), st.sampled_from(DECOUPLED), orders, fractions)
def test_the_order_with_momentum(setting, form, order, momentum):
    # without a schedule: under one, no rescaling of the buffer's content exists
    constant = replace(setting, schedule=schedules.Constant(Fraction(1)))
    got = rewrite(constant, form, order=order, rule="sgd", momentum=float(momentum))
    assert list(sgd(got, momentum)) == list(sgd(constant, momentum))


def mpf(fraction):
    return mpmath.mpf(fraction.numerator) / fraction.denominator


@given(st.data(), st.sampled_from(DECOUPLED), orders)
def test_adam_in_50_digits(data, form, order):
    with mpmath.workdps(50):
        setting = data.draw(settings(DECOUPLED, mpf))
        got = rewrite(setting, form, order=order, varying=True)
        for a, b in zip(adam(got), adam(setting), strict=True):
            assert abs(a - b) <= mpmath.mpf("1e-40") * max(abs(b), 1)


def test_without_a_schedule_plain_numbers_come_back():
    for form in DECOUPLED:
        for order in ("together", "after"):
            got = rewrite(Setting("paper", 0.5, 0.25), form, order=order)
            assert isinstance(got.weight_decay, float)
            assert got.schedule == schedules.Constant()
    assert rewrite(Setting("lr", 0.001, 0.01), "paper").weight_decay == pytest.approx(1e-5)


def test_a_schedule_that_both_forms_read_needs_no_function():
    schedule = schedules.cosine(4)
    got = rewrite(Setting("lr", 0.001, 0.01, schedule), "paper")
    assert (got.weight_decay, got.schedule) == (0.01 * 0.001, schedule)


def test_varying_gives_functions_of_t():
    schedule = schedules.warm_up(3)
    got = rewrite(Setting("paper", 0.1, 0.25, schedule), "fixed", varying=True)
    assert [got.weight_decay(t) for t in (1, 2, 3, 4)] == pytest.approx([1 / 12, 1 / 6, 0.25, 0.25])
    got = rewrite(Setting("paper", 0.1, 0.25, schedule), "paper", order="after", varying=True)
    assert got.schedule(4) == pytest.approx(1 / 0.75)


def test_optimizers_agree_after_a_conversion():
    paper = Setting("paper", 0.1, 0.05, schedules.cosine(6))
    rng, paths = np.random.default_rng(2), []
    grads = rng.normal(size=(5, 3))
    for s in (paper, rewrite(paper, "lr"), rewrite(paper, "fixed", varying=True)):
        opt = wdref.AdamW(
            learning_rate=s.learning_rate,
            weight_decay=s.weight_decay,
            schedule=s.schedule,
            form=s.form,
        )
        theta, state = np.ones(3), opt.init(np.ones(3))
        for g in grads:
            theta, state = opt.update(theta, g, state)
        paths.append(theta)
    np.testing.assert_allclose(paths[1:], paths[:1] * 2, rtol=1e-13)


COSINE = schedules.cosine(4)
REFUSALS = [
    (Setting("l2", 0.1, 0.1), dict(form="paper"),
     "no exact conversion from 'l2' to 'paper' for adam: l2 is divided by the preconditioner, "
     "which differs by coordinate and step, so that no λ' serves all (Proposition 2; Proposition 3 "
     "needs a fixed preconditioner)"),
    (Setting("paper", 0.1, 0.1), dict(form="scaled_l2", rule="sgd", momentum=0.9),
     "no exact conversion from 'paper' to 'scaled_l2' with momentum=0.9: scaled_l2 enters the "
     "momentum buffer and acts on later steps too (Proposition 1 is for SGD without momentum)"),
    (Setting("paper", 0.1, 0.1, COSINE), dict(form="initial_lr"),
     "from 'paper' to 'initial_lr' under a schedule λ must change with t (λ_t = k_t up to a "
     "constant): pass varying=True to get it as a function"),
    (Setting("paper", 0.1, 0.1, COSINE), dict(form="fixed"),
     "from 'paper' to 'fixed' under a schedule λ must change with t (λ_t = k_t up to a constant): "
     "pass varying=True to get it as a function"),
    (Setting("fixed", 0.1, 0.1, COSINE), dict(form="lr"),
     "from 'fixed' to 'lr' under a schedule λ must change with t (λ_t = k_t / η_t up to a "
     "constant): pass varying=True to get it as a function"),
    (Setting("paper", 0.1, 0.1, COSINE), dict(form="paper", order="after"),
     "from order 'together' to 'after' under a schedule the step must be rescaled by 1 - k_t, "
     "which changes with t: pass varying=True to get the schedule"),
    (Setting("paper", 0.1, 0.1, COSINE),
     dict(form="paper", order="after", rule="sgd", momentum=0.9, varying=True),
     "no exact conversion from order 'together' to 'after' under a schedule with momentum=0.9: the "
     "buffer holds the steps before, and 1 - k_t, which changes with t, would have to rescale them "
     "all"),
    (Setting("fixed", 0.1, 1.5), dict(form="fixed", order="after"),
     "no exact conversion to order 'after': the decay at t=1 is 1.5 >= 1"),
    (Setting("paper", 0.0, 0.1), dict(form="lr"),
     "no exact conversion: with learning_rate=0 form 'lr' allows no decay"),
    (Setting("paper", 0.1, 0.1), dict(form="none"),
     "form='none': expected one of l2, paper, lr, fixed, initial_lr, scaled_l2, "
     "proximal, corrected, masked"),
    (Setting("decoupled", 0.1, 0.1), dict(form="lr"),
     "form='decoupled': expected one of l2, paper, lr, fixed, initial_lr, scaled_l2, "
     "proximal, corrected, masked"),
    (Setting("paper", 0.1, 0.1), dict(form="lr", order="before"),
     "order='before': expected one of together, after"),
    (Setting("paper", 0.1, 0.1), dict(form="lr", rule="shampoo"),
     "rule='shampoo': expected one of " + ", ".join(families())),
    (Setting("paper", -0.1, 0.1), dict(form="lr"),
     "learning_rate=-0.1: expected a finite number >= 0"),
    (Setting("paper", 0.0, 0.1), dict(form="scaled_l2", rule="sgd"),
     "learning_rate=0.0: expected a finite number > 0"),
    (Setting("paper", 0.1, math.nan), dict(form="lr"),
     "weight_decay=nan: expected a finite number >= 0"),
    (Setting("paper", 0.1, 0.1), dict(form="lr", rule="sgd", momentum=1.0),
     "momentum=1.0: expected a finite number >= 0 and < 1"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("setting", "asked", "text"), REFUSALS, ids=[text[:40] for *_, text in REFUSALS]
)
def test_refusals(setting, asked, text):
    with pytest.raises(ValueError, match=exactly(text)):
        rewrite(setting, **asked)


def test_no_decay_is_left_where_the_schedule_is_zero():
    got = rewrite(Setting("fixed", 0.1, 0.1, lambda t: 0.0), "paper", varying=True)
    with pytest.raises(
        ValueError, match=re.escape("at t=1 the decay is 0.1 but η_t α = 0 in form")
    ):
        got.weight_decay(1)
    assert rewrite(Setting("lr", 0.0, 0.1), "paper").weight_decay == 0.0
