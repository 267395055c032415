"""variant="authors_code" is the authors' program (loshchil/AdamW-and-SGDW), line by line.

`Trainer`, `adam_lua` and `sgd_lua` below are its train.lua, adam.lua and sgd.lua in Python, in the
program's order of operations. What the optimizer, the schedule and the normalised decay do together
is compared with them, and where the program departs from the paper each departure is seen.
"""

import math

import numpy as np
import pytest

import wdref
from wdref import decay, schedules

ALPHA, NORMALISED, STEPS_PER_EPOCH = 0.2, 0.7, 4


class Trainer:
    """train.lua: learningRateCosineSGDR, and the weight decay that Trainer:train makes of it."""

    def __init__(self, Te, Tmult, batches):
        self.T_cur, self.Te, self.Tmult, self.batches = 0.0, Te, Tmult, batches
        self.EpochNext = 1 + Te

    def multiplier(self, epoch):
        self.T_cur = self.T_cur + 1 / (self.Te * self.batches)
        if self.T_cur >= 1:
            self.T_cur = 1
        if self.T_cur >= 1 and epoch == self.EpochNext:
            self.T_cur = 0
            self.Te = self.Te * self.Tmult
            self.EpochNext = self.EpochNext + self.Te
        return 0.5 * (1 + math.cos(math.pi * self.T_cur))

    def run(self, epochs):
        """Yield epoch, iteration, multiplier and decay for each batch."""
        for epoch in range(1, epochs + 1):
            for iteration in range(1, self.batches + 1):
                h = self.multiplier(epoch)
                yield epoch, iteration, h, h * NORMALISED / math.pow(self.batches * self.Te, 0.5)


def adam_lua(x, dfdx, state, lr, wdcur, beta1=0.9, beta2=0.999, epsilon=1e-8):
    state["t"] = state.get("t", 0) + 1
    state["m"] = beta1 * state.get("m", 0.0) + (1 - beta1) * dfdx
    state["v"] = beta2 * state.get("v", 0.0) + (1 - beta2) * dfdx * dfdx
    denom = np.sqrt(state["v"]) + epsilon
    correction1, correction2 = 1 - beta1 ** state["t"], 1 - beta2 ** state["t"]
    step = lr * math.sqrt(correction2) / correction1
    return x - step * state["m"] / denom - wdcur * x


def sgd_lua(x, dfdx, state, lr, wdcur, mom=0.9):
    state["dfdx"] = dfdx if "dfdx" not in state else mom * state["dfdx"] + dfdx
    return x - lr * state["dfdx"] - wdcur * x


def settings(T_0, T_mult):
    """The optimizer's schedule and decay for 500 points in batches of 128: 4 a pass."""
    schedule = schedules.warm_restarts(
        T_0, T_mult, steps_per_epoch=STEPS_PER_EPOCH, variant="authors_code"
    )
    lam = decay.normalised(
        NORMALISED, batch_size=128, dataset_size=500, schedule=schedule, variant="authors_code"
    )
    return dict(learning_rate=ALPHA, schedule=schedule, weight_decay=lam, variant="authors_code")


@pytest.mark.parametrize("T_mult", [1, 2])
@pytest.mark.parametrize(
    ("method", "lua", "options", "extra"),
    [(wdref.AdamW, adam_lua, dict(betas=(0.8, 0.7), eps=0.2),
      dict(beta1=0.8, beta2=0.7, epsilon=0.2)),
     (wdref.SGDW, sgd_lua, dict(momentum=0.8), dict(mom=0.8))],
)  # fmt: skip
def test_training(method, lua, options, extra, T_mult):
    opt = method(**settings(2, T_mult), **options)
    rng = np.random.default_rng(5)
    x = params = rng.normal(size=6)
    memory, state = {}, opt.init(params)
    for _, _, h, wdcur in Trainer(2, T_mult, STEPS_PER_EPOCH).run(epochs=8):
        grads = rng.normal(size=6)
        x = lua(x, grads, memory, ALPHA * h, wdcur, **extra)
        params, state = opt.update(params, grads, state)
        np.testing.assert_allclose(params, x, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    ("Te", "Tmult", "batches"), [(1, 2, 391), (100, 2, 391), (3, 1, 7), (6, 1, 1), (2, 3, 1)]
)
def test_the_schedule_is_the_program_s_to_the_bit(Te, Tmult, batches):
    schedule = schedules.warm_restarts(Te, Tmult, steps_per_epoch=batches, variant="authors_code")
    trainer = Trainer(Te, Tmult, batches)
    epochs = min(20 * Te, 110)
    for t, (_, _, h, _) in enumerate(trainer.run(epochs), start=1):
        assert schedule(t) == h
        assert schedule.period(t) == trainer.Te


