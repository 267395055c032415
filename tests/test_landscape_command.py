"""The command `wdref landscape`: its document, its exit status, what it refuses, what it costs."""

import json
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("click", reason="landscapes need the extra `analysis`")
pytest.importorskip("joblib", reason="landscapes need the extra `analysis`")
pytest.importorskip("matplotlib", reason="landscapes need the extra `analysis`")
pytest.importorskip("sklearn", reason="landscapes need the extra `analysis`")
pytest.importorskip("xarray", reason="landscapes need the extra `analysis`")
import xarray

from wdref import cli
from wdref.analysis.landscape import decoupling
from wdref.analysis.sweep import sweep

shared = SimpleNamespace(**runpy.run_path(str(Path(__file__).parent / "command_runs.py")))
document, one_line = shared.document, shared.one_line


@pytest.fixture
def landscape(tmp_path, monkeypatch, capsys):
    """Run the command in this process and in an empty folder: its status, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*args):
        monkeypatch.setattr(sys, "argv", ["wdref", "landscape", "--jobs", "1", *args])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        return caught.value.code, *capsys.readouterr()

    return run


@pytest.fixture
def simulated(monkeypatch):
    """In place of training: a valley whose slope is that of the prediction, and little noise."""
    told = SimpleNamespace(shift=0.0)

    def run(job):
        slope = decoupling.PREDICTED[job.optimizer, job.form][job.problem in ("digits", "teacher")]
        u = np.log(job.learning_rates)[:, None]
        v = np.log(job.weight_decays)[None]
        rng = np.random.default_rng([job.seeds[0], len(job.weight_decays)])
        middle = v.mean() + told.shift + 0.1 * rng.standard_normal()
        d = (v - middle - slope * (u - u.mean())) / np.ptp(v)
        loss = 0.3 * np.exp(8 * d * d + 0.01 * (u - u.mean()) ** 2)
        dims = ("seed", "learning_rate", "weight_decay")
        scales = {"test_loss": 1, "train_loss": 2, "test_error": 4, "train_error": 8}
        values = {name: (dims, loss[None] / scale) for name, scale in scales.items()}
        coords = {"seed": list(job.seeds), "learning_rate": list(job.learning_rates),
                  "weight_decay": list(job.weight_decays)}  # fmt: skip
        diverged = (dims, np.zeros((1, *loss.shape), dtype=bool))
        attrs = {"job": json.dumps(repr(job)), "seconds": 0.0}
        return xarray.Dataset({**values, "diverged": diverged}, coords, attrs)

    monkeypatch.setattr(sweep, "run", run)
    return told


TINY = ("--problem", "digits", "--option", "width=6", "--steps", "4", "--seeds", "2",
        "--learning-rates", "0.01,0.03,0.1", "--weight-decays", "0.001,0.01,0.1")  # fmt: skip
BEST = {"learning_rate", "weight_decay", "error", "interval", "errors"}


def test_the_document(landscape, simulated):
    status, out, err = landscape("--seeds", "4", "--json")
    told = document(out)
    assert (status, err) == (0, "")
    assert list(told["optimizers"]) == ["sgd", "sgdw", "adam", "adamw"]
    for (name, one), slope in zip(told["optimizers"].items(), (-1, 0, -2, 0), strict=True):
        assert one["coupling"] == pytest.approx(slope, abs=0.1), name
        low, high = one["interval"]
        assert low < one["coupling"] < high
        assert set(one["best"]) == BEST
        assert len(one["grid"]["test_error"]) == len(one["grid"]["learning_rates"])
        assert len(one["grid"]["test_error"][0]) == len(one["grid"]["weight_decays"])
        assert one["edges"] == []
    assert len(told["differences"]) == 6
    assert told["computed"] == 16


def test_a_second_run_computes_nothing(landscape, simulated):
    first = document(landscape("--json")[1])
    second = document(landscape("--json")[1])
    assert (first.pop("computed"), second.pop("computed")) == (20, 0)
    assert first == second


def test_training_gives_a_document_too(landscape):
    status, out, _ = landscape(*TINY, "--optimizers", "adamw:lr", "--json")
    told = document(out)
    assert status in (0, 1)
    one = told["optimizers"]["adamw:lr"]
    assert status == (one["coupling"] is None)
    assert 0 < one["grid"]["test_error"][0][0] <= 1
    assert told["options"] == {"width": 6}


def test_schedules_are_named_where_there_are_several(landscape, simulated):
    out = landscape("--optimizers", "sgd", "--schedules", "fixed,cosine", "--json")[1]
    assert list(document(out)["optimizers"]) == ["sgd/fixed", "sgd/cosine"]


def test_the_table_for_people(landscape, simulated):
    status, out, _ = landscape()
    assert status == 0
    assert "slope" in out
    assert "adamw" in out
    assert "0 is decoupled" in " ".join(out.split())


def test_an_optimum_at_the_edge_is_said(landscape, simulated):
    simulated.shift = 8.0  # half of the grid is some 6 wide
    status, out, _ = landscape("--optimizers", "sgdw", "--figure", "edge.png")
    assert status == 1
    assert "sgdw: the best lies at the highest weight_decay of the grid" in " ".join(out.split())
    one = document(landscape("--optimizers", "sgdw", "--json")[1])["optimizers"]["sgdw"]
    assert one["edges"] == ["highest weight_decay"]
    assert one["coupling"] is None


def test_everything_diverges(landscape, monkeypatch):
    def diverged(job):
        whole = saved(job)
        return whole.where(False).assign(diverged=~whole["diverged"])

    saved = sweep.run
    monkeypatch.setattr(sweep, "run", diverged)
    status, out, _ = landscape(*TINY, "--optimizers", "sgd", "--json")
    one = document(out)["optimizers"]["sgd"]
    assert status == 1
    assert one["coupling"] is None
    assert "every run diverged" in one["note"]
    assert one["best"] is None
    assert one["diverged"] == 2 * 9
    status, out, _ = landscape(*TINY, "--optimizers", "sgd")
    assert status == 1
    assert "every run diverged" in " ".join(out.split())


def test_the_figure(landscape, simulated):
    two = ("--optimizers", "sgd,adamw:lr")
    assert landscape(*two, "--figure", "first.svg")[0] == 0
    assert landscape(*two, "--figure", "second.svg")[0] == 0
    first = Path("first.svg").read_bytes()
    assert first == Path("second.svg").read_bytes()
    assert first.startswith(b"<?xml")
    assert first.count(b"<image") >= 2  # a heat map a method
    assert not list(Path().glob(".*.part"))


def test_the_decoupling_table(landscape, simulated, monkeypatch):
    status, out, _ = landscape("--table", "--seeds", "3", "--json")
    told = document(out)
    assert len(told["cells"]) == 24
    assert {(c["optimizer"], c["form"]) for c in told["cells"]} == set(decoupling.PREDICTED)
    assert status == 0
    assert all(cell["holds"] for cell in told["cells"])
    other = {key: (a + 1, b + 1) for key, (a, b) in decoupling.PREDICTED.items()}
    monkeypatch.setattr(decoupling, "PREDICTED", other)
    status, out, _ = landscape("--table", "--seeds", "3", "--json")
    assert status == 1
    assert not any(cell["holds"] for cell in document(out)["cells"])


def rows_of(path):
    lines = Path(path).read_text().splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line]


def test_tables_as_markdown(landscape, simulated):
    landscape("--seeds", "4", "--markdown", "slopes.md")
    told = rows_of("slopes.md")
    assert [row[0] for row in told[2:6]] == ["sgd", "sgdw", "adam", "adamw"]
    assert len({len(row) for row in told[:6]}) == 1
    assert told[8][0] == "sgdw − sgd"
    landscape("--table", "--seeds", "3", "--markdown", "table.md")
    cells = rows_of("table.md")[2:]
    assert len(cells) == 24
    assert {row[-2] for row in cells} == {"yes"}
    assert {row[-1] for row in cells} == {"inside"}


def test_the_table_as_text_and_figure(landscape, simulated):
    status, out, _ = landscape("--table", "--seeds", "3", "--figure", "table.png")
    assert status == 0
    assert "teacher" in out
    assert Path("table.png").stat().st_size > 10_000


def test_what_it_will_cost(landscape, monkeypatch):
    monkeypatch.setattr(sweep, "run", None)
    status, out, _ = landscape(*TINY, "--explain", "--json")
    told = document(out)
    assert status == 0
    assert [row["runs"] for row in told["explain"]] == [18] * 4
    assert [row["updates"] for row in told["explain"]] == [72] * 4
    assert told["core_seconds"] > 0
    assert not Path("wdref-results").exists()


def test_what_is_stored_costs_nothing(landscape, simulated):
    landscape(*TINY, "--json")
    out = landscape(*TINY, "--explain")[1]
    told = document(landscape(*TINY, "--explain", "--json")[1])
    assert [row["stored"] for row in told["explain"]] == [2] * 4
    assert told["core_seconds"] == 0
    assert "2 jobs" in out


def test_a_failing_job_is_named_and_the_others_kept(landscape, monkeypatch):
    saved = sweep.run

    def spoiled(job):
        if job.seeds == (1,):
            raise MemoryError("too large")
        return saved(job)

    monkeypatch.setattr(sweep, "run", spoiled)
    status, out, err = landscape(*TINY, "--optimizers", "sgd")
    assert (status, out) == (2, "")
    assert one_line(err)
    assert "1 of 2 jobs failed, the first (sgd, l2, seed 1) with MemoryError: too large" in err
    assert "1 results are kept in wdref-results" in err


@pytest.mark.parametrize(
    ("args", "error"),
    [
        (["--seeds", "1"], "--seeds 1: an interval needs at least 2"),
        (["--batch", "501", "--explain"], "batch=501: expected at most the 500 training samples"),
        (["--table", "--seeds", "1"], "--seeds 1: an interval needs at least 2"),
        (["--learning-rates", "0,0.1,1"], "--learning-rates 0,0.1,1: expected numbers above 0"),
        (["--weight-decays=-1,0.1,1"], "--weight-decays -1,0.1,1: expected numbers above 0"),
        (["--learning-rates", "nan,1,2"], "--learning-rates nan,1,2: expected numbers above 0"),
        (["--learning-rates", "1,2"], "expected at least 3 different numbers for a slope"),
        (["--learning-rates", "1,1,2"], "expected at least 3 different numbers for a slope"),
        (["--weight-decays", "small"], "--weight-decays small: expected numbers, as in 1e-3"),
        (["--problem", "mnist"], "no problem 'mnist': there are digits"),
        (["--option", "depth=3"], "digits-bn has no option depth"),
        (["--option", "width"], "--option width: expected NAME=VALUE"),
        (["--option", "width=0"], "width=0"),
        (["--optimizers", "lamb"], "'lamb': expected one of sgd"),
        (["--schedules", "linear"], "schedule 'linear': expected one of fixed"),
        (["--steps", "0"], "steps=0: expected a whole number >= 1"),
        (["--jobs", "0"], "--jobs 0: expected at least 1"),
        (["--level", "1"], "--level 1.0: expected a number between 0 and 1"),
        (["--figure", "map.gif"], "--figure map.gif: expected a name that ends in .png"),
        (["--figure", "no/map.png"], "--figure no/map.png: No such file or directory"),
        (["--markdown", "map.txt"], "--markdown map.txt: expected a name that ends in .md"),
        (["--out", "taken"], "--out taken: File exists"),
        (["--metric", "accuracy"], "Invalid value for '--metric'"),
    ],
)
def test_what_cannot_be_asked(landscape, args, error):
    Path("taken").touch()
    status, out, err = landscape(*args)
    assert (status, out) == (2, "")
    assert one_line(err)
    assert error in err


@pytest.mark.parametrize(
    ("scheduler", "module"), [("ray", "ray"), ("tcp://127.0.0.1:9", "distributed")]
)
def test_a_scheduler_that_is_not_installed(landscape, monkeypatch, scheduler, module):
    monkeypatch.setitem(sys.modules, module, None)
    status, out, err = landscape("--scheduler", scheduler)
    assert (status, out) == (2, "")
    assert one_line(err)
    assert f"--scheduler {scheduler} needs {module}: pip install {module}" in err


def test_an_error_leaves_one_document(landscape):
    status, out, _ = landscape("--seeds", "1", "--json")
    assert status == 2
    assert document(out)["optimizers"] == {}
    assert "interval" in document(out)["error"]
