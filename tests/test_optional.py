"""Optional libraries: every combination of them takes a step, and none is taken for another."""

import itertools
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from wdref.common.optional import installed, optional

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
FIRST_SNIPPET = re.search(r"```python\n(.*?)```", README, re.DOTALL)[1]

# A module that is None in sys.modules cannot be imported, nor found.
SCRIPT = f"""
import sys
for name in sys.argv[1:]:
    sys.modules[name] = None
{FIRST_SNIPPET}
from wdref.analysis.networks.compiled import compiled_module
from wdref.backend import default_for
plain = wdref.AdamW(learning_rate=1e-3, weight_decay=1e-5, backend="plain")
(fast, _), (slow, _) = (x.update(params, grads, x.init(params)) for x in (opt, plain))
assert (fast["w"] == slow["w"]).all() and (fast["b"] == slow["b"]).all()
print(default_for("numpy").name, compiled_module("layers_numba") is not None)
"""

PARTS = ("numba", "llvmlite", "platformdirs")
SOME = [names for n in range(len(PARTS) + 1) for names in itertools.combinations(PARTS, n)]


def step(*missing, **environment):
    """The last line and the warnings of a process without the libraries `missing`."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *missing],
        env={**os.environ, **environment}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1], done.stderr


@pytest.mark.parametrize("missing", SOME, ids="-".join)
def test_the_readme_s_first_snippet_without(missing):
    fused = find_spec("numba") is not None and not {"numba", "llvmlite"} & set(missing)
    last, err = step(*missing)
    assert last == ("numba True" if fused else "numpy False")
    assert ("llvmlite" in err) == (missing in [("llvmlite",), ("llvmlite", "platformdirs")])


def test_a_library_that_refuses_to_be_imported_is_told_and_done_without(tmp_path):
    """As numba does where NumPy is newer than it knows."""
    (tmp_path / "numba").mkdir()
    why = "Numba needs NumPy 2.0 or less"
    (tmp_path / "numba" / "__init__.py").write_text(f"raise ImportError({why!r})")
    last, err = step(PYTHONPATH=str(tmp_path))
    assert last == "numpy False"
    assert f"numba is installed and cannot be imported, so that wdref goes without: {why}" in err


def test_a_folder_of_the_name_is_no_library(tmp_path, monkeypatch):
    (tmp_path / "results_of_numba").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    assert find_spec("results_of_numba") is not None
    assert not installed("results_of_numba")
    assert optional("results_of_numba") is None
