"""`wdref bench`: its cases, its arithmetic under a clock that is told, and who is measured."""

import json
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("psutil", reason="the benchmark needs the extra `bench`")
from wdref.analysis.bench.cases import CLIPPED, DTYPES, RULES, Case, arrays
from wdref.analysis.bench.measure import ROOM, Sampling, measure
from wdref.analysis.bench.peers import PEERS
from wdref.analysis.bench.subjects import LIMIT, OWN, Absent, Step, Subject
from wdref.rules.registry import claims

SUBJECTS = (*OWN, *PEERS)
PLENTY = 1e18
shared = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("bench_runs.py"))))
QUICK, told = shared.QUICK, shared.told

# -- cases -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layout", "tensors", "parameters"),
    [  # the published counts of parameters
        ("gpt2-small", 148, 124_439_808),
        ("resnet50", 161, 25_557_032),
        ("400x256", 400, 102_400),
        ("2e7", 1, 20_000_000),
    ],
)
def test_the_shapes_are_those_of_the_models(layout, tensors, parameters):
    case = Case("adamw", "float32", layout)
    assert (len(case.shapes), case.parameters) == (tensors, parameters)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_traffic_and_memory_are_those_of_the_arrays(rule, dtype):
    case = Case(rule, dtype, "1e3")
    found = arrays(case)
    theta, g, *slots = (x[0] for x in (found.params, found.grads, *found.slots.values()))
    sizes = [x.nbytes for x in (theta, g, *slots)]
    assert case.held() == sum(sizes)
    assert case.traffic() * 1000 == 2 * sum(sizes) - g.nbytes, "all but the gradient is written"
    assert {x.dtype.name for x in slots} == {"float32"}
    assert theta.dtype.name == g.dtype.name == dtype


@pytest.mark.parametrize(
    ("rule", "reads"),
    [  # by their formulas: ‖θ‖ and ‖u‖ of a step of Adam's, ‖θ‖ and ‖g‖, ‖g‖, ‖g/√v‖
        ("lamb", [("theta", "g", "m", "v")]),
        ("lars", [("theta", "g")]),
        ("novograd", [("g",)]),
        ("stableadamw", [("g", "v")]),
        ("adamw" + CLIPPED, [("g",)]),
        ("adamw", []),
        ("lion", []),
    ],
)
def test_what_is_summed_is_read_before(rule, reads):
    assert list(Case(rule, "float32", "1e2").reads) == reads


def test_tensors_lie_apart_and_begin_at_a_line_of_the_cache():
    found = arrays(Case("adamw", "float32", "resnet50"))
    starts = [x.ctypes.data for x in found.params]
    ends = [start + x.nbytes for start, x in zip(starts, found.params, strict=True)]
    assert all(end <= start for end, start in zip(ends, starts[1:], strict=False))
    assert {(start - starts[0]) % 64 for start in starts} == {0}


# -- the arithmetic, under a clock that is told ----------------------------------------------------


CASE = Case("adamw", "float32", "1e2")


def rows_of(told, *subjects, sampling=QUICK, case=CASE, available=PLENTY):
    rows = measure(case, subjects, sampling, available=available, clock=told)
    return {row.what: row for row in rows}


def test_ratios_are_to_the_limit_of_the_same_case(told):
    rows = rows_of(
        told, told.subject("fast", 3.0), told.subject(LIMIT, 2.0), told.subject("s", 9.0)
    )
    assert {name: (row.seconds, row.ratio) for name, row in rows.items()} == {
        "fast": (3.0, 1.5), LIMIT: (2.0, 1.0), "s": (9.0, 4.5),
    }  # fmt: skip
    assert list(rows) == ["fast", LIMIT, "s"]
    assert {row.bytes_per_parameter for row in rows.values()} == {28}


def test_medians_and_quartiles_leave_warm_up_out(told):
    # two steps of warm-up, one that tells how many make a sample, then five samples
    rows = rows_of(told, told.subject("x", 99.0, 99.0, 99.0, 5.0, 1.0, 4.0, 2.0, 3.0))
    assert (rows["x"].seconds, rows["x"].quartiles, rows["x"].rounds) == (3.0, (2.0, 4.0), 5)
    assert rows["x"].ratio is None, "there is no limit"


