"""The batched training: each entry has the bits of its own training with the optimizer."""

import json
import warnings
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="digits come with scikit-learn: the extra `analysis`")
pytest.importorskip("xarray", reason="results are xarray's: the extra `analysis`")

from wdref.analysis.problems.data import batches
from wdref.analysis.problems.problems import problem
from wdref.analysis.sweep import sweep
from wdref.analysis.sweep.sweep import FORMS, SCHEDULES, Job, run

METHODS = [(name, form) for name, forms in FORMS.items() for form in forms]
SMALL = (("width", 12),)
JOB = Job(
    "digits-mixed", SMALL, steps=30, batch=32, learning_rates=(1e-3, 1e-2, 1e-1),
    weight_decays=(0.0, 1e-3, 1e-1), seeds=(0, 5),
)  # fmt: skip


def trained(job, **options):
    """The parameters of every entry after the last step, by seed."""
    kept = {}

    def observe(seed, entries, grads):
        if entries.t == job.steps:
            params = {name: p.copy() for name, p in entries.params.items()}
            kept.setdefault(seed, []).append(params)

    run(job, observe=observe, **options)
    return {
        seed: {name: np.concatenate([b[name] for b in blocks]) for name in blocks[0]}
        for seed, blocks in kept.items()
    }


def alone(job, seed, learning_rate, weight_decay):
    """One grid point as a user would train it: the optimizer's step on a tree of arrays."""
    found = problem(job.problem, **dict(job.options))
    model, data = found.network, found.data(seed)
    start = model.start(np.random.default_rng([seed, 1]))
    params = {name: p[None].astype(job.dtype) for name, p in start.items()}
    x, y = data.x.astype(job.dtype), data.y.astype(job.dtype)
    mask = {name: model.decays(name) for name in params}
    optimizer = job.method(learning_rate, weight_decay, decay_mask=mask)
    state = optimizer.init(params)
    order = batches(np.random.default_rng([seed, 2]), len(x), job.batch)
    with sweep.quiet():
        for _, index in zip(range(job.steps), order, strict=False):
            grads = model.gradients(params, x[index], y[index])
            state = optimizer.step(params, grads, state)
    return params


@pytest.mark.parametrize(("optimizer", "form"), METHODS)
def test_an_entry_is_the_training_of_its_optimizer(optimizer, form, same_bits):
    job = replace(JOB, optimizer=optimizer, form=form)
    found = trained(job)
    for k in (0, 4, 8):
        for seed in job.seeds:
            for name, want in alone(job, seed, *job.points[k]).items():
                same_bits(found[seed][name][k : k + 1], want)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_under_every_schedule(schedule, dtype, same_bits):
    job = replace(JOB, schedule=schedule, dtype=dtype, seeds=(1,), problem="digits-bn")
    found = trained(job)[1]
    for name, want in alone(job, 1, *job.points[5]).items():
        same_bits(found[name][5:6], want)


@pytest.mark.parametrize("together", [1, 4, 100])
def test_bits_do_not_depend_on_the_blocks(monkeypatch, together):
    want = run(JOB)
    monkeypatch.setattr(sweep, "TOGETHER", together)
    for part in (JOB, replace(JOB, seeds=(5,)), replace(JOB, weight_decays=(1e-3,))):
        found = run(part)
        assert found.equals(want.sel(seed=list(part.seeds), weight_decay=list(part.weight_decays)))


@pytest.mark.parametrize(("optimizer", "form"), METHODS)
def test_without_compiled_code_the_bits_are_the_same(monkeypatch, optimizer, form, same_bits):
    pytest.importorskip("numba", reason="compares with the backend of the extra `fast`")
    job = replace(JOB, optimizer=optimizer, form=form, seeds=(0,))
    want = trained(job)[0]
    monkeypatch.setattr("wdref.analysis.sweep.entries.default_for", lambda library: None)
    for name, found in trained(job)[0].items():
        same_bits(found, want[name])


def test_other_array_libraries():
    strict = pytest.importorskip("array_api_strict", reason="needs array-api-strict, of `dev`")
    job = replace(JOB, dtype="float64", steps=10, seeds=(0,))
    found, want = run(job, xp=strict), run(job)
    for name in sweep.MEASURES:
        np.testing.assert_allclose(found[name].values, want[name].values, rtol=1e-9)


def test_what_is_returned():
    job = replace(JOB, record=3)
    found = run(job)
    assert dict(found.sizes) == {"seed": 2, "learning_rate": 3, "weight_decay": 3, "time": 3}
    assert found.time.values.tolist() == [10, 20, 30]
    assert found.test_error.dims == ("seed", "learning_rate", "weight_decay", "time")
    assert {str(found[name].dtype) for name in sweep.MEASURES} == {"float64"}
    assert json.loads(found.attrs["job"])["weight_decays"] == [0.0, 1e-3, 1e-1]
    assert "wdref" in json.loads(found.attrs["versions"])
    end = run(JOB)
    for name in sweep.MEASURES:
        assert found[name].isel(time=-1).drop_vars("time").equals(end[name])


