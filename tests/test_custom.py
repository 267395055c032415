"""A landscape of a user's model: the same dataset, one training after another."""

import contextlib
import io
import re
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="digits come with scikit-learn: the extra `analysis`")
pytest.importorskip("xarray", reason="results are xarray's: the extra `analysis`")

from wdref.analysis.landscape.custom import OwnModel, run_own
from wdref.analysis.problems.data import batches
from wdref.analysis.problems.problems import problem
from wdref.analysis.sweep.sweep import MEASURES, Job, quiet, run

PAGE = Path(__file__).parents[1] / "docs" / "own_model.md"
JOB = Job(
    "digits-bn", (("width", 8),), form="lr", steps=12, batch=16, record=3,
    learning_rates=(1e-2, 1e-1), weight_decays=(0.0, 1.0), seeds=(2, 3),
)  # fmt: skip


def model(job=JOB, **changes):
    """The sweep's own problem, as a user would write it."""
    found = problem(job.problem, **dict(job.options))
    network = found.network

    def placed(seed):
        return [a.astype(job.dtype) for a in vars(found.data(seed)).values()]

    def start(seed):
        start = network.start(np.random.default_rng([seed, 1]))
        return {name: p[None].astype(job.dtype) for name, p in start.items()}

    def minibatches(seed):
        x, y, *_ = placed(seed)
        for index in batches(np.random.default_rng([seed, 2]), len(x), job.batch):
            yield x[index], y[index]

    def loss_and_grad(params, batch):
        loss, *_ = network.measures(params, batch, batch)
        return loss[0], network.gradients(params, *batch)

    def evaluate(params, seed):
        x, y, test_x, test_y = placed(seed)
        values = network.measures(params, (x, y), (test_x, test_y))
        return {name: value[0] for name, value in zip(MEASURES, values, strict=True)}

    own = {"start": start, "batches": minibatches, "loss_and_grad": loss_and_grad,
           "evaluate": evaluate, "decay_mask": lambda path, leaf: leaf.shape[1] > 1}  # fmt: skip
    return OwnModel(**{**own, **changes})


def test_it_is_the_sweep_one_training_after_another():
    told = []
    with quiet():  # one thread of BLAS, as a sweep has: more of them cut a product elsewhere
        found = run_own(JOB, model(), progress=lambda *done: told.append(done))
    assert found.equals(run(JOB))
    assert told[0] == (1, 8)
    assert told[-1] == (8, 8)


def test_measures_that_are_not_given():
    def evaluate(params, seed):
        return {"test_error": 0.25}

    found = run_own(JOB, model(evaluate=evaluate))
    assert (found.test_error == 0.25).all()
    assert np.isnan(found.test_loss).all()
    assert np.isfinite(found.train_loss).all()
    assert not found.diverged.any()


def test_the_training_loss_is_the_mean_since_the_last_measure():
    losses = iter(range(1, 13))

    def loss_and_grad(params, batch):
        return next(losses), {name: 0 * p for name, p in params.items()}

    job = replace(JOB, learning_rates=(1.0,), weight_decays=(0.0,), seeds=(0,))
    own = model(loss_and_grad=loss_and_grad, evaluate=lambda params, seed: {})
    assert run_own(job, own).train_loss.values.ravel().tolist() == [2.5, 6.5, 10.5]


def test_a_training_that_diverges_ends_early():
    calls = []

    def loss_and_grad(params, batch):
        calls.append(1)
        loss = np.nan if len(calls) == 6 else 1.0
        return loss, {name: 0 * p for name, p in params.items()}

    job = replace(JOB, learning_rates=(1.0,), weight_decays=(0.0,), seeds=(0,))
    found = run_own(job, model(loss_and_grad=loss_and_grad))
    assert len(calls) == 6
    assert found.diverged.all()
    assert np.isfinite(found.test_error.values.ravel()[0])  # measured after step 4
    assert np.isnan(found.test_error.values.ravel()[1:]).all()


def test_bad_models_are_named():
    with pytest.raises(ValueError, match="batches ended after 5: expected 12, one a step"):
        run_own(
            JOB,
            model(batches=lambda seed: islice(model().batches(seed), 5)),
        )
    with pytest.raises(ValueError, match="evaluate returned accuracy: expected train_loss, "):
        run_own(JOB, model(evaluate=lambda params, seed: {"accuracy": 1.0}))


def test_the_tutorial_runs():
    pytest.importorskip("jax", reason="needs jax, of the extra `frameworks`")
    pytest.importorskip("torch", reason="needs torch, of the extra `frameworks`")
    found = re.findall(
        r"^```python\n(.*?)^```\n\nprints\n\n```text\n(.*?)^```",
        PAGE.read_text("utf-8"),
        re.M | re.S,
    )
    assert len(found) == PAGE.read_text("utf-8").count("```python") == 3
    names = {}
    for code, printed in found:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(code, names)
        assert out.getvalue() == printed
    for result in (names["result"], names["torch_result"]):
        assert float(result.test_error.min()) < 0.3