def test_a_sample_is_long_enough_for_the_clock_and_says_one_step(told):
    sampling = Sampling(rounds=5, seconds=1.0, pause=0.0)
    rows = rows_of(told, told.subject("x", 1 / 64), told.subject("y", 4.0), sampling=sampling)
    assert rows["x"].seconds == pytest.approx(1 / 64)
    assert rows["x"].steps >= 64
    assert (rows["y"].seconds, rows["y"].steps) == (4.0, 1)


def test_what_goes_before_is_not_timed_and_bounds_the_steps(told):
    def before():
        told.now += 1000.0

    sampling = Sampling(rounds=5, seconds=1.0, pause=0.0)
    rows = rows_of(told, told.subject("x", 2**-10, before=before, most=100), sampling=sampling)
    assert rows["x"].seconds == 2**-10
    assert rows["x"].steps == 100


def test_what_finishes_is_timed(told):
    def finish():
        told.now += 1.0

    assert rows_of(told, told.subject("x", 2.0, finish=finish))["x"].seconds == 3.0


@pytest.mark.parametrize(("budget", "rounds"), [(1000.0, 9), (70.0, 7), (1.0, 3)])
def test_slow_cases_get_fewer_rounds_but_never_less_than_the_fewest(told, budget, rounds):
    sampling = Sampling(rounds=9, fewest=3, seconds=0.0, budget=budget, pause=0.0)
    assert rows_of(told, told.subject("x", 10.0), sampling=sampling)["x"].rounds == rounds


def test_every_round_has_every_subject_in_another_order(told):
    seen = []
    subjects = [
        Subject(name, "bench", lambda case, memory, name=name: Step(lambda: seen.append(name)))
        for name in "abcdef"
    ]
    rows_of(told, *subjects, sampling=Sampling(rounds=20, seconds=0.0, pause=0.0))
    rounds = ["".join(seen[k : k + 6]) for k in range(len(seen) - 6 * 20, len(seen), 6)]
    assert {"".join(sorted(one)) for one in rounds} == {"abcdef"}
    assert len(set(rounds)) > 10


def test_a_case_that_does_not_fit_the_memory_is_not_begun(told):
    def make(case, memory):
        pytest.fail("it began")

    need = ROOM * CASE.held()
    row = rows_of(told, Subject("x", "bench", make), available=need - 1)["x"]
    assert row.seconds is None
    assert "GiB of memory" in row.note
    assert rows_of(told, told.subject("x", 1.0), available=need)["x"].seconds == 1.0


# -- who is absent ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "missing", "extra"),
    [
        ("torch", {s.name for s in PEERS if "torch" in s.name}, "bench"),
        ("optax", {"optax"}, "bench"),
        ("jax", {"optax"}, "bench"),
        ("thinc.api", {"thinc"}, "bench"),
        ("numba", {LIMIT}, "fast"),
    ],
)
def test_a_peer_that_is_not_installed_is_a_row_that_says_what_to_install(
    monkeypatch, module, missing, extra
):
    monkeypatch.setitem(sys.modules, module, None)
    chosen = [subject for subject in SUBJECTS if subject.name in missing]
    rows = measure(CASE, chosen, QUICK, available=PLENTY)
    assert {row.what for row in rows} == missing
    for row in rows:
        assert row.seconds is row.ratio is row.quartiles is None
        assert row.note == f"needs {module.partition('.')[0]}: pip install 'wdref[{extra}]'"


def test_bfloat16_without_ml_dtypes_is_a_row_each(monkeypatch, told):
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    row = rows_of(told, told.subject("x", 1.0), case=Case("adamw", "bfloat16", "1e2"))["x"]
    assert row.note == "needs ml_dtypes: pip install 'wdref[bench]'"


