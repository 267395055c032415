"""Compiled code is kept on disk: another process loads it; without a place it is compiled anew."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numba", reason="the extra `fast` installs it")

SCRIPT = """
import sys
import numpy as np
import wdref
from wdref.backends.numba import backend as numba

p = np.ones(3)
opt = wdref.SGD(learning_rate=0.5, weight_decay=0.0)
opt.step(p, np.ones(3), opt.init(p))
leaf_programs = numba._program.cache_info().currsize
(compiled,) = [m.run for name, m in sys.modules.items() if name.startswith("wdref_")] or [None]
stats = compiled and compiled.stats
print(leaf_programs, p.tolist(), stats and sum(stats.cache_hits.values()))
"""


def step(cache):
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache), "HOME": str(cache)}
    environment.pop("NUMBA_CACHE_DIR", None)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def generated(cache):
    return sorted(Path(cache).rglob("wdref_*.py"))


def test_a_second_process_compiles_nothing(tmp_path):
    assert step(tmp_path) == "1 [0.5, 0.5, 0.5] 0"
    assert len(generated(tmp_path)) == 1
    assert step(tmp_path) == "1 [0.5, 0.5, 0.5] 1"
    assert not list(tmp_path.rglob("*.part"))


def test_a_file_with_another_text_is_written_anew(tmp_path):
    step(tmp_path)
    (file,) = generated(tmp_path)
    text = file.read_text()
    file.write_text("def run(*_): raise SystemExit('not ours')\n")
    assert step(tmp_path).startswith("1 [0.5, 0.5, 0.5]")
    assert file.read_text() == text


def test_without_a_place_on_disk(tmp_path):
    (tmp_path / "file").write_text("")  # no folder can be made below a file
    assert step(tmp_path / "file") == "1 [0.5, 0.5, 0.5] None"
