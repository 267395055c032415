"""Outputs that are broken: one clear error, no partial verdict, bounded memory."""

import json
import subprocess
import sys
import tempfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vectors_documents import broken, changed, right_outputs, right_vectors, wdref, written

from wdref.oracle.judge.verdict import GRADES, judge, overall
from wdref.oracle.vectors.format import layout
from wdref.oracle.vectors.outputs import judge_outputs, read_outputs
from wdref.oracle.vectors.read import LARGEST, VectorsError

OUTPUTS = right_outputs()
FIRST = OUTPUTS["outputs"][0]["tcId"]


def test_the_document_that_is_broken_below_is_right(tmp_path):
    judged = judge_outputs(written(tmp_path, OUTPUTS))
    assert judged.verdict == "conforms"
    assert sum(v.verdict == "unsupported" for v in judged.verdicts) == len(judged.verdicts) - 2
    assert judged.as_json()["dtype"] == "float32"


def test_numbers_may_be_hexadecimal(tmp_path):
    theta = [[float(x).hex() for x in row] for row in OUTPUTS["outputs"][0]["theta"]]
    path = written(tmp_path, changed(OUTPUTS, "outputs", 0, "theta", to=theta))
    np.testing.assert_array_equal(
        read_outputs(path).results[0].values, OUTPUTS["outputs"][0]["theta"]
    )


def test_shortest_decimals_of_float32_are_those_numbers(tmp_path):
    theta = OUTPUTS["outputs"][0]["theta"]
    short = [[float(str(np.float32(x))) for x in row] for row in theta]
    assert short != theta
    path = written(tmp_path, changed(OUTPUTS, "outputs", 0, "theta", to=short))
    np.testing.assert_array_equal(read_outputs(path).results[0].values, theta)


@pytest.mark.parametrize("word", ["nan", "inf", "-inf"])
def test_numbers_that_are_not_finite_deviate(tmp_path, word):
    path = written(tmp_path, changed(OUTPUTS, "outputs", 0, "theta", 3, 2, to=word))
    first = judge_outputs(path).verdicts[0]
    assert (first.verdict, first.ratio, first.step, first.coordinate) == (
        "deviates", float("inf"), 4, 2,
    )  # fmt: skip


def test_another_claim_than_asked_for(tmp_path):
    path = written(tmp_path, OUTPUTS)
    with pytest.raises(VectorsError, match="outputs for the claim sgdw, not adamw"):
        judge_outputs(path, "adamw")
    with pytest.raises(VectorsError, match="outputs for the convention paper, not keras"):
        judge_outputs(path, "sgdw", "keras")


