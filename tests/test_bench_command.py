"""The command `wdref bench`: its rows, tables and files, what it refuses, memory, the profile."""

import runpy
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("psutil", reason="the benchmark needs the extra `bench`")
from wdref.analysis.bench import command as bench_command
from wdref.analysis.bench import memory as bench_memory
from wdref.analysis.bench.cases import DTYPES, LAYOUTS, RULES, Case
from wdref.analysis.bench.machine import warning
from wdref.analysis.bench.measure import Row
from wdref.analysis.bench.peers import PEERS
from wdref.analysis.bench.profile import PARTS, Stopwatch, profile
from wdref.analysis.bench.show import markdown
from wdref.analysis.bench.subjects import LIMIT, OWN
from wdref.engine import plan
from wdref.optimizer import Optimizer

HERE = Path(__file__).parent
shared = SimpleNamespace(**runpy.run_path(str(HERE / "bench_runs.py")))
commands = SimpleNamespace(**runpy.run_path(str(HERE / "command_runs.py")))
run, told, document, one_line = shared.run, shared.told, commands.document, commands.one_line
NAMES = {subject.name for subject in (*OWN, *PEERS)}

# -- the command -----------------------------------------------------------------------------------


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr("wdref.analysis.bench.measure.Sampling", lambda **_: shared.QUICK)


TINY = ("--quick", "--no-memory", "--layout", "1e2")
NUMBER = {"type": ["number", "null"], "exclusiveMinimum": 0}
COUNT = {"type": ["integer", "null"], "minimum": 1}
SCHEMA = {
    "type": "object",
    "required": ["environment", "warning", "rows"],
    "additionalProperties": False,
    "properties": {
        "warning": {"type": ["string", "null"]},
        "environment": {
            "type": "object",
            "required": ["cpu", "cores", "threads", "load", "python", "versions", "date", "gpu"],
            "properties": {
                "cpu": {"type": "string", "minLength": 1},
                "cores": {"type": "integer", "minimum": 1},
                "threads": {"type": "integer", "minimum": 1},
                "load": {"type": "number", "minimum": 0},
                "versions": {"type": "object", "required": ["wdref", "numpy"]},
            },
        },
        "rows": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["case", "what", "seconds", "ratio", "quartiles", "peak_bytes"],
                "additionalProperties": False,
                "properties": {
                    "case": {"type": "string"}, "what": {"type": "string"},
                    "rule": {"enum": list(RULES)}, "dtype": {"enum": list(DTYPES)},
                    "layout": {"enum": list(LAYOUTS)}, "device": {"enum": ["cpu", "cuda"]},
                    "tensors": COUNT, "parameters": COUNT, "bytes_per_parameter": COUNT,
                    "steps": COUNT, "rounds": COUNT, "peak_bytes": COUNT,
                    "seconds": NUMBER, "ratio": NUMBER, "note": {"type": "string"},
                    "quartiles": {"type": ["array", "null"], "minItems": 2, "maxItems": 2,
                                  "items": {"type": "number"}},
                },
            },
        },
    },
}  # fmt: skip


def test_the_document_has_a_row_for_every_case_and_subject(run, short):
    jsonschema = pytest.importorskip("jsonschema", reason="it comes with the extra `oracle`")
    status, out, error = run(*TINY, "--dtype", "float32", "--dtype", "float16", "--json")
    assert (status, error) == (0, "")
    found = document(out)
    jsonschema.validate(found, SCHEMA)
    rows = [row for row in found["rows"] if row["device"] == "cpu"]
    cases = {f"adamw {dtype} {x}" for dtype in ("float32", "float16") for x in ("1e2",)}
    assert sorted((r["case"], r["what"]) for r in rows) == sorted(
        (case, name) for case in cases for name in NAMES
    )
    for row in rows:
        assert (row["seconds"] is None) <= bool(row["note"]), "no figure without a reason"
        assert not row["note"].startswith("failed"), row
        if row["quartiles"]:
            assert row["quartiles"][0] <= row["seconds"] <= row["quartiles"][1]
    limits = {row["case"]: row["seconds"] for row in rows if row["what"] == LIMIT}
    for row in rows:
        if row["seconds"] and limits[row["case"]]:
            assert row["ratio"] == pytest.approx(row["seconds"] / limits[row["case"]])


