"""The sets of λ': every solution is inside, nothing else is, by two independent ways of looking."""

import math
from dataclasses import replace
from itertools import islice, pairwise

import mpmath
import numpy as np
import pytest

pytest.importorskip("flint", reason="the propositions need python-flint")
from flint import arb

from wdref.analysis.propositions import solutions
from wdref.analysis.propositions.runs import exact, followed, run
from wdref.analysis.propositions.setting import setting
from wdref.conventions import dialect

BITS = 320


def gradients(T, n, seed):
    return np.random.default_rng(seed).uniform(-1, 1, (T, n))


# -- the sets of λ' against root finding from the paper's lines ------------------------------------


def adam_by_hand(s, i, lam, t, path=None):
    """θ_0 … θ_t of AdamW (λ), or with a `path` θ_t of Adam with L2 (λ' = lam) led along it."""
    h = {name: mpmath.mpf(value) for name, value in s.hyper.items()}
    theta, m, v = [mpmath.mpf(s.theta0[i])], mpmath.mpf(0), mpmath.mpf(0)
    for k in range(1, t + 1):
        before = theta[-1] if path is None else path[k - 1]
        g = mpmath.mpf(s.grads[k - 1][i]) + (0 if path is None else lam * before)
        m = h["beta1"] * m + (1 - h["beta1"]) * g
        v = h["beta2"] * v + (1 - h["beta2"]) * g * g
        m_hat, v_hat = m / (1 - h["beta1"] ** k), v / (1 - h["beta2"] ** k)
        step = h["learning_rate"] * m_hat / (mpmath.sqrt(v_hat) + h["eps"])
        decay = h["weight_decay"] * before if path is None else 0
        theta.append(before - mpmath.mpf(s.schedule(k)) * (step + decay))
    return theta if path is None else theta[-1]


def roots_by_search(f, points):
    """Roots of `f` between neighbouring points of different sign."""
    pairs = pairwise((x, f(x)) for x in points)
    return [
        mpmath.findroot(f, (a, b), solver="anderson", tol=1e-120)
        for (a, fa), (b, fb) in pairs
        if fa * fb < 0
    ]


def as_arb(x):
    with mpmath.workdps(80):
        return arb(mpmath.nstr(x, 75), mpmath.nstr(abs(x) * mpmath.mpf(10) ** -70, 5))


def some_of(s, rows, columns):
    def of(values):
        return tuple(values[i] for i in columns)

    return replace(s, theta0=of(s.theta0), grads=tuple(map(of, s.grads[:rows])),
                   scale=of(s.scale), coordinates=of(s.coordinates))  # fmt: skip


MILD = dict(eps=0.25, learning_rate=0.25, weight_decay=0.01)
SETTINGS = {
    "mild": setting(gradients(4, 4, seed=5), **MILD),
    "usual": setting(gradients(4, 4, seed=5), learning_rate=0.001, weight_decay=1e-5),
    "much decay": some_of(setting(learning_rate=0.001, weight_decay=0.001), 3, (1, 2, 3)),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_the_sets_are_the_roots(name):
    """Every root is in a ball, every ball has a root, and the balls are small."""
    s = SETTINGS[name]
    T, n = len(s.grads), len(s.theta0)
    with exact.precision(BITS):
        path = run(s, dialect("adamw"))
        sets = solutions.of_adam_steps(s, dialect("adam"), path)
    with mpmath.workdps(100), exact.precision(BITS):
        # λ' = tan φ covers the line; near -g/θ Adam's step turns within some ε
        for i in range(n):
            by_hand = adam_by_hand(s, i, None, T)
            turns = [-mpmath.mpf(row[i]) / x for row, x in zip(s.grads, by_hand, strict=False)]
            grid = [mpmath.tan(mpmath.pi * (k + 0.5) / 120) for k in range(-60, 60)]
            grid += [x + sign * mpmath.mpf(10) ** -k
                     for x in turns for k in range(1, 13) for sign in (1, -1)]  # fmt: skip
            for t in range(1, T + 1):
                roots = roots_by_search(
                    lambda lam, i=i, t=t, path=by_hand: adam_by_hand(s, i, lam, t, path) - path[t],
                    sorted(grid),
                )
                balls = sets[t - 1][i]
                assert len(roots) == len(balls)
                for root, ball in zip(sorted(roots), sorted(balls, key=float), strict=True):
                    assert ball.overlaps(as_arb(root))
                    assert not ball.overlaps(as_arb(root * (1 + mpmath.mpf(10) ** -20)))


def test_some_coordinates_have_two_solutions_and_some_none():
    """So that the comparison above has seen each kind."""
    counts = set()
    for s in SETTINGS.values():
        with exact.precision(BITS):
            sets = solutions.of_adam_steps(s, dialect("adam"), run(s, dialect("adamw")))
        counts |= {len(found) for row in sets for found in row}
    assert counts == {0, 1, 2}


@pytest.mark.parametrize("t", [1, 2])
def test_nothing_is_outside_the_sets(t):
    """The rule alone, as a black box: bisection of [-4, 4] leaves only boxes at the solutions."""
    s = setting(gradients(2, 3, seed=7), **MILD)
    with exact.precision(128):
        path = run(s, dialect("adamw"))
        sets = solutions.of_adam_steps(s, dialect("adam"), path)
        for i in range(3):
            boxes = [arb(0, 4)]
            for _ in range(12):
                halves = [half for box in boxes for half in bisected(box)]
                boxes = [box for box in halves if may_reach(s, path, i, t, box)]
            near = [arb(x.mid(), 0.1) for x in sets[t - 1][i]]
            assert all(any(ball.contains(box) for ball in near) for box in boxes)


def bisected(box):
    half = box.rad() / 2
    return [arb(box.mid() - half, half), arb(box.mid() + half, half)]


def may_reach(s, path, i, t, lam):
    *_, (new, *_) = islice(followed(s, dialect("adam"), path, i, lam), t)
    return new.overlaps(path[t - 1][i])


@pytest.mark.parametrize(("roots", "count"), [((1, 2), 2), ((-3, -3), 2), (None, 0)])
def test_a_quadratic_equation(roots, count):
    a, b, c = (1, 0, 1) if roots is None else (1, -sum(roots), roots[0] * roots[1])
    found = solutions.solve(arb(a), arb(b), arb(c))
    assert len(found) == count
    assert all(any(x.contains(root) for x in found) for root in roots or ())


def test_a_leading_coefficient_that_may_vanish_excludes_nothing():
    assert solutions.solve(arb(0, 1e-9), arb(1), arb(1)) == solutions.LINE


def test_common_and_gap():
    one, two, far = arb(1, 0.125), arb(2, 0.125), arb(9)
    assert solutions.common([(one, two), (two,)]) != ()
    assert solutions.common([(one, two), (two, far), (far, one)]) == ()
    assert solutions.common([(one,), solutions.LINE]) != ()
    assert solutions.common([(one,), ()]) == ()
    assert 0.7499 < solutions.gap([(one,), (two,)]) <= 0.75
    assert solutions.gap([(one,), solutions.LINE]) == 0
    assert solutions.gap([(one,), ()]) is None
    assert solutions.shown(solutions.LINE) == [{"lower": -math.inf, "upper": math.inf}]
