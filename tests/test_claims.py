"""The command `wdref claims`: answers on simulated runs whose answer is known."""

import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("joblib", reason="claims need the extra `analysis`")
pytest.importorskip("matplotlib", reason="claims need the extra `analysis`")
pytest.importorskip("sklearn", reason="claims need the extra `analysis`")
pytest.importorskip("xarray", reason="claims need the extra `analysis`")
import xarray

from wdref import cli
from wdref.analysis.landscape.claims import DECAYS, METHODS, SHARES, Plan, equal_training_loss
from wdref.analysis.sweep import sweep

shared = SimpleNamespace(**runpy.run_path(str(Path(__file__).parent / "command_runs.py")))
document, one_line = shared.document, shared.one_line


@pytest.fixture
def claims(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def run(*args):
        monkeypatch.setattr(sys, "argv", ["wdref", "claims", "--jobs", "1", *args])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        return caught.value.code, *capsys.readouterr()

    return run


def simulate(job, *, better, sooner, falls):
    """AdamW `better` by so many points, restarts by `sooner`; λ* falls with steps^-`falls`."""
    rng = np.random.default_rng([job.seeds[0], job.steps, len(job.weight_decays)])
    u = np.log(job.learning_rates)[:, None] - np.log(1e-2)
    v = np.log(job.weight_decays)[None]
    at = (np.log(1e-2) if len(job.learning_rates) == 1 else v.mean()) - falls * np.log(
        job.steps / 1000
    )
    d = v - at + 0.05 * rng.standard_normal()
    loss = 0.3 * np.exp(0.03 * d * d + 0.02 * u * u)
    gain = better if job.optimizer == "adamw" else 0.0
    luck = np.random.default_rng([job.seeds[0], len(job.optimizer)]).standard_normal()
    error = loss / 2 - gain / 100 + 0.001 * luck
    train = 0.01 * np.exp(0.5 * (v - v.mean()) + 0 * u)
    values = {"test_loss": loss, "test_error": error, "train_loss": train, "train_error": train}
    dims, coords = ("seed", "learning_rate", "weight_decay"), {"seed": list(job.seeds)}
    coords |= {n: list(getattr(job, f"{n}s")) for n in dims[1:]}
    if job.record:
        coords["time"] = list(job.times())
        dims = (*dims, "time")
        gain = sooner * (1 + 0.05 * luck) if job.schedule == "warm-restarts" else 0.0
        shape = np.full(job.record, -gain / 100)
        values = {n: x[..., None] + shape for n, x in values.items()}
    every = {n: (dims, x[None]) for n, x in values.items()}
    diverged = (dims[:3], np.zeros((1, *loss.shape), dtype=bool))
    return xarray.Dataset({**every, "diverged": diverged}, coords, {"seconds": 0.0, "job": "{}"})


@pytest.mark.parametrize("sign", [1, -1])
def test_what_is_so_is_found(claims, monkeypatch, sign):
    known = {"better": 2.0 * sign, "sooner": 3.0 * sign, "falls": 0.5 * sign}
    monkeypatch.setattr(sweep, "run", lambda job: simulate(job, **known))
    status, out, err = claims("--seeds", "6", "--json", "--figure", "claims.png")
    told = {one["id"]: one for one in document(out)["claims"]}
    assert list(told) == ["generalisation", "equal-loss", "anytime", "budget"]
    assert told["generalisation"]["measured"] == pytest.approx(-2 * sign, abs=0.2)
    assert told["equal-loss"]["measured"] == pytest.approx(-2 * sign, abs=0.2)
    assert told["anytime"]["measured"] == pytest.approx(-3 * sign, abs=0.2)
    assert told["budget"]["measured"] == pytest.approx(-0.5 * sign, abs=0.05)
    for one in told.values():
        low, high = one["interval"]
        assert low <= one["measured"] <= high
        assert one["holds"] is (sign == 1)
    assert (status, err) == (int(sign != 1), "")
    assert Path("claims.png").stat().st_size > 10_000


def test_what_chance_may_have_done_is_undecided(claims, monkeypatch):
    monkeypatch.setattr(sweep, "run", lambda job: simulate(job, better=0, sooner=0, falls=0.5))
    status, out, _ = claims("--seeds", "4", "--json")
    told = {one["id"]: one["holds"] for one in document(out)["claims"]}
    assert told["generalisation"] is None
    assert status == 1
    assert "undecided" in claims("--seeds", "4")[1]


def test_training_answers_too(claims):
    status, out, _ = claims("--seeds", "4", "--steps", "8", "--option", "width=4", "--json")
    told = document(out)
    assert status in (0, 1)
    assert told["options"] == {"width": 4}
    assert [one["id"] for one in told["claims"]][::3] == ["generalisation", "budget"]
    assert "%" in told["claims"][0]["note"]


def test_losses_that_do_not_overlap_are_not_compared():
    def one(shift):
        dims, shape = ("seed", "learning_rate", "weight_decay"), (3, 3, 3)
        loss = np.exp(np.arange(3.0) + shift) * np.ones(shape)
        return xarray.Dataset({"train_loss": (dims, loss), "test_error": (dims, 0.1 * loss)})

    names = list(METHODS)
    apart = equal_training_loss({names[0]: one(0), names[1]: one(10)}, 0.95)
    assert apart.measured is None
    assert "do not overlap" in apart.note
    assert equal_training_loss({names[0]: one(0), names[1]: one(1)}, 0.95).measured is not None


def test_budgets_are_shares_of_the_steps():
    plan = Plan("digits", (), 4, 1000)
    assert list(plan.budgets()) == [round(1000 * share) for share in SHARES]
    for name, own in plan.grids().items():
        assert own[0].weight_decays == DECAYS[name]


def test_what_it_will_cost(claims, monkeypatch):
    monkeypatch.setattr(sweep, "run", None)
    status, out, _ = claims("--seeds", "4", "--steps", "8", "--explain", "--json")
    assert status == 0
    assert len(document(out)["explain"]) == 2 + len(SHARES)


@pytest.mark.parametrize(
    ("args", "error"),
    [
        (["--seeds", "3"], "--seeds 3: an interval needs at least 4"),
        (["--steps", "0"], "steps=0"),
        (["--problem", "mnist"], "no problem 'mnist'"),
        (["--figure", "no/x.png"], "--figure no/x.png: No such file"),
    ],
)
def test_what_cannot_be_asked(claims, args, error):
    status, out, err = claims(*args)
    assert (status, out) == (2, "")
    assert one_line(err)
    assert error in err