def restarts(Te, epochs, batches=391):
    schedule = schedules.warm_restarts(Te, 2, steps_per_epoch=batches, variant="authors_code")
    found = [t for t in range(2, epochs * batches) if schedule.period(t) != schedule.period(t - 1)]
    return [(1 + (t - 1) // batches, 1 + (t - 1) % batches) for t in found]


def test_restarts_come_late_by_the_rounding_of_t_cur():
    assert restarts(1, 20) == [(2, 1), (4, 2), (8, 3), (16, 3)]


def test_restarts_of_the_published_setting_are_exact():
    assert restarts(100, 705) == [(101, 1), (301, 1), (701, 1)]


def test_the_first_cycle_ends_at_zero_and_the_others_start_at_one():
    N = 2 * STEPS_PER_EPOCH
    code = schedules.warm_restarts(2, 2, steps_per_epoch=4, variant="authors_code")
    paper = schedules.warm_restarts(2, 2, steps_per_epoch=4)
    first = [code(t) for t in range(1, N + 1)]
    assert first == pytest.approx([0.5 + 0.5 * math.cos(math.pi * i / N) for i in range(1, N + 1)])
    assert first[-1] == 0.0
    assert paper(1) == 1.0 > first[0]
    second = [code(t) for t in range(N + 1, 3 * N + 1)]
    assert second == pytest.approx([paper(t) for t in range(N + 1, 3 * N + 1)])
    assert second[0] == 1.0
    assert min(second) > 0.0


def test_a_restart_delayed_past_its_epoch_never_comes():
    # one batch an epoch, six epochs a cycle: added up six times, 1/6 stays below 1
    schedule = schedules.warm_restarts(6, 1, variant="authors_code")
    assert schedule(7) == 1.0  # the first cycle has a step more
    assert schedule(13) != 1.0  # the next restart is late by one step, which here is an epoch
    assert all(schedule(t) == 0.0 for t in range(14, 100))


def run(opt, grads, theta=1.0):
    theta, state = np.array([theta]), opt.init(np.array([theta]))
    path = []
    for g in grads:
        theta, state = opt.update(theta, np.array([g]), state)
        path.append(theta.item())
    return path


def test_eps_is_added_before_the_bias_correction():
    options = dict(learning_rate=0.5, weight_decay=0.0, betas=(0.5, 0.75), eps=0.5)
    paper, code = (run(wdref.AdamW(variant=v, **options), [1.0]) for v in ("paper", "authors_code"))
    assert paper == pytest.approx([1 - 0.5 / (1 + 0.5)])
    assert code == pytest.approx([1 - 0.5 / (1 + 0.5 / math.sqrt(0.25))])


def test_a_restart_amplifies_the_whole_buffer():
    # η falls to 0 and returns to 1; no gradient comes after the first step
    def schedule(t):
        return {1: 1.0, 2: 0.0, 3: 1.0}[t]

    options = dict(learning_rate=0.5, weight_decay=0.0, momentum=0.5, schedule=schedule)
    paper, code = (
        run(wdref.SGDW(variant=v, **options), [1.0, 0.0, 0.0]) for v in ("paper", "authors_code")
    )
    assert paper == [0.5, 0.25, 0.125]  # the buffer rolls on with the rate it was filled at
    assert code == [0.5, 0.5, 0.375]  # at η = 0 nothing moves, then the old buffer counts fully


def test_the_normalised_decay_counts_whole_batches():
    paper, code = (
        decay.normalised(0.025, batch_size=128, dataset_size=50_000, epochs=100, variant=v)(1)
        for v in ("paper", "authors_code")
    )
    assert code / paper == pytest.approx(math.sqrt(390.625 / 391), rel=1e-12)


def test_l2_is_never_normalised():
    # in the program SGD and ADAM add the raw decay: a constant, whatever the schedule
    opt = wdref.Adam(learning_rate=0.1, weight_decay=0.5, variant="authors_code",
                     schedule=schedules.warm_restarts(2, 2, variant="authors_code"))  # fmt: skip
    assert {opt.scalars(t)[0].l2 for t in range(1, 9)} == {0.5}
