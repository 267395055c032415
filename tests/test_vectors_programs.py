"""Two programs in other languages that check themselves by the vectors."""

import json
import subprocess
from pathlib import Path

import pytest
from programs import needed
from vectors_documents import wdref

from wdref.oracle.vectors import files as vectors
from wdref.oracle.vectors.format import layout
from wdref.oracle.vectors.outputs import judge_outputs

HERE = Path(__file__).parent / "vectors"
CHECK_KEYS = ["target", "claim", "convention", "dtype", "verdict", "worst_ratio", "cases",
              "identified", "diagnosis"]  # fmt: skip


@pytest.fixture(scope="module", params=["node", "rustc"])
def program(request, tmp_path_factory):
    tool = needed(request.param)
    if request.param == "node":
        return [tool, str(HERE / "adamw.mjs")]
    binary = tmp_path_factory.mktemp("rust") / "adamw"
    command = [tool, "-C", "opt-level=1", "-D", "warnings", "-o", binary, HERE / "adamw.rs"]
    subprocess.run(command, check=True, timeout=300)
    return [str(binary)]


def run(program, file, *options):
    return subprocess.run([*program, str(file), *map(str, options)],
                          capture_output=True, text=True, timeout=300)  # fmt: skip


@pytest.mark.parametrize("convention", ["paper", "pytorch"])
def test_a_right_program_passes_and_conforms(program, adamw_vectors, tmp_path, convention):
    file = adamw_vectors / f"adamw_{convention}.json"
    count = json.loads(file.read_text("utf-8"))["numberOfTests"]
    done = run(program, file, "--outputs", tmp_path / "outputs.json")
    assert done.returncode == 0, done.stdout
    assert f"{count} of {count} tests pass" in done.stdout
    judged = judge_outputs(tmp_path / "outputs.json", "adamw", convention)
    assert judged.verdict == "conforms"
    assert len(judged.verdicts) == count
    assert judged.as_json()["worst_ratio"] < 2
    assert judged.identity is None


BUGS = (
    ("eps-hat", "paper", {"order": "together", "form": "paper", "eps": "hat"}),
    ("after", "pytorch", {"order": "after", "form": "lr", "eps": "outside"}),
)


@pytest.mark.parametrize("program", ["node"], indirect=True)
def test_the_flags_of_failing_tests_are_a_diagnosis(program, adamw_vectors):
    """Each planted bug is named by the program itself; JavaScript has the lines that do it."""
    file = adamw_vectors / "adamw_pytorch.json"
    named = {
        "after": "M08: decay after the step (huggingface/transformers#14539)",
        "eps-hat": "M17: ε added before the bias correction (pytorch/pytorch#22628)",
        "shared": "M33: one step count for all tensors (NVIDIA/apex#1615)",
    }
    for bug, line in named.items():
        done = run(program, file, "--bug", bug)
        assert done.returncode == 1
        _, _, named_here = done.stdout.partition(" tests pass")
        assert line in named_here.splitlines()
        # others that fail in the same tests: what goes wrong where gradients come late or go
        others = {"shared": {"M33", "M54", "M56"}}.get(bug, {line.partition(":")[0]})
        assert {x.partition(":")[0] for x in named_here.splitlines()[1:]} == others


def test_a_planted_bug_fails_and_is_named(program, tmp_path):
    bug, convention, answer = BUGS[program[-1].endswith(".mjs")]
    file = vectors.export(tmp_path, "adamw", convention, ["float64"])
    outputs = tmp_path / "outputs.json"
    done = run(program, file, "--outputs", outputs, "--bug", bug)
    assert done.returncode == 1
    assert "FAIL 1 exaggerated/float64" in done.stdout
    done = wdref("check", outputs, "--json")
    assert (done.returncode, done.stderr) == (1, "")
    document = json.loads(done.stdout)
    assert list(document) == CHECK_KEYS
    assert document["verdict"] == "deviates"
    match = document["identified"]["match"]
    assert {key: match[key] for key in answer} == answer
    assert (match["bias_correction"], match["amsgrad"]) == ("both", "none")


def test_the_program_refuses_what_it_does_not_know(program, adamw_vectors, tmp_path):
    document = json.loads((adamw_vectors / "adamw_paper.json").read_text("utf-8"))
    other = tmp_path / "other.json"
    other.write_text(layout(document | {"schema": "vectors_schema_v3.json"}), "utf-8")
    assert run(program, other).returncode == 2
    assert run(program, adamw_vectors / "adamw_paper.json", "--bug", "none").returncode == 2


@pytest.mark.parametrize("tool", ["node", "rustc"])
def test_a_lamb_passes_and_its_bug_is_named(tool, tmp_path):
    """A rule that looks at its tensor, whose cases repeat columns that it sums."""
    program, bug, known = [needed(tool), str(HERE / "lamb.mjs")], "l2", "lamb-l2"
    if tool == "rustc":
        bug, known, binary = "outside", "lamb-outside", tmp_path / "lamb"
        command = [*program[:1], "-C", "opt-level=1", "-D", "warnings", "-o", binary]
        subprocess.run([*command, HERE / "lamb.rs"], check=True, timeout=300)
        program = [str(binary)]
    file = vectors.export(tmp_path, "lamb", "paper", ["float32"])
    count = json.loads(file.read_text("utf-8"))["numberOfTests"]
    done = run(program, file)
    assert f"{count} of {count} tests pass" in done.stdout
    outputs = tmp_path / "outputs.json"
    assert run(program, file, "--outputs", outputs, "--bug", bug).returncode == 1
    judged = judge_outputs(outputs, "lamb", "paper")
    assert judged.verdict == "deviates"
    assert judged.identity.known_bug()["id"] == known
