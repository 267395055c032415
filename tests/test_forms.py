"""The forms of decay that few programs ship: proximal, corrected, masked.

What their programs compute, written here as they write it, is judged and named; what rewriting them
gives is the same training, in exact fractions. Every other property they share with all forms, in
the tests of the families.
"""

from dataclasses import replace
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wdref
from wdref.conventions import dialect
from wdref.decay import NoConversion, Setting, rewrite
from wdref.dialects import AdamDialect, LionDialect, MomentumDialect
from wdref.oracle.cases.suite import regimes
from wdref.oracle.identify.candidates import candidates
from wdref.oracle.identify.identify import identify
from wdref.oracle.judge.enclosure import enclose
from wdref.oracle.judge.verdict import judge
from wdref.oracle.targets.targets import Result
from wdref.oracle.vectors.flags import bugs_of, shows
from wdref.schedules import Constant

FORMS = ("proximal", "corrected", "masked")
NAMES = ("exaggerated", "bursts", "shrinking", "sparse", "first", "stop")

# -- what programs write ---------------------------------------------------------------------------


def divided(theta, step, lr, top, lam):
    """Adan, optimi; TensorFlow's ApplyProximalGradientDescent without l1."""
    return (theta - step) / (1 + lr * lam)


def by_the_highest(theta, step, lr, top, lam):
    """timm's corrected_weight_decay, heavyball: p.mul_(1 - lr**2 / max_lr * weight_decay)."""
    return theta * (1 - lr**2 / top * lam) - step


def cautious(theta, step, lr, top, lam):
    """Algorithm 1 of arXiv 2510.12402, before the step, as dion has it."""
    return theta * (1 - lr * lam * (step * theta >= 0)) - step


PROGRAMS = {"proximal": divided, "corrected": by_the_highest, "masked": cautious}


def adam(move):
    def run(case):
        h, path = case.hyper, []
        theta, m, v = case.theta0.astype(float), 0.0, 0.0
        for t, (g, eta) in enumerate(zip(case.grads, case.eta, strict=True), start=1):
            lr = eta * h["learning_rate"]
            m = h["beta1"] * m + (1 - h["beta1"]) * g
            v = h["beta2"] * v + (1 - h["beta2"]) * g * g
            m_hat, v_hat = m / (1 - h["beta1"] ** t), v / (1 - h["beta2"] ** t)
            step = lr * m_hat / (np.sqrt(v_hat) + h["eps"])
            theta = move(theta, step, lr, h["learning_rate"], h["weight_decay"])
            path.append(theta)
        return np.array(path)

    return run


def momentum(move):
    def run(case):
        h, path = case.hyper, []
        theta, m = case.theta0.astype(float), 0.0
        for g, eta in zip(case.grads, case.eta, strict=True):
            lr = eta * h["learning_rate"]
            m = h["momentum"] * m + g
            theta = move(theta, lr * m, lr, h["learning_rate"], h["weight_decay"])
            path.append(theta)
        return np.array(path)

    return run


RULES = {
    "adam": (adam, lambda form: AdamDialect(form)),
    "sgd": (momentum, lambda form: MomentumDialect(form, lr="outside")),
}


@cache
def suite(d):
    return [c for c in regimes(d.family, d, "float64") if c.id.partition("/")[0] in NAMES]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("family", RULES)
def test_programs_conform_and_are_named(family, form):
    program, rule = RULES[family]
    d = rule(form)
    with np.errstate(all="ignore"):
        results = [Result("ok", program(PROGRAMS[form])(case)) for case in suite(d)]
        verdicts = [judge(d, c, r) for c, r in zip(suite(d), results, strict=True)]
        identity = identify(suite(d), results, family)
    assert {v.verdict for v in verdicts} == {"conforms"}
    assert identity.certified
    assert identity.nearest.rule == d
    assert identity.runner_up.residual > 1e-4


BUGS = ("M02", "M03", "M15", "M32", "M38", "M47", "M48")  # of any decoupled decay


@pytest.mark.parametrize("form", FORMS)
def test_every_bug_of_the_decay_is_caught(form):
    d = AdamDialect(form)
    decays = [bug for bug in bugs_of(d) if bug.flag in BUGS]
    assert len(decays) == len(BUGS)
    for bug in decays:
        assert any(shows(d, case, bug) for case in suite(d)), bug.flag


# -- the mask ------------------------------------------------------------------------------------

THETA = np.array([1.0, -1.0, 1.0, -1.0, 0.0, 1.0, -1.0])
GRAD = np.array([2.0, 2.0, -2.0, -2.0, 2.0, 0.0, 0.0])


def test_a_mask_spares_what_grows():
    """Where the step is 0 θ decays: 1[u θ ≥ 0]."""
    opt = wdref.SGDW(learning_rate=0.5, momentum=0.0, weight_decay=0.5, form="masked")
    new, _ = opt.update(THETA, GRAD, opt.init(THETA))
    assert new.tolist() == [-0.25, -2.0, 2.0, 0.25, -1.0, 0.75, -0.75]


def test_a_mask_in_doubt_certifies_nothing():
    """m is 0 in step 2 up to its roundings, so that a program may decay or not."""
    found = enclose(AdamDialect("masked"), cancelling(AdamDialect("masked")))
    assert found.doubt[:, 0].tolist() == [False, True]
    assert found.doubt[:, 1].tolist() == [False, False]
    assert np.isnan(found.ratio(found.high)[1, 0])


def cancelling(d):
    """Two steps of which the second's m is 0 in the first coordinate, but for 0.9 in binary."""
    case, grads = suite(d)[0], np.array([[1.0, 1.0], [-0.9, 1.0]])
    hyper = {**case.hyper, "beta1": 0.9}
    return replace(case, theta0=np.ones(2), grads=grads, eta=np.ones(2), hyper=hyper)


