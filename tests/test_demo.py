"""The demonstration, small: its gradients, its runs, its figure, and what it claims."""

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="the demonstration needs the extra `analysis`")
pytest.importorskip("sklearn", reason="the demonstration needs the extra `analysis`")
from wdref.analysis.demo import demo, training
from wdref.analysis.demo.demo import Row, plans, summary, verdict
from wdref.analysis.demo.training import METHODS, Plan, loss_and_gradient, task, train
from wdref.analysis.report import figures

# -- the task --------------------------------------------------------------------------------------


def test_gradients_are_those_of_the_loss():
    """Against central differences in float64, coordinate by coordinate."""
    rng = np.random.default_rng(0)
    shapes = {"W1": (5, 4), "b1": (4,), "W2": (4, 3), "b2": (3,)}
    params = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    x, y = rng.standard_normal((7, 5)), rng.integers(0, 3, 7)
    _, grads = loss_and_gradient(params, x, y)
    for name, values in params.items():
        for place in np.ndindex(values.shape):
            losses = []
            for h in (1e-6, -1e-6):
                moved = {**params, name: values.copy()}
                moved[name][place] += h
                losses.append(loss_and_gradient(moved, x, y)[0])
            assert grads[name][place] == pytest.approx((losses[0] - losses[1]) / 2e-6, abs=1e-7)


def test_the_loss_survives_large_logits():
    params = {"W1": np.eye(2) * 1e4, "b1": np.zeros(2), "W2": np.eye(2), "b2": np.zeros(2)}
    loss, grads = loss_and_gradient(params, np.eye(2), np.array([1, 0]))
    assert loss == pytest.approx(1e4)
    assert all(np.isfinite(g).all() for g in grads.values())


def test_the_task_is_what_the_caption_says():
    data = task(0)
    assert (len(data.labels), len(data.test_labels)) == (500, 1297)
    assert data.images.min() == 0
    assert data.images.max() == 1
    clean = {image.tobytes(): label for image, label in _all_digits()}
    wrong = np.mean(
        [clean[i.tobytes()] != y for i, y in zip(data.images, data.labels, strict=True)]
    )
    assert 0.2 < wrong < 0.33, "30 % are drawn anew, a tenth of them right by chance"


def _all_digits():
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    return zip((images / 16).astype(np.float32), labels, strict=True)


def test_a_run_is_repeatable_and_learns():
    plan = Plan("AdamW", 1.0, 0, 150)
    first = train(plan)
    assert train(plan) == first
    assert first.test_error < 30
    assert train(Plan("AdamW", 1.0, 1, 150)) != first


def test_what_decays_and_how_fast():
    assert train(Plan("AdamW", 0.5, 0, 5)).decay == (0.5, 0.5, 0.5)
    low, mid, high = train(Plan("Adam + L2", 0.5, 0, 5)).decay
    assert 0 < low < mid < high


def test_without_decay_both_methods_are_adam():
    a, b = (train(Plan(method, 0.0, 0, 20)) for method in METHODS)
    assert (a.train_loss, a.test_error) == (b.train_loss, b.test_error)


# -- the command -----------------------------------------------------------------------------------


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(demo, "DECAYS", {"Adam + L2": [1e-3, 1e-2], "AdamW": [0.1, 1.0]})


@pytest.mark.parametrize(
    ("suffix", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")]
)
def test_it_writes_a_figure_and_says_what_it_saw(few, tmp_path, capsys, suffix, start):
    out = tmp_path / f"demo.{suffix}"
    demo.main(["--out", str(out), "--steps", "20", "--seeds", "2", "--jobs", "1"])
    shown = capsys.readouterr().out
    assert out.read_bytes().startswith(start)
    assert list(tmp_path.iterdir()) == [out], "no temporary file is left"
    assert "no decay" in shown
    assert "Best test error" in shown
    assert "Figure:" in shown


@pytest.mark.parametrize(
    "path", ["missing/demo.png", "demo.gif", "folder.png", "file.png/demo.png"]
)
def test_a_path_that_cannot_be_written_costs_no_training(monkeypatch, tmp_path, capsys, path):
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file.png").touch()
    monkeypatch.setattr(demo, "outcomes", lambda *_, **__: pytest.fail("it trained"))
    with pytest.raises(SystemExit) as status:
        demo.main(["--out", str(tmp_path / path)])
    assert status.value.code == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert error.startswith(f"wdref: error: --out {tmp_path / path}: ")


@pytest.mark.parametrize("option", ["--steps", "--seeds", "--jobs"])
@pytest.mark.parametrize("value", ["0", "-1", "many", "1.5"])
def test_a_wrong_count_is_status_2(capsys, option, value):
    with pytest.raises(SystemExit) as status:
        demo.main([option, value])
    assert status.value.code == 2
    assert option in capsys.readouterr().err


def test_an_error_leaves_the_old_figure(tmp_path):
    out = tmp_path / "demo.png"
    out.write_bytes(b"old")

    def interrupted():
        with figures.write(out) as temporary:
            temporary.write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert out.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [out]


def test_all_plans():
    chosen = plans(steps=7, seeds=2)
    assert len(chosen) == len(set(chosen)) == 2 * (1 + 7 + 7)
    assert {plan.steps for plan in chosen} == {7}


def test_the_summary_keeps_mean_and_range():
    runs = [training.Outcome(Plan("AdamW", 0.1, seed, 1), loss, error, (0.1, 0.1, 0.1))
            for seed, loss, error in [(0, 1.0, 10.0), (1, 2.0, 14.0)]]  # fmt: skip
    assert summary(runs) == [Row("AdamW", 0.1, 1.5, 12.0, 10.0, 14.0, (0.1, 0.1, 0.1))]


def row(method, error, lowest, highest):
    return Row(method, 0.5, 1.0, error, lowest, highest, (1.0, 2.0, 8.0))


@pytest.mark.parametrize(
    ("l2", "decay", "claim"),
    [
        ((8.0, 7.0, 9.0), (8.5, 8.0, 10.0), "their ranges overlap"),
        ((8.0, 7.0, 9.0), (11.0, 10.0, 12.0), "Adam + L2 is better here"),
        ((11.0, 10.0, 12.0), (8.0, 7.0, 9.0), "AdamW is better here"),
    ],
)
def test_it_claims_no_more_than_it_saw(l2, decay, claim):
    rows = [row("AdamW", 20.0, 19.0, 21.0), row("Adam + L2", *l2), row("AdamW", *decay)]
    assert claim in verdict(rows)
    assert "8 times as hard" in verdict(rows)
