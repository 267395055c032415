"""Vectors: what is exported, what checks it, and two programs in other languages that use it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import mpmath
import numpy as np
import pytest
from jsonschema import Draft202012Validator

from wdref.conventions import CONVENTIONS
from wdref.oracle import vectors
from wdref.oracle.enclosure import Enclosure, enclose
from wdref.oracle.vectors_format import layout, write_whole
from wdref.oracle.vectors_lint import lint
from wdref.oracle.vectors_notes import NOTES, SOURCES
from wdref.oracle.vectors_outputs import judge_outputs
from wdref.oracle.vectors_read import OUTPUTS_SCHEMA, VECTORS_SCHEMA, schema_text

HERE = Path(__file__).parent / "vectors"
DIGESTS = HERE / "digests"
CHECK_KEYS = ["target", "claim", "convention", "dtype", "verdict", "worst_ratio", "cases",
              "identified"]  # fmt: skip


def wdref(*args):
    return subprocess.run([sys.executable, "-m", "wdref.cli", *map(str, args)],
                          capture_output=True, text=True, timeout=300)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The vectors of AdamW under both conventions that the foreign programs know."""
    found = tmp_path_factory.mktemp("vectors")
    for convention in ("paper", "pytorch"):
        vectors.export(found, "adamw", convention)
    return found


# ---- the files ----


