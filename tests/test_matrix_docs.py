"""docs/matrix.md is what ``wdref matrix`` prints for the installed versions.

Here versions are compared and a few quick rows run again; .ci/run compares all of them.
"""

import importlib.metadata
import importlib.util
import re
from pathlib import Path

import pytest

from wdref.oracle.matrix.explanations import explain, explanations
from wdref.oracle.matrix.markdown import changes, markdown, rows_of
from wdref.oracle.matrix.matrix import Settings, matrix
from wdref.oracle.matrix.rows import rows

PAGE = (Path(__file__).parents[1] / "docs" / "matrix.md").read_text("utf-8")
ROWS = rows_of(PAGE)
DISTRIBUTIONS = {
    "keras": "keras", "mlx": "mlx", "onnx": "onnx", "optax": "optax", "paddle": "paddlepaddle",
    "sklearn": "scikit-learn", "tensorflow": "tensorflow_cpu", "thinc": "thinc",
    "tinygrad": "tinygrad", "torch": "torch",
}  # fmt: skip
QUICK = ("sklearn:SGD", "loopback:SGDW", "thinc:SGD", "torch:SGD")


def need(framework):
    """Skip where a framework is not installed; importing several into one process may crash it."""
    if framework != "loopback" and importlib.util.find_spec(framework) is None:
        pytest.skip("the extra `frameworks` installs it")


@pytest.mark.parametrize("framework", DISTRIBUTIONS)
def test_the_version_is_the_installed_one(framework):
    need(framework)
    installed = importlib.metadata.version(DISTRIBUTIONS[framework])
    (line,) = (line for line in PAGE.splitlines() if line.startswith("What installed optimizers"))
    (written,) = re.findall(rf"[:,] {framework} (\d[\w.+]*\w)", line)
    assert written.partition("+")[0] == installed.partition("+")[0]


def test_every_row_of_every_adapter_is_there():
    assert [row.name for row in rows()] == list(ROWS)


@pytest.mark.parametrize("name", QUICK)
def test_a_row_is_as_it_was(name):
    framework = name.partition(":")[0]
    need(framework)
    (row,) = (row for row in rows([framework]) if row.name == name)
    records = list(matrix([row], Settings()))
    now = markdown({"date": "", "versions": {}, "rows": records})
    assert rows_of(now)[name] == ROWS[name]
    assert not [line for line in changes(PAGE, now) if line.startswith(("!", "+"))]


def test_what_does_not_conform_is_explained():
    verdicts = {name: row[0] for name, row in ROWS.items()}
    assert set(verdicts.values()) <= {"conforms", "imprecise", "deviates"}
    open_ = [name for name, v in verdicts.items() if v != "conforms" and not explain(name, v)]
    assert open_ == []


def test_no_explanation_is_left_over():
    verdicts = {name: row[0] for name, row in ROWS.items()}
    said = [(name, one.verdict) for one in explanations() for name in one.rows]
    assert [pair for pair in said if verdicts.get(pair[0]) != pair[1]] == []
