"""A target runs apart: whatever it does costs its own results, and leaves nothing behind.

One that dies, hangs, forks, floods stderr or prints costs the cases after that and no other. It may
run in an interpreter without wdref, and it finds its neighbours. After every test here and in
test_targets.py no temporary folder and no process is left.
"""

import runpy
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from wdref.oracle.targets.exchange import Loaded, Result, read_results
from wdref.oracle.targets.targets import parse, start
from wdref.oracle.targets.worker import Outcome, append

shared = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("target_runs.py"))))
CASES, RUN = shared.CASES, shared.RUN
results, nothing_is_left = shared.results, shared.nothing_is_left
PATIENCE = 300.0  # seconds for what takes one


@pytest.mark.parametrize(
    ("death", "words"),
    [
        ("os._exit(7)", "its process ended with status 7"),
        ("os.kill(os.getpid(), 9)", "its process was killed by SIGKILL"),
        ("os.kill(os.getpid(), 11)", "its process was killed by SIGSEGV"),
        (
            "print('last words', file=sys.stderr) or ENDLESS",
            "still running after 2 s (--timeout gives it longer)",
        ),
    ],
)
def test_a_death_costs_no_case_before_it(results, endless, death, words):
    death = death.replace("ENDLESS", endless)
    body = f"import os, sys\nf = lambda case: run(case) if 'stop' not in case.id else {death}"
    before, now, after = results(body, timeout=2)
    assert before.status == "ok"
    assert (now.message, after.message) == (words, words)
    assert ("last words" in now.traceback) == ("last words" in death)
    assert now.status == ("timeout" if "last words" in death else "error")


def test_what_it_cannot_do_is_unsupported(results):
    body = """
from wdref.oracle import Unsupported

class Mine(Unsupported):
    pass

def f(case):
    if "first" in case.id:
        raise Mine("eps is fixed")
    if "stop" in case.id:
        raise Unsupported
    return run(case)
"""
    found = {case.id: result for case, result in zip(CASES, results(body), strict=True)}
    assert found["exaggerated/float64"].status == "ok"
    assert found["stop/float64"].status == "unsupported"
    assert found["first/float64"].message == "Mine: eps is fixed"


def test_several_tensors_are_for_those_who_say_so(results):
    case = CASES[0]
    two = replace(case, theta0=[case.theta0, case.theta0[:2]], flags=("tensors",),
                  grads=[case.grads, case.grads[:, :2]])  # fmt: skip
    (result,) = results("f = run\n", cases=[two])
    assert (result.status, result.message) == ("unsupported", "run.supports has no 'tensors'")
    able = "def f(case):\n    return [g * 2 for g in case.grads]\nf.supports = ('tensors',)\n"
    (result,) = results(able, cases=[two])
    assert [x.shape for x in result.values] == [case.grads.shape, case.grads[:, :2].shape]
    (result,) = results(able.replace("]\n", "][1:]\n", 1), cases=[two])
    assert result.status == "error"


@pytest.fixture
def several():
    return [replace(case, flags=("tensors", "late"), theta0=[case.theta0], grads=[case.grads],
                    starts=(1,)) for case in CASES]  # fmt: skip


def test_what_a_hang_kept_from_it_is_unsupported_where_it_would_have_been(
    results, several, endless
):
    """A word alone is a collection of one."""
    hangs = f"def f(case):\n    {endless}\nf.supports = 'tensors'\n"
    first, *others = results(hangs, cases=[CASES[0], *several], timeout=2)
    assert first.status == "timeout"
    assert {other.status for other in others} == {"unsupported"}
    assert {other.message for other in others} == {"run.supports has no 'late'"}


def test_what_an_exit_kept_from_it_is_unsupported_where_it_would_have_been(results, several):
    exits = "import sys\ndef f(case):\n    sys.exit()\nf.supports = 'tensors'\n"
    first, *others = results(exits, cases=[CASES[0], *several])
    assert (first.status, {other.status for other in others}) == ("error", {"unsupported"})