def test_the_export_is_the_same_bytes_everywhere(tmp_path):
    done = wdref("vectors", "export", tmp_path, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    files = json.loads(done.stdout)["files"]
    assert len(files) == len(SOURCES)
    assert sum(row["bytes"] for row in files) < 12e6
    printed = wdref("vectors", "digest", tmp_path).stdout
    assert sorted(printed.split()) == sorted(
        x for row in files for x in (row["sha256"], row["file"])
    )
    assert printed == DIGESTS.read_text("utf-8"), (
        "the vectors have changed; if they should have: wdref vectors export DIR && "
        "wdref vectors digest DIR > tests/vectors/digests"
    )
    assert sorted(p.name for p in (tmp_path / "schemas").iterdir()) == [
        OUTPUTS_SCHEMA, VECTORS_SCHEMA,
    ]  # fmt: skip


def test_the_files_are_well_formed(folder):
    for path in folder.glob("*.json"):
        assert lint(path) == []
        data = path.read_bytes()
        assert data.endswith(b"}\n")
        assert b"\r" not in data
    done = wdref("vectors", "lint", folder)
    assert (done.returncode, done.stdout) == (0, "2 files, 2 without a problem\n")


def test_a_selection_keeps_the_numbers(folder, tmp_path):
    full = json.loads((folder / "adamw_pytorch.json").read_text("utf-8"))
    path = vectors.export(tmp_path, "adamw", "pytorch", ["float32"])
    part = json.loads(path.read_text("utf-8"))
    assert lint(path) == []
    assert part["suite"] == full["suite"]
    assert part["groups"] == full["groups"][1:]


@pytest.mark.parametrize(("options", "message"), [
    (("--claim", "adamw", "--convention", "sklearn"), "convention 'sklearn' has no 'adamw'"),
    (("--claim", "adamv"), "'adamv' is not one of"),
    (("--dtype", "float8"), "'float8' is not one of"),
])  # fmt: skip
def test_what_cannot_be_exported(options, message, tmp_path):
    done = wdref("vectors", "export", tmp_path / "new", *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    write_whole(path, "old")

    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, "new")
    assert [(p.name, p.read_text("utf-8")) for p in tmp_path.iterdir()] == [("a.json", "old")]


@pytest.mark.parametrize("name", [VECTORS_SCHEMA, OUTPUTS_SCHEMA])
def test_the_schemas_are_closed(name):
    schema = json.loads(schema_text(name))
    Draft202012Validator.check_schema(schema)

    def objects(x):
        if isinstance(x, dict):
            yield from [x] if x.get("type") == "object" else []
        if isinstance(x, dict | list):
            for part in x.values() if isinstance(x, dict) else x:
                yield from objects(part)

    found = list(objects(schema))
    assert len(found) > 2
    assert all(x.get("additionalProperties") is False for x in found)


def test_every_note_is_used():
    suites = (vectors.suite(claim, "paper") for claim in CONVENTIONS["paper"])
    flags = {flag for found in suites for v in found.vectors for flag in v.case.flags}
    assert flags == set(NOTES)


# ---- the values ----


def mp_adamw(test):
    """AdamW of the paper in 60 digits, from Algorithm 2's lines."""
    with mpmath.workdps(60):
        h = {name: mpmath.mpf(pair["dec"]) for name, pair in test["hyper"].items()}
        theta = [mpmath.mpf(x) for x in test["theta0"]["dec"]]
        m = v = [mpmath.mpf(0)] * len(theta)
        for t, (g, eta) in enumerate(zip(test["grads"]["dec"], test["eta"]["dec"], strict=True), 1):
            m = [h["beta1"] * x + (1 - h["beta1"]) * y for x, y in zip(m, g, strict=True)]
            v = [h["beta2"] * x + (1 - h["beta2"]) * mpmath.mpf(y) ** 2
                 for x, y in zip(v, g, strict=True)]  # fmt: skip
            m_hat = [x / (1 - h["beta1"] ** t) for x in m]
            v_hat = [x / (1 - h["beta2"] ** t) for x in v]
            theta = [
                x - eta * (h["learning_rate"] * a / (mpmath.sqrt(b) + h["eps"])
                           + h["weight_decay"] * x)
                for x, a, b in zip(theta, m_hat, v_hat, strict=True)
            ]  # fmt: skip
            yield [float(x) for x in theta]


@pytest.mark.parametrize("dtype", [0, 1])
def test_expected_is_the_exact_value_rounded(folder, dtype):
    document = json.loads((folder / "adamw_paper.json").read_text("utf-8"))
    for test in document["groups"][dtype]["tests"]:
        if test["steps"] <= 24:
            assert list(mp_adamw(test)) == test["expected"]["dec"], test["id"]


def test_no_expected_value_hangs_on_the_last_bit_of_the_balls():
    """Each is the float64 nearest to every number of its ball: no library rounds it otherwise."""
    for convention in ("paper", "pytorch"):
        found = vectors.suite("adamw", convention)
        for v in found.vectors:
            e = enclose(found.dialect, v.case)
            half = np.minimum(np.spacing(np.abs(e.high)), -np.spacing(-np.abs(e.high))) / 2
            assert np.all((np.abs(e.low) + e.error < half / 2) | (e.error < half / 2**20))
            assert np.all(np.abs(np.abs(e.low) - half) > e.error)


def test_what_conforms_passes_the_comparison(folder):
    """The file's tolerance, rounded, allows what the verdict allows and little more."""
    document = json.loads((folder / "adamw_pytorch.json").read_text("utf-8"))
    found = vectors.suite("adamw", "pytorch")
    tests = [test for group in document["groups"] for test in group["tests"]]
    for v, test in zip(found.vectors, tests, strict=True):
        e, rows = enclose(found.dialect, v.case), [t - 1 for t in test["at"]]
        expected, allowed = np.array(test["expected"]["dec"]), 4 * np.array(test["tolerance"])
        for sign in (-1, 1):
            got = e.high + sign * 4 * e.radius
            passes = np.abs(got[rows] - expected) <= allowed
            assert np.all(passes | (e.ratio(got)[rows] > 4))
        assert np.all(allowed <= 4 * 1.101 * (e.radius[rows] + test["error"]))


def test_what_is_not_certified_is_null():
    high, radius = np.array([[0.5, 1.5]]), np.array([[2.0**-30, np.nan]])
    found = vectors.results(Enclosure(high, 0 * high, 0 * high, radius, radius < 0, radius < 0))
    assert found["expected"] == {"hex": [["0x1p-1", None]], "dec": [[0.5, None]]}
    assert (found["tolerance"], found["error"]) == ([[9.4e-10, None]], 0.0)


def test_long_cases_store_some_steps():
    assert vectors.steps_stored(3) == [1, 2, 3]
    assert vectors.steps_stored(160) == [*range(1, 65), 100, 150, 160]


def test_tensors_are_laid_end_to_end():
    case = vectors.suite("adamw", "paper").vectors[0].case
    split = vectors.replace(case, theta0=[case.theta0[:2], case.theta0[2:]],
                            grads=[case.grads[:, :2], case.grads[:, 2:]])  # fmt: skip
    flat, tensors = vectors.flatten(split)
    assert tensors == (2, 4)
    np.testing.assert_array_equal(flat.theta0, case.theta0)
    np.testing.assert_array_equal(flat.grads, case.grads)


# ---- other languages ----


@pytest.fixture(scope="module", params=["node", "rustc"])
def program(request, tmp_path_factory):
    tool = shutil.which(request.param)
    if tool is None:
        pytest.skip(f"{request.param} is not installed")
    if request.param == "node":
        return [tool, str(HERE / "adamw.mjs")]
    binary = tmp_path_factory.mktemp("rust") / "adamw"
    command = [tool, "-C", "opt-level=1", "-D", "warnings", "-o", binary, HERE / "adamw.rs"]
    subprocess.run(command, check=True, timeout=300)
    return [str(binary)]


def run(program, file, *options):
    return subprocess.run([*program, str(file), *map(str, options)],
                          capture_output=True, text=True, timeout=120)  # fmt: skip


@pytest.mark.parametrize("convention", ["paper", "pytorch"])
def test_a_right_program_passes_and_conforms(program, folder, tmp_path, convention):
    file = folder / f"adamw_{convention}.json"
    count = json.loads(file.read_text("utf-8"))["numberOfTests"]
    done = run(program, file, "--outputs", tmp_path / "outputs.json")
    assert done.returncode == 0, done.stdout
    assert f"{count} of {count} tests pass" in done.stdout
    judged = judge_outputs(tmp_path / "outputs.json", "adamw", convention)
    assert judged.verdict == "conforms"
    assert len(judged.verdicts) == count
    assert judged.as_json()["worst_ratio"] < 2
    assert judged.identity is None


@pytest.mark.parametrize(("bug", "convention", "answer"), [
    ("after", "pytorch", {"order": "after", "form": "lr", "eps": "outside"}),
    ("eps-hat", "paper", {"order": "together", "form": "paper", "eps": "hat"}),
])  # fmt: skip
def test_a_planted_bug_fails_and_is_named(program, folder, tmp_path, bug, convention, answer):
    file, outputs = folder / f"adamw_{convention}.json", tmp_path / "outputs.json"
    done = run(program, file, "--outputs", outputs, "--bug", bug)
    assert done.returncode == 1
    assert "FAIL 1 exaggerated/float64" in done.stdout
    done = wdref("vectors", "check", outputs, "--json")
    assert (done.returncode, done.stderr) == (1, "")
    document = json.loads(done.stdout)
    assert list(document) == CHECK_KEYS
    assert document["verdict"] == "deviates"
    match = document["identified"]["match"]
    assert {key: match[key] for key in answer} == answer
    assert (match["bias_correction"], match["amsgrad"]) == ("both", "none")


def test_the_program_refuses_what_it_does_not_know(program, folder, tmp_path):
    document = json.loads((folder / "adamw_paper.json").read_text("utf-8"))
    other = tmp_path / "other.json"
    other.write_text(layout(document | {"schema": "vectors_schema_v2.json"}), "utf-8")
    assert run(program, other).returncode == 2
    assert run(program, folder / "adamw_paper.json", "--bug", "none").returncode == 2
