"""``wdref check`` and ``identify`` where the answer is yes or no.

stdout holds a table, or one valid JSON document with the keys of the design, stderr is empty, and
the exit status is 0 for yes and 1 for no. Real processes run the ways in; the rest runs here.
"""

import os
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

shared = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("command_runs.py"))))
target, wdref, check, document = shared.target, shared.wdref, shared.check, shared.document
KEYS, IDENTITY_KEYS = shared.KEYS, shared.IDENTITY_KEYS


# -- in a process of its own -------------------------------------------------------------------

SCRIPT = Path(sys.executable).with_name("wdref")


def spawn(command, args, **environment):
    return subprocess.run(
        [*command, *args], capture_output=True, text=True, encoding="utf-8", timeout=300,
        env={**os.environ, **environment},
    )  # fmt: skip


@pytest.mark.parametrize("command", [[SCRIPT], [sys.executable, "-m", "wdref.cli"]],
                         ids=["script", "module"])  # fmt: skip
def test_yes_from_a_real_process(target, command):
    args = ["check", "target.py:loud", "--claim", "adamw", "--dtype", "float64", "--json"]
    done = spawn(command, args)
    found = document(done.stdout)
    assert (done.returncode, done.stderr, found["verdict"]) == (0, "", "conforms")
    assert found["worst_ratio"] < 2


def test_a_terminal_without_greek_gets_escapes(target):
    """θ in a table and in the recurrence that was found; JSON stays JSON."""
    args = ["check", "target.py:adamw", "--claim", "adamw", "--dtype", "float64"]
    module = [sys.executable, "-m", "wdref.cli"]
    done = spawn(module, args, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert "\\u03b8" in done.stdout
    args += ["--convention", "pytorch", "--json"]
    done = spawn(module, args, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (1, "")
    assert document(done.stdout)["identified"]["match"]["recurrence"][0] == "g ← ∇f(θ)"


@pytest.mark.parametrize("module", ["flint", "click", "rich"])
def test_what_is_not_installed_is_named_with_its_extra(target, tmp_path, module):
    (tmp_path / "sitecustomize.py").write_text(f"import sys; sys.modules[{module!r}] = None")
    args = ["check", "target.py:adamw", "--claim", "adamw", "--json"]
    done = spawn([sys.executable, "-m", "wdref.cli"], args, PYTHONPATH=str(tmp_path))
    assert done.returncode == 2
    assert done.stderr == f"wdref: error: this needs {module}: pip install 'wdref[oracle]'\n"
    if module == "flint":
        found = document(done.stdout)
        assert found.keys() >= KEYS
        assert "wdref[oracle]" in found["error"]


# -- yes and no ------------------------------------------------------------------------------


def test_yes(wdref):
    status, out, err = check(wdref, "adamw", "--json")
    found = document(out)
    assert (status, err) == (0, "")
    assert found.keys() >= KEYS
    assert all(case.keys() >= shared.CASE_KEYS for case in found["cases"])
    given = (found["target"], found["claim"], found["convention"], found["dtype"])
    assert given == ("target.py:adamw", "adamw", "paper", "float64")
    assert (found["verdict"], found["identified"]) == ("conforms", None)
    assert found["worst_ratio"] == max(case["ratio"] or 0 for case in found["cases"])
    assert "error" not in found


def test_no_and_what_it_is(wdref):
    status, out, err = check(wdref, "adamw", "--convention", "pytorch", "--json")
    found = document(out)
    assert (status, err, found["verdict"]) == (1, "", "deviates")
    assert found["worst_ratio"] >= 1000
    identified = found["identified"]
    assert identified.keys() >= IDENTITY_KEYS
    assert identified["match"]["names"] == ["paper adamw"]
    assert identified["match"]["form"] == "paper"
    assert identified["runner_up"]["residual"] > 1000 * identified["residual"]


def test_what_it_cannot_do_is_listed(wdref):
    status, out, _ = check(wdref, "constant_schedule", "--json")
    found = document(out)
    assert (status, found["verdict"]) == (0, "conforms")
    messages = {case["message"] for case in found["cases"] if case["verdict"] == "unsupported"}
    assert "Unsupported: no schedule" in messages


def test_no_finite_number_is_written_in_words(wdref):
    status, out, err = check(wdref, "nan", "--json")
    found = document(out)
    assert (status, err, found["verdict"]) == (1, "", "deviates")
    assert (found["worst_ratio"], found["identified"]) == ("inf", None)


def test_both_dtypes_unless_told_otherwise(wdref):
    _, out, _ = wdref("check", "loopback:SGDW", "--claim", "sgdw", "--json")
    found = document(out)
    assert {case["id"].partition("/")[2] for case in found["cases"]} == {"float32", "float64"}


def test_people_get_a_table(wdref, tmp_path):
    Path("[a]").mkdir()
    (tmp_path / "[a]" / "target.py").write_text(shared.TARGET)
    status, out, err = wdref("check", "[a]/target.py:adamw", "--claim", "adamw", "--convention",
                             "pytorch", "--dtype", "float64")  # fmt: skip
    assert (status, err) == (1, "")
    assert "[a]/target.py:adamw as pytorch adamw" in out  # brackets are no markup
    assert "deviates, worst ratio" in out
    assert "[a]/target.py:adamw is (paper adamw):" in out
    assert "θ ← θ - η α m̂/(√v̂ + ε) - η λ θ" in out


def test_identify(wdref):
    status, out, err = wdref("identify", "target.py:adamw", "--dtype", "float64", "--json")
    found = document(out)
    assert (status, err) == (0, "")
    assert found.keys() >= {"target", *IDENTITY_KEYS}
    assert found["match"]["names"] == ["paper adamw"]
    status, out, err = wdref("identify", "target.py:signs", "--dtype", "float64", "--json")
    found = document(out)
    assert (status, err, found["match"]) == (1, "", None)
    assert found["runner_up"]["residual"] >= found["residual"]