TEXT = json.dumps(OUTPUTS)
BAD_OUTPUTS = {
    "empty": ("", "empty: expected JSON"),
    "binary": (b"\x89PNG\r\n\x1a\n\xff", "no text in UTF-8 at byte 0: expected JSON"),
    "truncated": (TEXT[: len(TEXT) // 2], "the file seems to be truncated"),
    "truncated in a text": (TEXT[:30], "the file seems to be truncated"),
    "no JSON": ("{'schema': 1}", "no JSON at line 1 column 2"),
    "two documents": (TEXT + TEXT, "no JSON at line 1"),
    "array": ("[1, 2]", "an array of 2: expected an object with the key 'schema'"),
    "number": ("1", "1: expected an object"),
    "no schema": ({}, "schema null: this wdref reads 'outputs_schema_v1.json' and"),
    "version": (changed(OUTPUTS, "schema", to="outputs_schema_v3.json"),
                "schema 'outputs_schema_v3.json': this wdref reads 'outputs_schema_v1.json' and"),
    "vectors": (layout(right_vectors()), "schema 'vectors_schema_v2.json'"),
    "nested": ("[" * 200_000 + "]" * 200_000, "nested too deeply"),
    "nested objects": ('{"schema":' * 100_000, "nested too deeply"),
    "nested within": (changed(OUTPUTS, "outputs", 0, "theta", to=json.loads("[" * 80 + "]" * 80)),
                      "outputs[0].theta[0][0]: an array of 1: expected a number"),
    "key": ({**OUTPUTS, "verdict": "conforms"}, "the document: unknown key 'verdict'"),
    "key within": (changed(OUTPUTS, "outputs", 1, to={"tcId": 2, "thetas": []}),
                   "outputs[1]: unknown key 'thetas'"),
    "key twice": (TEXT.replace('"suite":', '"suite": "0", "suite":'),
                  "key 'suite' stands twice in one object"),
    "key missing": ({k: x for k, x in OUTPUTS.items() if k != "suite"},
                    "the document: lacks 'suite'"),
    "suite": (changed(OUTPUTS, "suite", to="0123456789abcdef"),
              "made from the vectors of suite 0123456789abcdef: this wdref judges suite"),
    "claim": (changed(OUTPUTS, "algorithm", to="shampoo"), "convention 'paper' has no 'shampoo'"),
    "convention": (changed(OUTPUTS, "convention", to="apex"), "no convention 'apex'"),
    "convention of another form": (changed(OUTPUTS, "convention", to="../x"),
                                   "convention: '../x' is text: expected the form"),
    "no outputs": (changed(OUTPUTS, "outputs", to=[]), "0 entries: expected at least 1"),
    "many": (changed(OUTPUTS, "outputs", to=[{"tcId": 1}] * 500_000),
             "outputs: 500000 entries: expected at most 10000"),
    "a million": (changed(OUTPUTS, "outputs", to=[{"tcId": 1}] * 1_000_000), "over 8 MiB"),
    "one missing": (changed(OUTPUTS, "outputs", to=lambda x: x[:-1]), "no output for tcId"),
    "tcId twice": (changed(OUTPUTS, "outputs", 1, "tcId", to=FIRST),
                   f"outputs[1]: tcId {FIRST} stands twice"),
    "tcId unknown": (changed(OUTPUTS, "outputs", 1, "tcId", to=999_999),
                     "outputs[1]: no test has the tcId 999999"),
    "tcId text": (changed(OUTPUTS, "outputs", 1, "tcId", to="2"),
                  "outputs[1].tcId: '2': expected an integer"),
    "tcId true": (changed(OUTPUTS, "outputs", 1, "tcId", to=True),
                  "outputs[1].tcId: True: expected an integer"),
    "tcId huge": (changed(OUTPUTS, "outputs", 1, "tcId", to=10**300),
                  "expected <= 1000000"),
    "neither": (changed(OUTPUTS, "outputs", 0, to={"tcId": FIRST}),
                "outputs[0]: expected either theta or unsupported"),
    "both": (changed(OUTPUTS, "outputs", 0, to=lambda x: {**x, "unsupported": "no"}),
             "outputs[0]: expected either theta or unsupported"),
    "number as text": (changed(OUTPUTS, "outputs", 0, "theta", 1, 2, to="0.5"),
                       "outputs[0].theta[1][2]: '0.5' is text: expected a number"),
    "null": (changed(OUTPUTS, "outputs", 0, "theta", 1, 2, to=None),
             'outputs[0].theta[1][2]: null: expected a number, or "nan", "inf", "-inf" or'),
    "true": (changed(OUTPUTS, "outputs", 0, "theta", 1, 2, to=True),
             "outputs[0].theta[1][2]: True: expected a number"),
    "NaN": (changed(OUTPUTS, "outputs", 0, "theta", 1, 2, to=float("nan")),
            'NaN is no JSON: outputs write "nan"'),
    "Infinity": (changed(OUTPUTS, "outputs", 0, "theta", 1, 2, to=float("-inf")),
                 '-Infinity is no JSON: outputs write "-inf"'),
    "huge": (TEXT.replace("[[", "[[1e999, ", 1), "number 1e999 is beyond float64"),
    "huge integer": (TEXT.replace("[[", f"[[1{'0' * 400}, ", 1), "is beyond float64"),
    "digits": (TEXT.replace("[[", f"[[{'1' * 100_000}, ", 1), "a number of 100000 characters"),
    "huge hexadecimal": (changed(OUTPUTS, "outputs", 0, "theta", 1, 2, to="0x1p+99999"),
                         'outputs[0].theta[1][2]: beyond float64: write "inf" for infinity'),
    "steps": (changed(OUTPUTS, "outputs", 0, "theta", to=lambda x: x[:-1]),
              "outputs[0].theta: 11 rows: expected 12, one for each step"),
    "last step only": (changed(OUTPUTS, "outputs", 0, "theta", to=lambda x: x[-1]),
                       "outputs[0].theta[0]: "),
    "coordinates": (changed(OUTPUTS, "outputs", 0, "theta", 4, to=lambda x: [*x, 0.0]),
                    "outputs[0].theta[4]: an array of 7: expected 6 numbers"),
    "name": (changed(OUTPUTS, "implementation", "name", to="x" * 10_000), "expected length <= 100"),
    "name of controls": (changed(OUTPUTS, "algorithm", to="\x1b[31m\ud800"), "algorithm: "),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_OUTPUTS)
def test_bad_outputs(tmp_path, name):
    content, message = BAD_OUTPUTS[name]
    path = written(tmp_path, content)
    with pytest.raises(VectorsError) as caught:
        judge_outputs(path)
    text = str(caught.value)
    assert message in text
    assert text.startswith(f"{path}: ")
    assert len(text) < len(str(path)) + 450
    assert text.isprintable()


def test_places_that_are_no_files(tmp_path):
    for path, message in ((tmp_path, "a directory: expected a JSON file"),
                          (tmp_path / "none.json", "No such file or directory")):  # fmt: skip
        with pytest.raises(VectorsError, match=message):
            judge_outputs(path)


LARGE = """
import resource, sys
from wdref.oracle.vectors.outputs import judge_outputs
base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    judge_outputs(sys.argv[1])
except ValueError as error:
    print(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="units of ru_maxrss differ elsewhere")
@pytest.mark.parametrize(("content", "message"), [
    (None, "over 8 MiB, the largest file that is read"),
    ('{"schema": "outputs_schema_v2.json", "a": [' + "[]," * 2_700_000 + "[]]}", "unknown key"),
])  # fmt: skip
def test_memory_is_bounded(tmp_path, content, message):
    path = tmp_path / "large.json"
    if content is None:
        with path.open("wb") as file:
            file.truncate(100 * LARGEST)  # sparse: takes no room
    else:
        path.write_text(content)
    command = [sys.executable, "-c", LARGE, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    error, megabytes = done.stdout.splitlines()
    assert message in error
    assert int(megabytes) < 400


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_the_command_gives_one_line_and_no_verdict(tmp_path, options):
    path = written(tmp_path, TEXT[:1000])
    done = wdref("check", path, *options)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "truncated" in done.stderr
    if options:
        document = json.loads(done.stdout)
        assert (document["verdict"], document["cases"]) == ("error", [])
        assert document["error"] in done.stderr
    else:
        assert done.stdout == ""


def test_the_command_prints_a_table(tmp_path):
    path = written(tmp_path, changed(OUTPUTS, "implementation", "name", to="[red]plain"))
    done = wdref("check", path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "[red]plain (Python) as paper sgdw" in done.stdout
    assert "conforms, worst ratio 0." in done.stdout


def test_nothing_supported_is_no_answer(tmp_path):
    outputs = [{"tcId": x["tcId"], "unsupported": "no"} for x in OUTPUTS["outputs"]]
    path = written(tmp_path, OUTPUTS | {"outputs": outputs})
    done = wdref("check", path)
    assert done.returncode == 2
    assert "nothing to judge: exaggerated/float32 is unsupported: no" in done.stderr


# ---- whatever comes ----


def outputs_or_error(content):
    """Read outputs; where that fails, it is with one printable line that names the file."""
    with tempfile.TemporaryDirectory() as folder:
        path = written(folder, content)
        try:
            return read_outputs(path)
        except VectorsError as error:
            text = str(error)
    assert text.startswith(f"{path}: ")
    assert text.isprintable()
    return None


@settings(max_examples=120)
@given(broken(OUTPUTS))
def test_any_outputs_give_an_error_or_a_verdict(document):
    found = outputs_or_error(document)
    if found is not None:
        pairs = zip(found.cases, found.results, strict=True)
        verdicts = [judge(found.dialect, case, result) for case, result in pairs]
        assert overall(verdicts) in GRADES


@settings(max_examples=60)
@given(st.integers(0, len(TEXT)), st.binary(max_size=8), st.integers(0, 40))
def test_any_bytes_give_an_error_or_outputs(at, new, length):
    data = TEXT.encode()
    outputs_or_error(data[:at] + new + data[at + length :])


def test_a_file_of_outputs_is_a_target_of_check(tmp_path):
    path = str(written(tmp_path, OUTPUTS))
    command = [sys.executable, "-m", "wdref.cli", "check", path, "--json"]
    done = subprocess.run([*command, "--claim", "sgdw"], capture_output=True, text=True)
    assert (done.returncode, json.loads(done.stdout)["verdict"]) == (0, "conforms")
    done = subprocess.run([*command, "--claim", "adamw"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "outputs for the claim sgdw, not adamw" in done.stderr
    assert json.loads(done.stdout)["verdict"] == "error"
