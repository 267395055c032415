"""The mechanisms: steps are taken apart rightly, slopes come out, a wrong rule is noticed."""

import json

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="the extra `analysis` installs it")
pytest.importorskip("rich", reason="the extra `analysis` installs it")
pytest.importorskip("scipy", reason="the extra `analysis` installs it")
pytest.importorskip("sklearn", reason="the extra `analysis` installs it")
pytest.importorskip("xarray", reason="the extra `analysis` installs it")
import docs_pages
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from wdref.analysis.mechanisms import mechanisms
from wdref.analysis.mechanisms import network as mechanisms_network
from wdref.analysis.mechanisms.command import mechanisms as command
from wdref.analysis.mechanisms.mechanisms import LAM, SIGMA, Slope
from wdref.analysis.mechanisms.parts import METHODS, Parted
from wdref.analysis.theory import walk as theory_walk
from wdref.analysis.theory.walk import Walk
from wdref.conventions import dialect

HYPER = {"learning_rate": 0.01, "weight_decay": 0.3, "eps": 1e-3}


def gradients(steps=12, n=5, seed=0):
    return np.random.default_rng(seed).standard_normal((steps, n))


# -- a step taken apart ----------------------------------------------------------------------------


@settings(max_examples=20)
@given(st.sampled_from(METHODS), st.integers(0, 1000))
def test_the_parts_are_the_step(method, seed):
    parted = Parted(method, np.linspace(-1, 1, 5), **HYPER)
    for g in gradients(seed=seed):
        old = parted.walk.theta
        new = parted.step(g)
        whole = 0.01 * (parted.by_gradient + parted.by_decay)
        np.testing.assert_allclose(old - new, whole, rtol=0, atol=1e-15)


def test_adamw_s_parts_are_adam_and_the_decay():
    parted = Parted("AdamW", np.linspace(-1, 1, 5), **HYPER)
    bare = Walk("adam", np.zeros(5), learning_rate=0.01, eps=1e-3)
    for g in gradients():
        old, before = parted.walk.theta, bare.theta
        parted.step(g)
        np.testing.assert_allclose(parted.by_gradient, (before - bare.step(g)) / 0.01, atol=1e-12)
        np.testing.assert_allclose(parted.by_decay, 0.3 * old, atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_without_decay_the_gradient_is_the_step(method):
    parted = Parted(method, np.ones(5), **{**HYPER, "weight_decay": 0.0})
    for g in gradients():
        parted.step(g)
    np.testing.assert_allclose(parted.by_decay, 0.0, atol=1e-12)


# -- on noise --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def noise():
    return mechanisms.dataset()


def test_every_slope_holds(noise):
    found = list(mechanisms.slopes(noise))
    assert len(found) == 4 * len(METHODS)
    assert [x for x in found if not x.holds] == []


def test_intervals_tell_the_predictions_apart(noise):
    for x in mechanisms.slopes(noise):
        assert x.high - x.low < 0.1
        others = {-1.0, 0.0, 1.0} - {x.predicted}
        assert not any(x.low <= other <= x.high for other in others)


@pytest.mark.parametrize(("method", "in_v"), [("both", True), ("v only", True), ("m only", False)])
def test_the_decay_has_its_closed_form(noise, method, in_v):
    want = LAM / np.sqrt(SIGMA**2 + (LAM**2 if in_v else 0.0))
    found = noise["decay"].sel(rule=method).mean("replica").values
    np.testing.assert_allclose(found, want, rtol=0.05)  # 8 replicas of v, 2 % each, θ within 1 %


def test_decay_in_the_moments_is_noticed(monkeypatch):
    def coupled(claim, *convention, **answers):
        answers.pop("form", None)
        return dialect({"adamw": "adam"}.get(claim, claim), *convention, **answers)

    monkeypatch.setattr(theory_walk, "dialect", coupled)
    monkeypatch.setattr(mechanisms, "STEPS", 300)
    bad = [x for x in mechanisms.slopes(mechanisms.dataset()) if not x.holds]
    assert "AdamW" in {x.method for x in bad}


# -- on digits -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def network():
    patch = pytest.MonkeyPatch()
    patch.setattr(mechanisms_network, "STEPS", 60)
    patch.setattr(mechanisms_network, "LAST", 20)
    yield mechanisms_network.dataset()
    patch.undo()


def test_shares_angles_and_norms_are_such(network):
    assert np.all((network["share"] > 0) & (network["share"] < 1))
    assert np.all((network["angle"] >= 0) & (network["angle"] < 90))
    assert np.all(network["norm"] > 0)
    assert set(network["norm"].dims) == {"problem", "rule", "start", "layer", "step"}


def test_weights_of_a_network_have_the_slopes_too(network):
    found = list(mechanisms_network.slopes(network))
    assert [x for x in found if not x.holds] == []
    assert all(abs(x.slope - x.predicted) < 0.1 for x in found)


# -- the command -----------------------------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch, noise, network):
    monkeypatch.setattr(mechanisms, "dataset", lambda: noise)
    monkeypatch.setattr(mechanisms_network, "dataset", lambda: network)


def run(*args):
    return CliRunner().invoke(command, args, standalone_mode=False)


def test_json(quick):
    result = run("--json")
    document = json.loads(result.stdout)
    assert result.return_value == 0
    assert list(document) == docs_pages.json_rows()["wdref mechanisms"]
    assert {"method", "predicted", "slope", "low", "high", "holds"} <= set(document["slopes"][0])
    assert len(document["network"]) == 2 * len(METHODS)


def test_what_does_not_hold_is_told(quick, monkeypatch):
    bad = Slope("AdamW", "decay", "sigma", "all σ", 0.0, -1.0, -1.1, -0.9, False)
    monkeypatch.setattr(mechanisms, "slopes", lambda data: [bad])
    result = run("--markdown")
    assert result.return_value == 1
    assert "-1 ± 0.1 NOT 0" in result.stdout


def test_files(quick, tmp_path):
    storage = pytest.importorskip("wdref.analysis.sweep.storage")
    result = run("--out", str(tmp_path), "--figure", str(tmp_path / "own.png"))
    assert result.return_value == 0, result.output
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "mechanisms.json", "mechanisms.nc", "mechanisms.svg", "own.png"]  # fmt: skip
    data = storage.read(tmp_path / "mechanisms.nc")
    assert {"noise_decay", "noise_step", "norm", "angle", "share"} <= set(data.data_vars)


def test_a_wrong_path_costs_no_training(monkeypatch):
    monkeypatch.setattr(mechanisms, "dataset", lambda: pytest.fail("trained"))
    for option, path in (("--figure", "no/such/folder.svg"), ("--figure", "x.bmp")):
        result = run(option, path)
        assert result.exit_code == 2
        assert f"{option} {path}" in result.stderr
