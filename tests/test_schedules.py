"""Schedules are the paper's: Equations 14 and 15 in 50 digits, restarts as in Appendix C."""

import math
import pickle
from fractions import Fraction

import mpmath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wdref import schedules

U = 2.0**-53
# π T_cur/T_i is up to π and off by three roundings, the cosine and what follows by one each.
BOUND = 16 * U


def eq_14(T_cur, T_i, eta_min, eta_max):
    with mpmath.workdps(50):
        ratio = mpmath.mpf(T_cur.numerator) / T_cur.denominator / T_i.numerator * T_i.denominator
        low, high = mpmath.mpf(eta_min), mpmath.mpf(eta_max)
        return float(low + (high - low) / 2 * (1 + mpmath.cos(mpmath.pi * ratio)))


def cycle_of(epoch, T_i, factor):
    """T_cur and T_i, one cycle after another."""
    while epoch >= T_i:
        epoch, T_i = epoch - T_i, T_i * factor
    return epoch, T_i


@given(
    t=st.integers(1, 3000),
    eighths=st.integers(1, 100),  # exact in binary, so that Fractions see the same cycles
    factor=st.sampled_from([1, 1.5, 2, 3]),
    per_epoch=st.sampled_from([1, 4, 10, 391]),
    low=st.floats(0, 0.5),
    high=st.floats(0.5, 2),
)
def test_equation_14(t, eighths, factor, per_epoch, low, high):
    schedule = schedules.warm_restarts(
        eighths / 8, factor, eta_min=low, eta_max=high, steps_per_epoch=per_epoch
    )
    T_cur, T_i = cycle_of(Fraction(t - 1, per_epoch), Fraction(eighths, 8), Fraction(factor))
    want = eq_14(T_cur, T_i, low, high)
    assert schedule(t) == pytest.approx(want, abs=BOUND * high, rel=0)
    assert schedule.period(t) == T_i


@pytest.mark.parametrize("T_0", [0.07, 0.14, 0.29, 0.57, 1.1, 2.3])
def test_a_restart_falls_on_its_step(T_0):
    # in binary 0.07 · 100 is more than 7: the restart must not come a step late
    for factor in (1, 2):
        schedule = schedules.warm_restarts(T_0, factor, steps_per_epoch=100)
        length, start = round(100 * T_0), 1
        for t in range(1, 2000):
            if t == start + length:
                start, length = t, factor * length
            assert (schedule(t) == 1.0) == (t == start)


def test_equation_15_is_equation_14_from_1_to_0():
    schedule = schedules.warm_restarts(8)
    for t in range(1, 9):
        assert schedule(t) == pytest.approx(0.5 + 0.5 * math.cos(math.pi * (t - 1) / 8), abs=BOUND)


def test_the_restarts_of_appendix_c():
    # T_0 = 100, T_mult = 2: the recommended solutions are at epochs 100, 300, 700 and 1500, η = 0
    schedule = schedules.warm_restarts(100, 2, steps_per_epoch=10)
    restarts = [t for t in range(2, 1500 * 10 + 2) if schedule(t) > schedule(t - 1)]
    assert [(t - 1) / 10 for t in restarts] == [100, 300, 700, 1500]
    for t in restarts:
        assert schedule(t - 1) < 1e-5 * schedule(t)
        assert schedule(t) == 1.0
    assert [schedule.period(1 + 10 * epoch) for epoch in (0, 99, 100, 299, 300, 700)] == [
        100, 100, 200, 200, 400, 800,
    ]  # fmt: skip


def test_t_cur_advances_by_fractions_of_an_epoch():
    fine = schedules.warm_restarts(4, steps_per_epoch=5)
    coarse = schedules.warm_restarts(4)
    assert [fine(1 + 5 * epoch) for epoch in range(4)] == pytest.approx(
        [coarse(1 + epoch) for epoch in range(4)], abs=BOUND
    )
    within = [fine(t) for t in range(1, 21)]
    assert within == sorted(within, reverse=True)
    assert len(set(within)) == 20


def test_cosine_does_not_restart():
    schedule = schedules.cosine(10, eta_min=0.25, eta_max=2, steps_per_epoch=3)
    path = [schedule(t) for t in range(1, 60)]
    assert path[0] == 2.0
    assert path == sorted(path, reverse=True)
    assert set(path[30:]) == {0.25}
    assert schedule.period(50) == 10


