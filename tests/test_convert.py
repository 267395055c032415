"""Conversions between programs: exact ones are one function, the others stay within their bound.

Both trainings run in ball arithmetic, on numbers that are balls themselves, so that no conversion
is excused by a rounding: an exact one has enclosures of some 1e-50 that overlap at every step.
"""

import re
from fractions import Fraction
from itertools import pairwise, product

import flint
import numpy as np
import pytest
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st

import wdref
from wdref import schedules
from wdref.backend import load
from wdref.conventions import CLAIMS
from wdref.decay import NoConversion
from wdref.words import find, table

EXACT = load("exact")
PAIRS = [
    (claim, source, target)
    for claim in ("sgd", "sgdw", "adam", "adamw")
    for source, target in product(table(), table())
    if claim in table()[source] and claim in table()[target]
]
STEPS = 6
THETA0 = [1.25, -0.5, 3.0]
GRADS = [[2.0, 0.5, -0.125], [-0.5, 0.0, 4.0], [0.25, 1.0, 0.0], [0.0, -3.0, 0.5],
         [1.5, 0.125, -2.0], [-0.75, 0.5, 0.0625]]  # fmt: skip


def ids(pairs):
    return ["-".join(pair) for pair in pairs]


def ball(fraction):
    return arb(fraction.numerator) / fraction.denominator


def balls(hyper):
    return {k: x if isinstance(x, bool) else ball(x) for k, x in hyper.items()}


fractions = st.fractions("1/64", "15/16", max_denominator=64)
zero_or = st.one_of(st.just(Fraction(0)), fractions)
paths = st.one_of(st.none(), st.lists(fractions, min_size=STEPS, max_size=STEPS))


def schedule_of(path):
    return None if path is None else lambda t: ball(path[t - 1])


@st.composite
def questions(draw, pair):
    """Hyperparameters that the source has, and a schedule or none."""
    words = find(*pair[:2])
    hyper = {name: draw(zero_or) for name in words.names
             if name in ("momentum", "dampening", "weight_decay", "eps")}  # fmt: skip
    hyper |= {"learning_rate": draw(fractions)}
    if "adam" in pair[0]:
        hyper |= {"beta1": draw(zero_or), "beta2": draw(fractions)}
    for switch in words.switches:
        hyper[switch.theirs] = draw(st.booleans())
    if any("nesterov" in k and hyper[k] for k in hyper) and "dampening" in hyper:
        hyper["dampening"] = Fraction(0)
    return hyper, draw(paths)


def path(training):
    eta = [training.schedule(t) for t in range(1, STEPS + 1)]
    return EXACT.trajectory(training.dialect, THETA0, GRADS, training.hyper, eta)


def keeps_its_word(pair, hyper, path, varying):
    with EXACT.precision(192):
        try:
            found = wdref.convert(
                *pair, schedule=schedule_of(path), varying=varying, **balls(hyper)
            )
        except NoConversion:
            return "refused"
        (one_function if found.exact else within_the_bound)(found)
        return "exact" if found.exact else "near"


@pytest.mark.parametrize("claim", ["sgd", "sgdw", "adam", "adamw"])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_conversion_keeps_its_word(claim, data):
    pair = data.draw(st.sampled_from([pair for pair in PAIRS if pair[0] == claim]))
    keeps_its_word(pair, *data.draw(questions(pair)), data.draw(st.booleans()))


STRONG = {"momentum": "5/8", "dampening": "1/4", "weight_decay": "3/8", "eps": "1/5",
          "learning_rate": "1/3", "beta1": "4/5", "beta2": "7/10"}  # fmt: skip
DROPS = [Fraction(1, n) for n in (1, 3, 2, 7, 5, 4)]


@pytest.mark.parametrize("varying", [False, True])
@pytest.mark.parametrize("path", [None, DROPS], ids=["constant", "schedule"])
@pytest.mark.parametrize("source", table())
def test_every_pair_keeps_its_word(source, path, varying):
    for pair in (pair for pair in PAIRS if pair[1] == source):
        names = [*find(*pair[:2]).names]
        names += ["beta1", "beta2"] * ("betas" in names)
        hyper = {name: Fraction(x) for name, x in STRONG.items() if name in names}
        verdict = keeps_its_word(pair, hyper, path, varying)
        assert verdict == "exact" or pair[1] != pair[2]
        assert verdict != "near" or not varying


def one_function(found):
    try:
        after = path(found.after)
    except NoConversion:  # of a function of t, at a step where it has no value
        return
    for one, other in zip(path(found.before), after, strict=True):
        for x, y in zip(one, other, strict=True):
            assert float(x.rad() + y.rad()) < 1e-20 * max(1, float(abs(x)))
            assert x.overlaps(y)