@pytest.mark.parametrize(("suffix", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml")])
def test_tables_and_files(run, short, suffix, start):
    status, out, error = run(*TINY, "--figure", f"cost.{suffix}", "--markdown", "table.md")
    assert (status, error) == (0, "")
    assert Path(f"cost.{suffix}").read_bytes().startswith(start)
    text = Path("table.md").read_text("utf-8")
    for name in NAMES:
        assert f"\n| {name} | " in text
        assert name in out
    assert sorted(path.name for path in Path().iterdir()) == [f"cost.{suffix}", "table.md"]


@pytest.mark.parametrize(
    ("args", "culprit"),
    [
        (("--max-size", "many"), "--max-size many"),
        (("--max-size", "0"), "--max-size 0"),
        (("--max-size", "nan"), "--max-size nan"),
        (("--max-size", "99"), "no case is left"),
        (("--rule", "shampoo"), "shampoo"),
        (("--rule", "lamb", "--clip"), "--clip: lamb is clipped by no norm"),
        (("--dtype", "int8"), "int8"),
        (("--layout", "1e9"), "1e9"),
        (("--figure", "missing/x.svg"), "--figure missing/x.svg"),
        (("--figure", "x.gif"), "--figure x.gif"),
        (("--markdown", "x.txt"), "--markdown x.txt"),
        (("--unknown",), "--unknown"),
    ],
)
def test_a_bad_option_is_one_line_and_costs_no_measurement(run, monkeypatch, args, culprit):
    monkeypatch.setattr(
        "wdref.analysis.bench.measure.measure", lambda *_, **__: pytest.fail("it began")
    )
    status, out, error = run("--no-memory", *args)
    assert (status, out) == (2, "")
    assert one_line(error)
    assert culprit in error
    assert list(Path().iterdir()) == []


def test_options_choose_the_cases():
    def chosen(device=None, **options):
        empty = {"quick": False, "clip": False, "max_size": None,
                 "rules": (), "dtypes": (), "layouts": ()}  # fmt: skip
        return list(bench_command._chosen({**empty, **options}, device))

    everything = {(r, d, x) for r in RULES for d in DTYPES for x in LAYOUTS}
    assert {(c.rule, c.dtype, c.layout) for c in chosen()} == everything
    assert len(chosen()) == len(everything)
    assert max(c.parameters for c in chosen(max_size="1e7")) == 10_000_000
    quick = chosen(quick=True)
    assert {(c.rule, c.dtype) for c in quick} == {("adamw", "float32")}
    assert max(c.parameters for c in quick) == 1_000_000
    one = {"layouts": ("1e2",), "rules": ("adam",), "dtypes": ("float32",)}
    assert [c.device for c in chosen("a GPU", **one)] == ["cpu", "cuda"]
    assert [c.rule for c in chosen(clip=True, **one)] == ["adam clipped"]


@pytest.mark.parametrize("module", ["psutil", "matplotlib"])
def test_without_the_extra_it_says_so(run, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    status, out, error = run("--figure", "x.svg")
    assert (status, out) == (2, "")
    assert error == f"wdref: error: this needs {module}: pip install 'wdref[bench]'\n"


# -- what is said ----------------------------------------------------------------------------------


def row(what, seconds, ratio=None, layout="1e2", **options):
    quartiles = seconds and (seconds, seconds)
    return Row(f"adamw float32 {layout}", "adamw", "float32", layout, "cpu", 1, 100, what, seconds,
               quartiles, ratio, **options)  # fmt: skip


MACHINE = {"cpu": "a CPU", "cores": 2, "threads": 2, "gpu": None, "load": 0.1, "date": "today",
           "python": "3", "versions": {"wdref": "1"}, "warning": None}  # fmt: skip


def test_the_markdown_holds_times_ratios_memory_and_notes():
    rows = [
        row(LIMIT, 1e-6, 1.0),
        row("x", 2.5e-6, 2.5, peak_bytes=1600),
        row("y", None, note="no"),
    ]
    text = markdown(rows, MACHINE, "command")
    assert "| limit | 1 µs (1 µs – 1 µs) |" in text
    assert "| x | **2.50** 2.5 µs (2.5 µs – 2.5 µs) |" in text
    assert "| y | – |" in text
    assert "| x | 16.0 |" in text
    assert "- y: no (adamw float32 1e2)" in text
    assert "Warning" not in text


def test_a_busy_machine_is_named_everywhere():
    busy = warning(1.1, 2)
    assert busy is not None
    assert warning(1.0, 2) is None
    assert f"**Warning: {busy}.**" in markdown([row("x", 1.0)], {**MACHINE, "warning": busy}, "c")


# -- memory ----------------------------------------------------------------------------------------


@pytest.mark.skipif(not bench_memory.REFERENCES.exists(), reason="only Linux resets the high-water")
def test_peak_memory_holds_the_arrays_and_the_temporaries():
    """Blocks need the arrays alone, 16 bytes a parameter; the rule as written some more arrays."""
    pytest.importorskip("numba", reason="the module needs the extra `fast`")
    case = Case("adamw", "float32", "1e7")
    blocks, plain = (bench_memory.peak(case, f"wdref {name}") for name in ("numpy", "plain"))
    assert 15.5 < blocks / case.parameters < 18
    assert plain / case.parameters > 24, "the results, before they are written"


def test_memory_is_measured_where_the_arrays_are_large():
    assert bench_memory.wanted(Case("sgdw", "float16", "1e7"))
    assert bench_memory.wanted(Case("adamw", "float32", "gpt2-small"))
    assert not bench_memory.wanted(Case("sgdw", "float16", "1e8"))
    assert not bench_memory.wanted(Case("adamw", "float32", "1e6"))
    assert not bench_memory.wanted(Case("adamw", "float32", "1e7", "cuda"))


# -- the profile -----------------------------------------------------------------------------------


def test_the_stopwatch_counts_every_moment_once(told):
    watch = Stopwatch(told)

    def wait(seconds):
        told.now += seconds

    inner = watch.wrap("inner", wait)
    with watch.part("outer"):
        wait(1.0)
        inner(4.0)
        with watch.part("middle"):
            wait(16.0)
            inner(64.0)
        wait(2.0)
    wait(1000.0)
    assert watch.parts == {"outer": 3.0, "inner": 68.0, "middle": 16.0}


def test_an_error_does_not_stop_the_stopwatch(told):
    watch = Stopwatch(told)
    with watch.part("outer"):
        with pytest.raises(ZeroDivisionError):
            watch.wrap("inner", lambda: 1 / 0)()
        told.now += 1.0
    assert watch.parts["outer"] == 1.0


def test_the_parts_of_a_step_add_up(run):
    pytest.importorskip("numba", reason="the profile needs the extra `fast`")
    status, out, error = run("--profile", "--json")
    assert (status, error) == (0, "")
    found = document(out)
    assert [part["part"] for part in found["parts"]] == list(PARTS)
    assert all(part["seconds"] > 0 for part in found["parts"]), "a part is never reached"
    assert sum(part["seconds"] for part in found["parts"]) == pytest.approx(found["watched"])


def test_the_profile_is_of_the_whole_step_and_leaves_nothing_behind():
    """Seconds of a clock that ticks once a look: as many as the watch looked, all in parts."""
    pytest.importorskip("numba", reason="the profile needs the extra `fast`")
    before = Optimizer.scalars, plan.Plan.run, plan.Plan._flat, plan.memory.runs
    ticks = iter(range(10**9))
    found = profile(steps=3, clock=lambda: float(next(ticks)))
    assert found["seconds"] == 1.0, "without the stopwatch nobody looks but at the ends"
    # flatten twice, the other parts once: each begins and ends with a look, minus the last
    assert found["watched"] == 2 * (len(PARTS) + 1) - 1
    assert (Optimizer.scalars, plan.Plan.run, plan.Plan._flat, plan.memory.runs) == before


def test_the_profile_in_words(run, monkeypatch):
    pytest.importorskip("numba", reason="the profile needs the extra `fast`")
    monkeypatch.setattr(
        "wdref.analysis.bench.profile.profile.__kwdefaults__",
        {"steps": 3, "clock": time.perf_counter},
    )
    status, out, error = run("--profile")
    assert (status, error) == (0, "")
    assert [part for part in PARTS if part not in out] == []
    assert "sum" in out