def test_it_learns():
    job = replace(JOB, optimizer="adam", form="l2", steps=200, learning_rates=(1e-2,), record=2)
    found = run(replace(job, options=()))
    assert float(found.test_error.isel(time=-1).max()) < 0.2
    assert (found.train_loss.isel(time=0) > found.train_loss.isel(time=1)).all()


def test_grid_points_share_their_start_and_their_minibatches():
    starts = []
    run(
        replace(JOB, learning_rates=(1e-30,), weight_decays=(0.0, 1e-30), steps=1),
        observe=lambda seed, entries, grads: starts.append((entries.params["W1"].copy(), grads)),
    )
    for params, grads in starts:
        np.testing.assert_array_equal(params[0], params[1])
        np.testing.assert_array_equal(grads["W1"][0], grads["W1"][1])
    assert not np.array_equal(starts[0][0], starts[1][0])  # another seed


def test_what_diverges_is_nan_without_a_warning_and_leaves_the_others_alone():
    job = replace(JOB, optimizer="sgdw", learning_rates=(1e-2,), weight_decays=(1e-3, 5.0, 1e9))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = run(replace(job, problem="digits", steps=100))
    assert found.diverged.values.tolist() == [[[False, True, True]]] * 2
    for name in sweep.MEASURES:
        np.testing.assert_array_equal(np.isnan(found[name].values), found.diverged.values)
    kept = run(replace(job, problem="digits", steps=100, weight_decays=(1e-3,)))
    assert kept.equals(found.sel(weight_decay=[1e-3]))


def test_when_all_diverges_the_result_says_so():
    found = run(replace(JOB, optimizer="sgdw", weight_decays=(1e9,), problem="digits"))
    assert found.diverged.all()
    assert np.isnan(found.test_error).all()


def test_progress_ends_at_the_whole():
    told = []
    run(replace(JOB, steps=120), progress=lambda done, total: told.append((done, total)))
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert told[-1] == (2 * 9 * 120,) * 2
    assert len(told) == 2 * 3  # every 50 steps, and at the end, of each seed


def test_a_weight_that_decays_to_nothing_becomes_zero():
    pytest.importorskip("numba", reason="needs numba, of the extra `fast`")
    job = replace(JOB, problem="digits", optimizer="sgdw", weight_decays=(0.9,), schedule="fixed")
    found = trained(replace(job, steps=60, seeds=(0,)))[0]  # 0.1⁶⁰ is below float32's range
    for name in ("W1", "W2", "W3"):
        assert not np.any((found[name] != 0) & (np.abs(found[name]) < np.finfo("float32").tiny))
    assert (found["W1"] == 0).any()
    assert np.float32(1e-20) * np.float32(1e-20) > 0  # only there


def test_mechanisms_can_be_observed():
    angles = []

    def observe(seed, entries, grads):
        w, g = entries.params["W1"], grads["W1"]
        assert set(entries.slots["W1"][0].shape) == {*w.shape}
        assert entries.hyper["learning_rate"].shape == (9,)
        angles.append(np.sum(w * w, axis=(1, 2)) * np.sum(g * g, axis=(1, 2)) > 0)

    run(replace(JOB, seeds=(0,)), observe=observe)
    assert len(angles) == JOB.steps


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"learning_rates": (0.1, 0.0)}, r"learning_rates\[1\]=0.0: expected a finite number > 0"),
        ({"learning_rates": (-0.1,)}, r"learning_rates\[0\]=-0.1: expected a finite number > 0"),
        ({"weight_decays": (-1.0,)}, r"weight_decays\[0\]=-1.0: expected a finite number >= 0"),
        ({"weight_decays": (1.0, 1.0)}, r"weight_decays=\(1.0, 1.0\): a value comes twice"),
        ({"learning_rates": ()}, r"learning_rates is empty: expected at least one value"),
        ({"seeds": ()}, r"seeds is empty"),
        ({"seeds": (0.5,)}, r"seeds=\(0.5,\): expected whole numbers >= 0"),
        ({"optimizer": "lamb"}, r"optimizer='lamb': expected 'sgd' or 'sgdw' or 'adam' or 'adamw'"),
        ({"form": "l2"}, r"form='l2' of adamw: expected 'paper' or 'lr'"),
        ({"schedule": "linear"}, r"schedule='linear': expected 'fixed' or 'steps' or 'cosine'"),
        ({"dtype": "float16"}, r"dtype='float16': expected 'float32' or 'float64'"),
        ({"steps": 0}, r"steps=0: expected a whole number >= 1"),
        ({"record": 31}, r"record=31: expected 0 to 30, the steps"),
        ({"betas": (0.9, 1.0)}, r"beta2=1.0: expected a finite number >= 0 and < 1"),
    ],
)
def test_what_cannot_be_run_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        replace(JOB, **change)


def test_a_batch_of_more_than_there_are():
    with pytest.raises(ValueError, match="batch=501: expected at most the 500 training samples"):
        run(replace(JOB, batch=501))
