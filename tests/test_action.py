"""The composite action: its inputs reach the script, and the script posts what `wdref check` says.

GitHub runs the action; here its structure is read, and its script runs with files in their place.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from programs import needed

pytest.importorskip("flint", reason="needs wdref[oracle]")

FOLDER = Path(__file__).parents[1] / ".github" / "actions" / "check"
TARGET = """
import numpy as np

def right(case):
    theta, path = case.theta0.copy(), []
    for g, eta in zip(case.grads, case.eta.tolist()):
        theta = theta - eta * case.hyper["learning_rate"] * g
        path.append(theta)
    return np.array(path)

def wrong(case):
    return 2 * right(case)

def raises(case):
    raise RuntimeError("it does | not")
"""


def action():
    yaml = pytest.importorskip("yaml", reason="PyYAML comes with the extra `docs`")
    return yaml.safe_load((FOLDER / "action.yml").read_text("utf-8"))


def test_every_input_is_described_and_reaches_a_script():
    found = action()
    text = (FOLDER / "action.yml").read_text("utf-8")
    assert found["runs"]["using"] == "composite"
    assert {name for name, given in found["inputs"].items() if given.get("required")} == {
        "target", "claim"}  # fmt: skip
    for name, given in found["inputs"].items():
        assert given["description"]
        assert "required" in given or "default" in given
        assert f"${{{{ inputs.{name} }}}}" in text
    for step in found["runs"]["steps"]:
        assert step["shell"] == "bash"
        assert "${{" not in step["run"]  # an input is never a part of a script
        script = re.fullmatch(r'bash "\$GITHUB_ACTION_PATH/(\w+\.sh)"', step["run"])[1]
        body = (FOLDER / script).read_text("utf-8")
        read = set(re.findall(r"\$\{?(WDREF_\w+)", body))
        assert read == step["env"].keys()


def test_every_output_is_one_that_the_script_sets():
    set_there = re.findall(r'^  echo "([\w-]+)=', (FOLDER / "check.sh").read_text("utf-8"), re.M)
    found = action()["outputs"]
    assert list(found) == set_there
    for name, output in found.items():
        assert output["value"] == f"${{{{ steps.check.outputs.{name} }}}}"


@pytest.fixture
def run(tmp_path):
    """Run the script as GitHub would: its status, its outputs, the summary, what it printed."""
    bash = needed("bash")
    (tmp_path / "target.py").write_text(TARGET)

    def script(target, fail_on="imprecise", **inputs):
        files = {name: tmp_path / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for file in files.values():
            file.write_text("")
        given = {"WDREF_TARGET": target, "WDREF_CLAIM": "sgd[buffer=False,form=none,lr=outside]",
                 "WDREF_CONVENTION": "paper", "WDREF_DTYPE": "float64", "WDREF_PYTHON": "",
                 "WDREF_FAIL_ON": fail_on, "RUNNER_TEMP": str(tmp_path)}  # fmt: skip
        given |= {f"WDREF_{name.upper()}": value for name, value in inputs.items()}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, **given, "PATH": path, **{k: str(f) for k, f in files.items()}}
        done = subprocess.run([bash, FOLDER / "check.sh"], cwd=tmp_path, env=environment,
                              capture_output=True, text=True, encoding="utf-8")  # fmt: skip
        lines = files["GITHUB_OUTPUT"].read_text("utf-8").splitlines()
        outputs = dict(line.split("=", 1) for line in lines)
        return (
            done.returncode,
            outputs,
            files["GITHUB_STEP_SUMMARY"].read_text("utf-8"),
            done.stdout,
        )

    return script


def test_what_conforms_is_posted(run):
    status, outputs, summary, said = run("target.py:right")
    assert (status, outputs["verdict"], said) == (0, "conforms", "")
    assert 0 < float(outputs["worst-ratio"]) < 4
    assert "**conforms**" in summary
    assert json.loads(Path(outputs["json"]).read_text("utf-8"))["verdict"] == "conforms"
    for name in ("junit", "sarif", "badge"):
        assert Path(outputs[name]).read_text("utf-8")


FAIL_ON = [("imprecise", 1), ("deviates", 1), ("error", 0), ("never", 0)]


@pytest.mark.parametrize(("fail_on", "expected"), FAIL_ON)
def test_what_deviates_fails_where_it_should(run, fail_on, expected):
    status, outputs, summary, said = run("target.py:wrong", fail_on)
    assert (status, outputs["verdict"]) == (expected, "deviates")
    assert "**deviates**" in summary
    assert ("::error::" in said) == bool(expected)


@pytest.mark.parametrize(("fail_on", "expected"), [("error", 2), ("deviates", 2), ("never", 0)])
def test_what_cannot_be_judged_fails_unless_nothing_does(run, fail_on, expected):
    status, outputs, summary, _ = run("target.py:raises", fail_on)
    assert (status, outputs["verdict"]) == (expected, "error")
    assert "it does | not" in summary


def test_text_of_an_input_is_no_command(run, tmp_path):
    for given in ("$(touch ran)", "x; touch ran", "`touch ran`:x", "--help"):
        status, outputs, _, _ = run(given)
        assert (status, outputs["verdict"]) == (2, "error")
    assert not (tmp_path / "ran").exists()
    status, outputs, _, said = run("target.py:right", "sometimes")
    assert (status, outputs) == (2, {})
    assert "expected imprecise, deviates, error or never" in said
