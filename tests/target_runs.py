"""What tests of targets share: three cases, and a target written to a file and run on them."""

import contextlib
import os
import tempfile

import numpy as np
import pytest

from wdref.conventions import dialect
from wdref.oracle.cases.suite import regimes
from wdref.oracle.targets.targets import parse, start

SGD = dialect("sgd")
CASES = [case for case in regimes("sgd", SGD, "float64") if case.id.split("/")[0] in
         ("exaggerated", "first", "stop")]  # fmt: skip
RUN = """
import numpy as np

def run(case):
    theta, path = case.theta0.copy(), []
    for g, eta in zip(case.grads, case.eta.tolist()):
        theta = theta - case.hyper["learning_rate"] * eta * g
        path.append(theta.copy())
    return np.array(path)
"""


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path, monkeypatch):
    """No temporary folder, no process of ours that has not been waited for."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    yield
    assert list(place.iterdir()) == []
    with contextlib.suppress(ChildProcessError):
        assert os.waitpid(-1, os.WNOHANG) == (0, 0), "a zombie"


@pytest.fixture
def results(tmp_path):
    """Write a target and run it on three cases."""

    def function(body, *, name="target.py", cases=CASES, **options):
        file = tmp_path / name
        file.write_text(RUN + body)
        return start(parse(f"{file}:f"), cases, **options).results()

    return function


def expected(case):
    steps = case.eta[:, None] * case.hyper["learning_rate"] * case.grads
    return case.theta0 - np.cumsum(steps, axis=0)