def test_a_peer_that_fails_costs_its_row_alone(told):
    def run():
        raise RuntimeError("no\nway")

    broken = Subject("broken", "bench", lambda case, memory: Step(run))
    rows = rows_of(told, broken, told.subject(LIMIT, 1.0))
    assert rows["broken"].note == "failed: RuntimeError: no way"
    assert rows[LIMIT].ratio == 1.0


@pytest.mark.parametrize("case", [Case("sgdw", "float32", "1e2"), Case("adam", "float16", "1e2")])
def test_thinc_says_what_it_cannot(case):
    pytest.importorskip("thinc", reason="thinc comes with the extra `bench`")
    thinc = next(s for s in PEERS if s.name == "thinc")
    with pytest.raises(Absent, match="thinc"):
        thinc.start(case, arrays(case))


# -- the subjects do the work ----------------------------------------------------------------------


def after(case, subject, steps=3):
    found = arrays(case)
    step = subject.start(case, found)
    for _ in range(steps):
        step.run()
    step.finish()
    return found.runs


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rule", RULES)
def test_the_limit_touches_and_changes_nothing(rule, dtype):
    pytest.importorskip("numba", reason="the limit needs the extra `fast`")
    case = Case(rule, dtype, "1e3")
    assert {name: x.tobytes() for name, x in after(case, OWN[0]).items()} == {
        name: x.tobytes() for name, x in arrays(case).runs.items()
    }


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rule", RULES)
def test_the_backends_of_wdref_leave_the_same_bits(rule, dtype):
    pytest.importorskip("numba", reason="the backend needs the extra `fast`")
    case = Case(rule, dtype, "400x256")
    numba, numpy, plain = ({n: x.tobytes() for n, x in after(case, s).items()} for s in OWN[1:])
    assert numba == numpy == plain
    assert plain["theta"] != arrays(case).runs["theta"].tobytes()


@pytest.mark.parametrize("rule", ["adamw", "adam"])
@pytest.mark.parametrize("name", ["torch fused", "torch foreach", "torch loop"])
def test_pytorch_makes_the_step_that_wdref_makes(rule, name):
    """The slots to rounding; θ, of which a step changes some units in the last place, to two."""
    pytest.importorskip("torch", reason="PyTorch comes with the extra `frameworks`")
    case = Case(rule, "float32", "1e3")
    torch = after(case, next(s for s in PEERS if s.name == name))
    own = after(case, OWN[3])
    for slot in ("m", "v"):
        np.testing.assert_allclose(torch[slot], own[slot], rtol=1e-5, atol=1e-12)
    unit = np.spacing(np.abs(own["theta"]))
    assert np.max(np.abs(torch["theta"] - own["theta"]) / unit) <= 2 * 3
    assert np.max(np.abs(own["theta"] - arrays(case).runs["theta"]) / unit) > 20


# -- a GPU -----------------------------------------------------------------------------------------


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rule", RULES)
def test_subjects_on_the_device(rule, dtype):
    from wdref.analysis.bench.cuda import SUBJECTS as ON_DEVICE

    rows = measure(Case(rule, dtype, "400x256", "cuda"), ON_DEVICE, QUICK, available=PLENTY)
    assert {row.what for row in rows if row.seconds} >= {LIMIT, "wdref cupy", "wdref plain"}
    assert not [row.note for row in rows if row.note.startswith("failed")]
    json.dumps([row.ratio for row in rows], allow_nan=False)


@pytest.mark.parametrize("rule", [rule for rule in claims() if rule not in RULES])
def test_any_rule_can_be_measured(rule):
    """Its own arrays, no more, beside the limit; a peer that has it not says so."""
    pytest.importorskip("numba", reason="the limit needs the extra `fast`")
    case = Case(rule, "float32", "1e3")
    before = 4 * sum(map(len, case.reads))  # for its sums
    assert case.traffic() == 12 + 8 * len(case.like) + before
    left = after(case, OWN[0])
    assert {n: x.tobytes() for n, x in left.items()} == {
        n: x.tobytes() for n, x in arrays(case).runs.items()
    }
    numba, plain = ({n: x.tobytes() for n, x in after(case, s).items()} for s in (OWN[1], OWN[3]))
    assert numba == plain
