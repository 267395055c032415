"""What a sweep will cost: all of its updates, blocks and measures, beside a loop over models."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="digits come with scikit-learn: the extra `analysis`")
pytest.importorskip("xarray", reason="results are xarray's: the extra `analysis`")

from wdref.analysis.sweep import costs, sweep
from wdref.analysis.sweep.costs import cost
from wdref.analysis.sweep.sweep import FORMS, Job, Training

METHODS = [(name, form) for name, forms in FORMS.items() for form in forms]
JOB = Job(
    "digits-mixed", (("width", 12),), steps=30, learning_rates=(1e-3, 1e-2, 1e-1),
    weight_decays=(0.0, 1e-3, 1e-1), seeds=(0, 5),
)  # fmt: skip


@pytest.fixture
def clock(monkeypatch):
    """A block of 3 points takes 6 s an update and 3 s to measure, a single model 5 s an update."""
    now = [0.0]

    def passing(seconds):
        return lambda *args: now.__setitem__(0, now[0] + seconds)

    monkeypatch.setattr(costs.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(sweep, "TOGETHER", 3)
    monkeypatch.setattr(sweep.Block, "step", passing(6.0))
    monkeypatch.setattr(sweep.Block, "measured", passing(3.0))
    monkeypatch.setattr(costs, "single", lambda job: ({}, passing(5.0)))


def test_it_is_that_of_all_updates_and_measures(clock):
    found = cost(JOB)
    assert (found.batched, found.single, found.ratio) == (2.0, 5.0, 2.5)
    # 2 seeds x 9 points of 30 updates and one measure
    assert found.job == pytest.approx(18 * (30 * 2 + 1))
    assert cost(replace(JOB, record=4)).job == pytest.approx(18 * (30 * 2 + 4))


@pytest.mark.parametrize(("optimizer", "form"), METHODS)
def test_the_loop_trains_what_the_sweep_trains(optimizer, form, same_bits):
    job = replace(JOB, optimizer=optimizer, form=form)
    block = Training(job).start(0, job.points)
    params, step = costs.single(job)
    for _ in range(5):
        block.step()
        step()
    for name, want in params.items():
        same_bits(block.entries.params[name][:1], want)


def test_it_runs():
    found = cost(JOB)
    assert np.isfinite(found).all()
    assert min(found) > 0