def test_what_is_0_is_in_no_doubt():
    """Neither a step of exactly 0 nor a θ of 0 leaves open whether θ decays."""
    case = replace(suite(LionDialect("masked"))[0], theta0=np.array([1.0, 0.0]), eta=np.ones(1),
                   grads=np.array([[0.0, 1.0]]))  # fmt: skip
    assert not enclose(LionDialect("masked"), case).doubt.any()


# -- orders and candidates ------------------------------------------------------------------------


def test_a_form_brings_its_order():
    assert wdref.AdamW(weight_decay=0.1, form="proximal").dialect.order == "after"
    assert wdref.AdamW(weight_decay=0.1, form="masked", variant="thinc").dialect.order == "together"
    assert dialect("adamw", form="proximal", order="after") == AdamDialect("proximal")
    assert AdamDialect("proximal", "together") == AdamDialect("proximal", "after")


@pytest.mark.parametrize(("form", "order", "own"), [
    ("proximal", "together", "after"), ("masked", "after", "together"),
])  # fmt: skip
def test_another_order_is_refused(form, order, own):
    words = f"order='{order}': form='{form}' has the order '{own}': leave order out"
    with pytest.raises(ValueError, match=words):
        wdref.AdamW(weight_decay=0.1, form=form, order=order)
    with pytest.raises(ValueError, match=words):
        rewrite(Setting("lr", 0.1, 0.1), form, order=order)


@pytest.mark.parametrize("family", ["sgd", "adam", "lion"])
def test_candidates_are_as_programs_ship_them(family):
    new = [d for d in candidates(family) if d.form in FORMS]
    assert {(d.form, d.order, d.schedule) for d in new} == {
        ("proximal", "after", "now"), ("corrected", "together", "now"),
        ("masked", "together", "now")}  # fmt: skip
    assert len(new) < len(candidates(family)) / 5


# -- rewriting -----------------------------------------------------------------------------------

GRADS = (Fraction(3), Fraction(-1, 2), Fraction(1, 8), Fraction(-2))
LINEAR = ("paper", "lr", "fixed", "initial_lr", "corrected", "proximal")


def sgd(setting, beta):
    theta, m = Fraction(5, 4), 0
    for t, g in enumerate(GRADS, start=1):
        eta, alpha = setting.schedule(t), setting.learning_rate
        lam = setting.weight_decay(t) if callable(setting.weight_decay) else setting.weight_decay
        m = beta * m + eta * alpha * g
        factors = {"paper": eta, "lr": eta * alpha, "fixed": 1, "initial_lr": alpha,
                   "corrected": eta * eta * alpha}  # fmt: skip
        k = factors.get(setting.form, 0) * lam
        if setting.form == "proximal":
            theta = (theta - m) / (1 + eta * alpha * lam)
        else:
            after = setting.order == "after"
            theta = (1 - k) * (theta - m) if after else (1 - k) * theta - m
        yield theta


fractions = st.fractions(Fraction(1, 100), Fraction(9, 10), max_denominator=100)
forms = st.sampled_from(LINEAR)


@st.composite
def settings(draw):
    etas = draw(st.lists(fractions, min_size=4, max_size=4))
    order = draw(st.sampled_from(["together", "after"]))
    return Setting(draw(forms), draw(fractions), draw(fractions), lambda t: etas[t - 1], order)


@given(settings(), forms)
def test_rewritten_it_is_the_same_training(setting, form):
    got = rewrite(setting, form, rule="sgd", varying=True)
    assert got.form == form
    assert list(sgd(got, 0)) == list(sgd(setting, 0))


@given(settings(), forms, fractions)
def test_and_so_with_momentum(setting, form, beta):
    steady = Setting(setting.form, setting.learning_rate, setting.weight_decay,
                     Constant(Fraction(1)), setting.order)  # fmt: skip
    got = rewrite(steady, form, rule="sgd", momentum=float(beta))
    assert list(sgd(got, beta)) == list(sgd(steady, beta))


def test_proximal_is_lr_at_another_rate():
    got = rewrite(Setting("lr", 0.5, 0.5), "proximal")
    assert (got.learning_rate, got.weight_decay, got.order) == (2 / 3, 0.5, "after")
    back = rewrite(got, "lr", order="together")
    assert (back.learning_rate, back.weight_decay) == (0.5, 0.5)


def test_under_a_schedule_too_with_the_same_decay():
    schedule = wdref.schedules.cosine(4)
    got = rewrite(Setting("lr", 0.5, 0.25, schedule), "proximal", varying=True)
    assert got.weight_decay == 0.25
    alphas = [0.5 * schedule(t) for t in (1, 2, 3)]
    rates = [got.learning_rate * got.schedule(t) for t in (1, 2, 3)]
    assert rates == pytest.approx([a / (1 - a * 0.25) for a in alphas])


REFUSALS = [
    (Setting("masked", 0.1, 0.1), "lr", "no exact conversion from 'masked' to 'lr': masked decays"),
    (Setting("l2", 0.1, 0.1), "masked", "no exact conversion from 'l2' to 'masked'"),
    (Setting("lr", 2.0, 0.5, order="after"), "proximal", r"the decay at t=1 is 1.0 >= 1"),
    (Setting("lr", 0.1, 0.1, wdref.schedules.cosine(4)), "corrected", "λ_t = k_t / η_t²"),
]


@pytest.mark.parametrize(("setting", "form", "words"), REFUSALS)
def test_what_has_no_constants_is_refused(setting, form, words):
    with pytest.raises(NoConversion, match=words):
        rewrite(setting, form)