def within_the_bound(found):
    """From every state of the source's path: both steps, on the same m and v."""
    d, e = found.before.dialect, found.after.dialect
    theta, slots = [arb(x) for x in THETA0], [[arb(0)] * 3 for _ in d.slots]
    for t, g in enumerate(GRADS, start=1):
        a, b = (EXACT.scalars(x.dialect, values_at(x, t), t, x.schedule(t))
                for x in (found.before, found.after))  # fmt: skip
        bare = [s._replace(decay=None) for s in (a, b)]  # the decay apart: it is the same k_t
        steps = [EXACT.step(x, theta, g, slots, s)[0]
                 for x, s in zip((d, e), bare, strict=True)]  # fmt: skip
        k = [arb(0) if s.decay is None else s.decay for s in (a, b)]
        shrink = [1 - x if y.order == "after" else arb(1) for x, y in zip(k, (d, e), strict=True)]
        assert k[0].overlaps(k[1])
        for x, one, other in zip(theta, *steps, strict=True):
            u, w = (one - x) * shrink[0], (other - x) * shrink[1]
            assert abs(w - u) <= found.error(t) * abs(u) + arb("1e-30")
        theta, slots = EXACT.step(d, theta, g, slots, a)


def values_at(training, t):
    return {name: x(t) if callable(x) else x for name, x in training.hyper.items()}


def test_the_bound_is_reached_where_nothing_but_eps_is_left():
    """√v << eps: the two steps differ by the whole bound, and by little where √v >> eps."""
    found = wdref.convert("adamw", "pytorch", "keras", lr=1.0, eps=1e-2, weight_decay=0.0)

    def apart(g):
        here, there = (EXACT.trajectory(x.dialect, [0.0], [[g]], x.hyper, [1.0])[0][0]
                       for x in (found.before, found.after))  # fmt: skip
        return abs(float(1 - there / here))

    assert apart(1e-12) == pytest.approx(found.error(1), rel=1e-6)
    assert apart(1.0) <= found.error(1, 1.0) < 0.3 < found.error(1)


# -- refusals are right: no constants exist ------------------------------------------------------


def test_no_l2_is_a_decay_for_adam():
    """Proposition 2: the λ' that gives one coordinate its step is another than the next one's."""
    before = wdref.convert("adamw", "pytorch", "pytorch", lr=0.5, weight_decay=0.25).before
    bare = {**before.hyper, "weight_decay": 0.0}
    needed = []
    for g in (1.0, 3.0):
        goal = EXACT.trajectory(before.dialect, [1.0], [[g]], before.hyper, [1.0])[0][0]
        # the first step of Adam with L2, λ' solved for: u = x/(|x| + ε) with x = g + λ' θ
        u = (1 - goal) / arb(0.5)
        eps = arb(bare["eps"])
        needed.append((u * eps / (1 - u) - g, -u * eps / (1 + u) - g))
    assert not any(a.overlaps(b) for a in needed[0] for b in needed[1])
    with pytest.raises(NoConversion, match="Proposition 2"):
        wdref.convert("adam", "pytorch", "keras", lr=0.5, weight_decay=0.25)


def test_no_constant_decays_as_a_schedule_does():
    """Without a gradient θ_t/θ_{t-1} = 1 - k_t: a fixed decay has one k for all t."""
    eta = schedules.step_drop((1,), 0.5)
    before = wdref.convert("adamw", "pytorch", "pytorch", schedule=eta, lr=0.5).before
    a, b = EXACT.trajectory(before.dialect, [1.0], [[0.0], [0.0]], before.hyper, [1.0, 0.5])
    assert not (1 - a[0]).overlaps(1 - b[0] / a[0])
    with pytest.raises(NoConversion, match="λ must change with t"):
        wdref.convert("adamw", "pytorch", "tf-addons", schedule=eta, lr=0.5)


def test_no_constant_momentum_carries_the_rate_out_of_the_buffer():
    """One gradient, then none: the steps shrink by β inside, by β η_t/η_{t-1} outside."""
    eta, needed = [1.0, 0.5, 1.0], []
    hyper = {"learning_rate": 0.5, "momentum": 0.5, "weight_decay": 0.0}
    before = wdref.convert("sgd", "paper", "paper", **hyper).before
    x = [arb(0), *(row[0] for row in EXACT.trajectory(
        before.dialect, [0.0], [[1.0], [0.0], [0.0]], before.hyper, eta))]  # fmt: skip
    steps = [b - a for a, b in pairwise(x)]
    for (s, t), (now, then) in zip(pairwise(steps),
                                   pairwise(eta), strict=True):  # fmt: skip
        needed.append(t / s * now / then)  # the β' that an outside rate would need
    assert not needed[0].overlaps(needed[1])
    schedule = schedules.step_drop((1,), 0.5)
    with pytest.raises(NoConversion, match="inside the buffer here and outside it there"):
        wdref.convert("sgd", "paper", "pytorch", schedule=schedule, **hyper)


def test_no_rate_dampens_all_gradients_but_the_first():
    hyper = {"lr": 0.5, "momentum": 0.5, "dampening": 0.5, "weight_decay": 0.0}
    before = wdref.convert("sgd", "pytorch", "pytorch", **hyper).before
    first, then = (
        EXACT.trajectory(before.dialect, [0.0], grads, before.hyper, [1.0, 1.0])[-1][0]
        for grads in ([[1.0]], [[0.0], [1.0]])
    )
    assert not first.overlaps(then)  # mlx moves both by the same
    with pytest.raises(NoConversion, match="the first gradient enters the buffer whole"):
        wdref.convert("sgd", "pytorch", "mlx", **hyper)


