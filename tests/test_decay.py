"""The normalised decay of Appendix B.1: the paper's numbers, and λ anew at each restart."""

import math
import re
from itertools import pairwise

import pytest

import wdref
from wdref import schedules
from wdref.decay import normalised

CIFAR = dict(batch_size=128, dataset_size=50_000)


def exactly(text):
    return rf"\A{re.escape(text)}\Z"


@pytest.mark.parametrize(
    ("epochs", "variant", "printed"),
    [(100, "paper", "1.2649e-04"), (1500, "paper", "3.2660e-05"),
     (100, "authors_code", "1.2643e-04")],
)  # fmt: skip
def test_the_numbers_of_the_paper(epochs, variant, printed):
    assert f"{normalised(0.025, **CIFAR, epochs=epochs, variant=variant)(1):.4e}" == printed


def test_imagenet_would_need_a_fifth():
    # App. D: its epoch is 24 times longer, so that CIFAR's raw decay would be 5 times too big
    cifar, imagenet = (
        normalised(0.025, batch_size=128, dataset_size=n, epochs=100)(1)
        for n in (50_000, 24 * 50_000)
    )
    assert cifar / imagenet == pytest.approx(math.sqrt(24), rel=1e-15)


def test_lambda_norm_is_the_decay_of_a_single_batch_pass():
    assert normalised(0.05, batch_size=64, dataset_size=64, epochs=1)(1) == 0.05


@pytest.mark.parametrize("variant", ["paper", "authors_code"])
def test_lambda_is_computed_anew_at_each_restart(variant):
    schedule = schedules.warm_restarts(2, 4, steps_per_epoch=391, variant=variant)
    lam = normalised(0.025, **CIFAR, schedule=schedule, variant=variant)
    values = [lam(t) for t in range(1, 9000)]
    steps = [(a, b) for a, b in pairwise(values) if a != b]
    assert [b / a for a, b in steps] == pytest.approx([0.5, 0.5])  # 1/√T_mult
    assert values[0] == normalised(0.025, **CIFAR, epochs=2, variant=variant)(1)
    assert values[-1] == normalised(0.025, **CIFAR, epochs=32, variant=variant)(1)


def test_the_optimizer_reads_it_at_each_step():
    schedule = schedules.warm_restarts(2, 4)
    lam = normalised(0.5, batch_size=1, dataset_size=4, schedule=schedule)
    opt = wdref.AdamW(weight_decay=lam, schedule=schedule)
    for t in range(1, 12):
        assert opt.scalars(t)[0].decay == schedule(t) * lam(t)


def test_a_warm_up_has_the_period_of_what_follows():
    schedule = schedules.warm_up(3, schedules.warm_restarts(2, 4))
    lam = normalised(0.5, batch_size=1, dataset_size=4, schedule=schedule)
    assert [lam(t) for t in (1, 3, 5, 6)] == [lam(1)] * 3 + [lam(1) / 2]


ERRORS = [
    ({}, "give either epochs, the budget, or a schedule with restarts"),
    (dict(epochs=3, schedule=schedules.cosine(3)),
     "give either epochs, the budget, or a schedule with restarts"),
    (dict(epochs=0), "epochs=0: expected a finite number > 0"),
    (dict(epochs=1, batch_size=0), "batch_size=0: expected a whole number >= 1"),
    (dict(epochs=1, dataset_size=1.5), "dataset_size=1.5: expected a whole number >= 1"),
    (dict(epochs=1, lambda_norm=-1), "lambda_norm=-1: expected a finite number >= 0"),
    (dict(epochs=1, variant="code"), "variant='code': expected 'paper' or 'authors_code'"),
    (dict(schedule=schedules.constant()),
     "schedule=Constant(value=1.0) has no period(t): use schedules.warm_restarts or cosine, "
     "or give epochs"),
    (dict(schedule=schedules.warm_up(5)),
     "schedule=WarmUp(steps=5, then=Constant(value=1.0)) has no period(t): use "
     "schedules.warm_restarts or cosine, or give epochs"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "text"), ERRORS, ids=[text[:30] for _, text in ERRORS])
def test_errors_of_normalised(given, text):
    options = {"lambda_norm": 0.025, **CIFAR, **given}
    with pytest.raises(ValueError, match=exactly(text)):
        normalised(options.pop("lambda_norm"), **options)