def test_an_answer_that_is_cut_off_costs_itself_alone(tmp_path):
    """At any byte: what was written whole before it is read."""
    for index in range(3):
        append(tmp_path / "answers", index, Outcome("ok", [np.full((2, 3), float(index))]))
    whole = (tmp_path / "answers").read_bytes()
    ends = [len(whole) * k // 3 for k in range(4)]
    (tmp_path / "stderr").touch()
    for length in range(len(whole) + 1):
        (tmp_path / "answers").write_bytes(whole[:length])
        found = read_results(tmp_path, CASES, Loaded("ok"), Result("error"))
        read = sum(length >= end for end in ends[1:])
        assert [result.status for result in found] == ["ok"] * read + ["error"] * (3 - read)
        assert all(np.all(result.values == i) for i, result in enumerate(found[:read]))


# -- what it does beside -----------------------------------------------------------------------


def test_noise_is_kept_from_stdout(results, capfd):
    body = """
import os, sys
print("loading")
def f(case):
    print("a line"), os.write(1, b"bytes"), os.system("echo from a child")
    sys.stderr.write("x" * 3_000_000)
    return run(case)
"""
    assert {result.status for result in results(body)} == {"ok"}
    assert capfd.readouterr() == ("", "")


def test_a_child_that_outlives_it_is_not_waited_for(results, tmp_path):
    """It holds stdout and stderr open and would sleep for ever."""
    body = f"""
import os, pathlib, signal, time
def f(case):
    if "exaggerated" in case.id and os.fork() == 0:
        pathlib.Path({str(tmp_path)!r}, "child").write_text(str(os.getpid()))
        signal.pause()
    while not pathlib.Path({str(tmp_path)!r}, "child").exists():
        time.sleep(0.01)
    return run(case)
"""
    began = time.monotonic()
    assert {result.status for result in results(body, timeout=PATIENCE)} == {"ok"}
    assert time.monotonic() - began < PATIENCE
    pid = int((tmp_path / "child").read_text())
    while alive(pid):  # killed with its parent's group; whose child it became has to reap it
        assert time.monotonic() - began < PATIENCE
        time.sleep(0.01)


def alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def test_files_are_written_where_the_user_is(results, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    results("f = lambda case: open('here', 'w').write('x') and run(case)\n")
    assert Path("here").read_text() == "x"


def test_a_module_in_the_current_folder_is_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("my_optimizer.py").write_text(RUN)
    found = start(parse("my_optimizer:run"), CASES).results()
    assert {result.status for result in found} == {"ok"}


def test_neighbours_are_found_and_hide_no_package(results, tmp_path):
    """A target called numpy.py beside helper.py; nor is a module of the oracle its neighbour."""
    (tmp_path / "helper.py").write_text("FACTOR = 1")
    body = """
import helper, importlib.util
def f(case):
    assert importlib.util.find_spec("enclosure") is None
    return run(case) * helper.FACTOR
"""
    assert {result.status for result in results(body, name="numpy.py")} == {"ok"}


def test_an_interpreter_without_wdref_will_do(results, tmp_path):
    """One that has NumPy and nothing else; Unsupported can be imported there all the same."""
    site = tmp_path / "site"
    site.mkdir()
    for folder in Path(np.__file__).parents[1].glob("numpy*"):  # with its libraries, numpy.libs
        (site / folder.name).symlink_to(folder)
    exe = tmp_path / "python"
    exe.write_text(f'#!/bin/sh\nPYTHONPATH="{site}" exec "{sys.executable}" -S "$@"\n')
    exe.chmod(0o755)
    body = """
from wdref.oracle import Unsupported
import wdref
assert not hasattr(wdref, "AdamW"), "wdref is there after all"
def f(case):
    if "first" in case.id:
        raise Unsupported("not this")
    return run(case)
"""
    found = results(body, python=str(exe))
    assert sorted(result.status for result in found) == ["ok", "ok", "unsupported"]


def test_an_interpreter_that_is_none_is_an_error(tmp_path, results):
    with pytest.raises(OSError, match="No such file"):
        results("f = run\n", python=str(tmp_path / "no_python"))


def test_leaving_early_kills_it(tmp_path):
    file = tmp_path / "target.py"
    file.write_text("import signal; signal.pause()")
    with pytest.raises(KeyboardInterrupt), start(parse(f"{file}:f"), CASES) as running:
        raise KeyboardInterrupt
    assert running.process.returncode is not None


def test_without_cases_nothing_comes_back(results):
    assert results("f = run\n", cases=[]) == []