def test_no_constant_eps_is_corrected():
    """ε' = ε √(1 - β2^t): from two steps with v known, two ε'."""
    before = wdref.convert("adamw", "keras", "keras", learning_rate=1.0, epsilon=0.5,
                           weight_decay=0.0, beta_1=0.0).before  # fmt: skip
    x = [arb(0), *(r[0] for r in EXACT.trajectory(before.dialect, [0.0], [[1.0], [1.0]],
                                                  before.hyper, [1.0, 1.0]))]  # fmt: skip
    needed = [1 / (a - b) - 1 for a, b in pairwise(x)]  # m̂ = √v̂ = 1
    assert not needed[0].overlaps(needed[1])
    varying = wdref.convert("adamw", "keras", "pytorch", varying=True, epsilon=0.5)
    for t, ball_of in enumerate(needed, start=1):
        assert float(ball_of) == pytest.approx(varying.hyper["eps"](t), rel=1e-12)


REFUSALS = [
    (("sgd", "pytorch", "thinc"), dict(momentum=0.9), "thinc.api.SGD has no momentum"),
    (("sgdw", "pytorch", "thinc"), dict(weight_decay=0.1, momentum=0.9),
     "thinc.api.SGD has no momentum"),
    (("adam", "pytorch", "mlx"), dict(weight_decay=0.1),
     "mlx.optimizers.Adam has no weight decay"),
    (("adamw", "keras", "tinygrad"), dict(amsgrad=True), "tinygrad.nn.optim.AdamW has no AMSGrad"),
    (("sgd", "pytorch", "chainer"), dict(momentum=0.9, nesterov=True),
     "chainer.optimizers.MomentumSGD has no Nesterov momentum"),
    (("sgd", "keras", "pytorch"), dict(momentum=0.9, weight_decay=0.1),
     "no exact conversion from 'lr' to 'l2' with momentum=0.9: l2 enters the momentum buffer and "
     "acts on later steps too (Proposition 1 is for SGD without momentum); convert 'sgdw' instead, "
     "which has this decay in both"),
]  # fmt: skip


@pytest.mark.parametrize(("pair", "hyper", "message"), REFUSALS)
def test_what_a_program_cannot_is_refused(pair, hyper, message):
    with pytest.raises(NoConversion, match=rf"\A{re.escape(message)}\Z"):
        wdref.convert(*pair, **hyper)


ERRORS = [
    (("adamw", "jax", "optax"), {}, "no words of 'jax': wdref has those of "
     + ", ".join(table())),
    (("shampoo", "optax", "optax"), {}, "no 'shampoo': expected one of " + ", ".join(CLAIMS)),
    (("sgdw", "paddle", "keras"), {}, "paddle has no sgdw: it has " + ", ".join(table()["paddle"])),
    (("adamw", "keras", "optax"), dict(beta2=0.9, rho=1),
     "keras.optimizers.AdamW has no 'rho': it has learning_rate, beta_1, beta_2, epsilon, "
     "weight_decay, amsgrad"),
    (("adamw", "optax", "keras"), {}, "optax.adamw needs learning_rate: it has no default"),
    (("adamw", "pytorch", "keras"), dict(betas=0.9), "betas=0.9: expected a pair of numbers"),
    (("adamw", "pytorch", "keras"), dict(lr=-1), "learning_rate=-1: expected a finite number >= 0"),
    (("sgd", "pytorch", "keras"), dict(momentum=0.5, dampening=0.5, nesterov=True),
     "Nesterov momentum with dampening is not defined: set one of them to 0"),
]  # fmt: skip


@pytest.mark.parametrize(("pair", "hyper", "message"), ERRORS)
def test_bad_questions(pair, hyper, message):
    with pytest.raises(ValueError, match=rf"\A{re.escape(message)}\Z"):
        wdref.convert(*pair, **hyper)


def test_a_run_under_its_new_name():
    """The README's way, in float64: the converted optimizer makes the same steps."""
    found = wdref.convert("adamw", "pytorch", "paper", lr=0.125, weight_decay=0.25,
                          schedule=schedules.cosine(6))  # fmt: skip
    grads, paths = np.random.default_rng(3).normal(size=(5, 4)), []
    there = wdref.AdamW(**found.hyper, schedule=found.schedule)
    here = wdref.AdamW.like("pytorch", learning_rate=0.125, weight_decay=0.25,
                            schedule=schedules.cosine(6))  # fmt: skip
    for opt in (here, there):
        theta, state = np.ones(4), opt.init(np.ones(4))
        for g in grads:
            theta, state = opt.update(theta, g, state)
        paths.append(theta)
    np.testing.assert_allclose(*paths, rtol=1e-14)


def test_precision_is_left_as_it_was():
    assert flint.ctx.prec == 53