def test_steps():
    # Figure 1: the learning rate drops at epochs 30, 60 and 80
    schedule = schedules.step_drop((30, 60, 80), 0.1, steps_per_epoch=4)
    assert [schedule(1 + 4 * epoch) for epoch in (0, 29, 30, 59, 60, 79, 80, 99)] == pytest.approx(
        [1, 1, 0.1, 0.1, 0.01, 0.01, 0.001, 0.001], rel=4 * U
    )
    assert schedule(4 * 30) == 1.0  # the last step of the thirtieth epoch


def test_constant():
    assert [schedules.constant(0.5)(t) for t in (1, 10**9)] == [0.5, 0.5]
    assert schedules.constant()(3) == 1.0


def test_warm_up():
    then = schedules.warm_restarts(4, 2)
    schedule = schedules.warm_up(5, then)
    assert [schedule(t) for t in range(1, 6)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert [schedule(5 + t) for t in range(1, 20)] == [then(t) for t in range(1, 20)]
    assert [schedule.period(t) for t in (1, 5, 6, 9, 10, 17)] == [4, 4, 4, 4, 8, 8]


def test_any_callable_is_a_schedule():
    import numpy as np

    import wdref

    opt = wdref.SGD(learning_rate=1.0, momentum=0.0, schedule=lambda t: 1 / t)
    theta, state = np.array([0.0]), opt.init(np.array([0.0]))
    for _ in range(3):
        theta, state = opt.update(theta, np.array([1.0]), state)
    assert theta == pytest.approx(-(1 + 1 / 2 + 1 / 3))


@pytest.mark.parametrize(
    "schedule",
    [schedules.constant(2), schedules.step_drop((3,)), schedules.cosine(4),
     schedules.warm_restarts(3, 2, variant="authors_code"), schedules.warm_up(3)],
    ids=repr,
)  # fmt: skip
def test_schedules_are_values(schedule):
    schedule(5)
    assert pickle.loads(pickle.dumps(schedule)) == schedule
    assert hash(schedule) == hash(pickle.loads(pickle.dumps(schedule)))


ERRORS = [
    (lambda: schedules.warm_restarts(0), "T_0=0: expected a finite number > 0"),
    (lambda: schedules.warm_restarts(-1.5), "T_0=-1.5: expected a finite number > 0"),
    (lambda: schedules.cosine(0), "T_0=0: expected a finite number > 0"),
    (lambda: schedules.warm_restarts(math.inf), "T_0=inf: expected a finite number > 0"),
    (lambda: schedules.warm_restarts(1, 0.5), "T_mult=0.5: expected a finite number >= 1"),
    (lambda: schedules.warm_restarts(1, eta_min=-1), "eta_min=-1: expected a finite number >= 0"),
    (lambda: schedules.warm_restarts(1, eta_min=2.0), "eta_max=1.0 is below eta_min=2.0"),
    (lambda: schedules.warm_restarts(1, steps_per_epoch=0),
     "steps_per_epoch=0: expected a whole number >= 1"),
    (lambda: schedules.warm_restarts(1, steps_per_epoch=2.5),
     "steps_per_epoch=2.5: expected a whole number >= 1"),
    (lambda: schedules.warm_restarts(1, variant="torch"),
     "variant='torch': expected 'paper' or 'authors_code'"),
    (lambda: schedules.warm_restarts(1, variant="authors_code", eta_min=0.1),
     "the authors' program has no eta_min or eta_max: leave them at 0 and 1"),
    (lambda: schedules.step_drop((3, -1)), "at[1]=-1: expected a finite number >= 0"),
    (lambda: schedules.step_drop(30), "at=30: expected epochs, as in (30, 60, 80)"),
    (lambda: schedules.step_drop((3,), -0.1), "factor=-0.1: expected a finite number >= 0"),
    (lambda: schedules.constant(math.nan), "value=nan: expected a finite number >= 0"),
    (lambda: schedules.warm_up(0), "steps=0: expected a whole number >= 1"),
    (lambda: schedules.warm_up(True), "steps=True: expected a whole number >= 1"),
    (lambda: schedules.warm_up(3, 0.1),
     "then=0.1: expected a schedule, a callable of the step t = 1, 2, …"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "text"), ERRORS, ids=[text for _, text in ERRORS])
def test_errors(call, text):
    with pytest.raises((ValueError, TypeError)) as caught:
        call()
    assert str(caught.value) == text
