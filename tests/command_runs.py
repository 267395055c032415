"""What tests of the command line share: a file of targets, and `wdref` run in this process."""

import json
import sys
from pathlib import Path

import pytest

from wdref import cli

KEYS = {"target", "claim", "convention", "dtype", "verdict", "worst_ratio", "cases", "identified"}
CASE_KEYS = {"id", "verdict", "ratio", "ulp", "step", "coordinate"}
IDENTITY_KEYS = {"match", "residual", "runner_up", "known_bug", "also"}
TARGET = """
import numpy as np, sys
from wdref.oracle import Unsupported

def adamw(case, decay=lambda h, eta: eta * h["weight_decay"]):
    h, theta, path = case.hyper, case.theta0.copy(), []
    m = v = np.zeros_like(theta)
    for t, (g, eta) in enumerate(zip(case.grads, case.eta.tolist()), 1):
        m = h["beta1"] * m + (1 - h["beta1"]) * g
        v = h["beta2"] * v + (1 - h["beta2"]) * g * g
        u = m / (1 - h["beta1"] ** t) / (np.sqrt(v / (1 - h["beta2"] ** t)) + h["eps"])
        theta = theta - (eta * h["learning_rate"] * u + decay(h, eta) * theta)
        path.append(theta.copy())
    return np.array(path)

def loud(case):
    print("{not json"), sys.stderr.write("noise\\n")
    return adamw(case)

def constant_schedule(case):
    if np.any(case.eta != 1):
        raise Unsupported("no schedule")
    return adamw(case)

def no_eps(case):
    raise Unsupported("eps is fixed")

def nan(case):
    return case.grads * np.nan

def short(case):
    return adamw(case)[1:]

def raises(case):
    raise RuntimeError("first line\\nsecond line")

def exits(case):
    sys.exit()

def hangs(case):
    ENDLESS

def signs(case):
    steps = case.hyper["learning_rate"] * case.eta[:, None] * np.sign(case.grads)
    return case.theta0 - np.cumsum(steps, axis=0)
"""


@pytest.fixture
def target(tmp_path, monkeypatch, endless):
    monkeypatch.chdir(tmp_path)
    Path("target.py").write_text(TARGET.replace("ENDLESS", endless))
    Path("broken.py").write_text("raise RuntimeError('at import')")


@pytest.fixture
def wdref(target, monkeypatch, capsys):
    """Run the command line in this process: its status, stdout and stderr."""

    def run(*args):
        monkeypatch.setattr(sys, "argv", ["wdref", *args])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        return caught.value.code, *capsys.readouterr()

    return run


def check(wdref, function, *args, claim="adamw"):
    return wdref("check", f"target.py:{function}", "--claim", claim, "--dtype", "float64", *args)


def document(text):
    """One JSON document and nothing else; NaN and Infinity are no JSON."""

    def refuse(word):
        raise AssertionError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


def one_line(text):
    return text.startswith("wdref: error: ") and text.count("\n") == 1 and text.endswith("\n")
