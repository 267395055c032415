"""Vectors: what is exported, and what checks it."""

import json
from pathlib import Path

import mpmath
import numpy as np
import pytest
from jsonschema import Draft202012Validator
from vectors_documents import wdref

from wdref.common.whole import write_text
from wdref.conventions import CONVENTIONS
from wdref.oracle.cases.suite import cases
from wdref.oracle.judge.enclosure import Enclosure
from wdref.oracle.proof.detection import plainly
from wdref.oracle.vectors import files as vectors
from wdref.oracle.vectors.entry import case_of, entry, results, steps_stored, whole
from wdref.oracle.vectors.flags import bugs_of, flags_of
from wdref.oracle.vectors.lint import lint
from wdref.oracle.vectors.notes import NOTES
from wdref.oracle.vectors.outputs import suite_in
from wdref.oracle.vectors.read import LARGEST, SCHEMAS, schema_text
from wdref.oracle.vectors.sources import DTYPES, sources
from wdref.rules.registry import FIRST, families

HERE = Path(__file__).parent / "vectors"
DIGESTS = HERE / "digests"


# ---- the files ----


@pytest.mark.parametrize("name", ["adam_sklearn", "adamw_pytorch", "sgd_pytorch", "sgdw_keras"])
def test_the_export_is_the_same_bytes_everywhere(tmp_path, name):
    """One file a claim; `.ci/run` compares all."""
    claim, convention = name.split("_")
    done = wdref("export", tmp_path, "--claim", claim, "--convention", convention, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    (row,) = json.loads(done.stdout)["files"]
    assert row["bytes"] < LARGEST / 2
    printed = wdref("digest", tmp_path).stdout
    assert printed.split() == [row["sha256"], row["file"]]
    assert printed in DIGESTS.read_text("utf-8"), (
        "the vectors have changed; if they should have: wdref vectors export DIR && "
        "wdref vectors digest DIR > tests/vectors/digests"
    )
    assert sorted(p.name for p in (tmp_path / "schemas").iterdir()) == sorted(SCHEMAS)


def test_every_claim_of_every_program_with_a_source_is_a_file():
    wanted = list(vectors.selection())
    assert len(wanted) == len(sources())
    names = [line.split()[1] for line in DIGESTS.read_text("utf-8").splitlines()]
    assert names == sorted(f"{claim}_{convention}.json" for claim, convention in wanted)
    assert sum(len(vectors.suite(*each).vectors) for each in wanted) > 4000


def test_every_source_says_where_it_is():
    assert [each for each, source in sources().items() if not all(source)] == []


def test_the_files_are_well_formed(adamw_vectors):
    for path in adamw_vectors.glob("*.json"):
        assert lint(path) == []
        data = path.read_bytes()
        assert data.endswith(b"}\n")
        assert b"\r" not in data
        assert b"\\" not in data  # small parsers know no escapes


def test_files_of_the_first_version_are_read_linted_and_judged(tmp_path):
    """Their cases are no longer the suite: outputs are judged by the file they were made from."""
    file = HERE / "v1" / "sgdw_paper.json"
    done = wdref("lint", file.parent)
    assert (done.returncode, done.stdout) == (0, "1 files, 1 without a problem\n")
    suite = suite_in(file)
    assert [v.case.id for v in suite.vectors] == [
        "exaggerated/float32", "stop/float32", "first/float32",
    ]  # fmt: skip
    outputs = [{"tcId": v.tc_id, "theta": plainly(suite.dialect, v.case).tolist()}
               for v in suite.vectors]  # fmt: skip
    document = {
        "schema": "outputs_schema_v1.json", "algorithm": "sgdw", "convention": "paper",
        "suite": suite.digest, "outputs": outputs,
        "implementation": {"name": "old", "version": "", "language": "C"},
    }  # fmt: skip
    path = tmp_path / "outputs.json"
    path.write_text(json.dumps(document))
    done = wdref("check", path, "--vectors", file)
    assert (done.returncode, done.stderr) == (0, "")
    assert "conforms, worst ratio 0." in done.stdout
    done = wdref("check", path)
    assert done.returncode == 2
    assert "or name their file with --vectors" in done.stderr
    document["outputs"][1]["theta"][-1][0] += 1e-3
    path.write_text(json.dumps(document))
    assert wdref("check", path, "--vectors", file).returncode == 1


def test_a_selection_keeps_the_numbers(adamw_vectors, tmp_path):
    full = json.loads((adamw_vectors / "adamw_pytorch.json").read_text("utf-8"))
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
    done = wdref("export", tmp_path / "new", *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    write_text(path, "old")

    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        write_text(path, "new")
    assert [(p.name, p.read_text("utf-8")) for p in tmp_path.iterdir()] == [("a.json", "old")]


@pytest.mark.parametrize("name", SCHEMAS)
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


def test_every_note_is_used_and_no_flag_lacks_one():
    """Each case of each claim has a flag by its name; those of other families derive their own."""
    flags = set()
    for claim in (c.name for family in FIRST for c in families()[family].claims):
        if claim not in CONVENTIONS["pytorch"]:
            continue
        found = vectors.suite(claim, "pytorch")
        mutants = {bug.flag for bug in bugs_of(found.dialect)}
        assert not mutants & set(NOTES)
        flags |= {f for v in found.vectors for f in flags_of(found.dialect, v.case)} - mutants
    assert flags == set(NOTES)


@pytest.mark.parametrize("claim", ["adamw", "sgd"])
def test_a_file_holds_the_suite_of_check_or_says_what_it_leaves_out(claim):
    found = vectors.suite(claim, "pytorch")
    held = [v.case.id for v in found.vectors]
    every = [case.id for dtype in DTYPES
             for case in cases(claim, found.dialect, dtype, with_lives=False)]  # fmt: skip
    assert held == every
    assert len(set(held)) == len(held)
    left_out = [name for part in vectors.omitted(found) for name in part["cases"]]
    wider = (case.id for dtype in ("float64", "float32", "float16", "bfloat16")
             for case in cases(claim, found.dialect, dtype, with_views=True))  # fmt: skip
    assert sorted([*held, *left_out]) == sorted(wider)


def test_a_case_is_read_back_as_it_was_written():
    found = vectors.suite("adamw", "paper")
    for v in found.vectors:
        if v.case.id.startswith("size-") and v.case.theta0.size > 200:
            continue
        read = case_of(entry(v.tc_id, v.case, found.dialect, v.case.flags), v.case.dtype, "adamw")
        assert len(read.parts()) == len(v.case.parts())
        for mine, theirs in zip(read.parts(), v.case.parts(), strict=True):
            np.testing.assert_array_equal(mine.theta0, theirs.theta0)
            np.testing.assert_array_equal(mine.grads, theirs.grads)
            np.testing.assert_array_equal(mine.eta, theirs.eta)
            assert mine.hyper == theirs.hyper
        shapes = [np.shape(x) for x in (read.theta0 if "tensors" in read.flags else [read.theta0])]
        written = v.case.theta0 if "tensors" in v.case.flags else [v.case.theta0]
        assert shapes == [np.shape(x) for x in written]
        assert [read.steps_taken(i) for i in range(len(shapes))] == [
            v.case.steps_taken(i) for i in range(len(shapes))
        ]


def test_columns_that_repeat_are_written_once(adamw_vectors):
    document = json.loads((adamw_vectors / "adamw_pytorch.json").read_text("utf-8"))
    tests = {test["id"]: test for test in document["groups"][1]["tests"]}
    large, small = tests["size-65537/float32"], tests["size-70/float32"]
    assert (large["size"], large["tensors"], large["columns"]) == (65_537, [65_537], 61)
    for key in ("theta0", "grads", "expected", "tolerance"):
        assert large[key] == small[key]


def test_a_tensor_without_a_gradient_stands_still(adamw_vectors):
    document = json.loads((adamw_vectors / "adamw_paper.json").read_text("utf-8"))
    tests = {test["id"]: test for test in document["groups"][0]["tests"]}
    late, gaps = tests["late/float64"], tests["gaps/float64"]
    begin = late["tensors"][0]
    assert late["starts"] == [1, 3, 5]
    for t in range(2):
        assert late["grads"]["dec"][t][begin] is None
        assert late["expected"]["hex"][t][begin:] == late["theta0"]["hex"][begin:]
        assert set(late["tolerance"][t][begin:]) == {0.0}
    assert late["expected"]["hex"][2][begin] != late["theta0"]["hex"][begin]
    begin, end = gaps["tensors"][0], sum(gaps["tensors"][:2])
    for key in ("expected", "tolerance"):
        rows = gaps[key]["hex"] if key == "expected" else gaps[key]
        assert rows[1][begin:end] == rows[2][begin:end] == rows[0][begin:end] != rows[3][begin:end]


def test_where_no_finite_number_is_right_the_word_stands(adamw_vectors):
    document = json.loads((adamw_vectors / "adamw_paper.json").read_text("utf-8"))
    test = next(x for x in document["groups"][0]["tests"] if x["id"] == "no-numbers/float64")
    words = {x for row in test["grads"]["hex"] for x in row if "0x" not in x}
    assert words == {"nan", "inf", "-inf"}
    assert words == {x for row in test["grads"]["dec"] for x in row if isinstance(x, str)}
    expected, tolerance = test["expected"]["dec"], test["tolerance"]
    broken = [(k, j) for k, row in enumerate(expected) for j, x in enumerate(row) if x == "nan"]
    first = min(t for t, row in enumerate(test["grads"]["hex"]) if words & set(row))
    assert min(k for k, _ in broken) == first
    assert all(tolerance[k][j] is None for k, j in broken)
    assert all(expected[-1][j] != "nan" for j in (3, 4, 5))


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
def test_expected_is_the_exact_value_rounded(adamw_vectors, dtype):
    document = json.loads((adamw_vectors / "adamw_paper.json").read_text("utf-8"))
    for test in document["groups"][dtype]["tests"]:
        if test["steps"] <= 24 and not {"tensors", "nonfinite", "eps-0"} & set(test["flags"]):
            assert list(mp_adamw(test)) == test["expected"]["dec"], test["id"]


def test_no_expected_value_hangs_on_the_last_bit_of_the_balls():
    """Each is the float64 nearest to every number of its ball: no library rounds it otherwise."""
    for convention in ("paper", "pytorch"):
        found = vectors.suite("adamw", convention)
        for v in found.vectors:
            e = whole(found.dialect, v.case)
            if "nonfinite" in v.case.flags:
                continue
            exact = (e.low == 0) & (e.error == 0)
            half = np.minimum(np.spacing(np.abs(e.high)), -np.spacing(-np.abs(e.high))) / 2
            close = (np.abs(e.low) + e.error < half / 2) | (e.error < half / 2**20)
            assert np.all(close | exact)
            assert np.all((np.abs(np.abs(e.low) - half) > e.error) | exact)


def test_what_conforms_passes_the_comparison(adamw_vectors):
    """The file's tolerance, rounded, allows what the verdict allows and little more."""
    document = json.loads((adamw_vectors / "adamw_pytorch.json").read_text("utf-8"))
    found = vectors.suite("adamw", "pytorch")
    tests = [test for group in document["groups"] for test in group["tests"]]
    for v, test in zip(found.vectors, tests, strict=True):
        if "nonfinite" in v.case.flags:
            continue
        e, rows = whole(found.dialect, v.case, test["columns"]), [t - 1 for t in test["at"]]
        expected, allowed = np.array(test["expected"]["dec"]), 4 * np.array(test["tolerance"])
        for sign in (-1, 1):
            got = e.high + sign * 4 * e.radius
            passes = np.abs(got[rows] - expected) <= allowed
            assert np.all(passes | (e.ratio(got)[rows] > 4))
        assert np.all(allowed <= 4 * 1.101 * (e.radius[rows] + test["error"]))


def test_what_is_not_certified_is_null():
    high, radius = np.array([[0.5, 1.5]]), np.array([[2.0**-30, np.nan]])
    found = results(Enclosure(high, 0 * high, 0 * high, radius, radius < 0, radius < 0))
    assert found["expected"] == {"hex": [["0x1p-1", None]], "dec": [[0.5, None]]}
    assert (found["tolerance"], found["error"]) == ([[9.4e-10, None]], 0.0)


def test_long_cases_store_some_steps():
    assert steps_stored(3) == [1, 2, 3]
    assert steps_stored(160) == [*range(1, 65), 100, 150, 160]
