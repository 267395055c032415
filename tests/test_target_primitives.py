"""What a target's module offers as `primitives`: measured for any target, refused where wrong.

Only a dtype that the module says it lacks is passed over.
"""

import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from wdref.conventions import dialect
from wdref.oracle.cases.suite import regimes
from wdref.oracle.judge.verdict import LIMIT, judge, judge_all
from wdref.oracle.targets.targets import TargetError, parse, start

shared = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("target_runs.py"))))
results, nothing_is_left = shared.results, shared.nothing_is_left
FLUSHED = """
import numpy as np
from wdref.oracle import Unsupported

def flush(x):
    return np.where(np.abs(x) < np.finfo(x.dtype).tiny, np.zeros_like(x), x)

def primitives(dtype):
    return {"sqrt": lambda x: np.sqrt(flush(x)), "divide": lambda x, y: flush(x / y),
            "multiply": lambda x, y: flush(flush(x) * y), "fused": lambda x, y, z: x * y + z}

def run(case):
    h, theta, path = case.hyper, case.theta0.copy(), []
    m = v = np.zeros_like(theta)
    for t, (g, eta) in enumerate(zip(case.grads, case.eta.tolist()), 1):
        g = flush(g)
        m = flush(h["beta1"] * m + (1 - h["beta1"]) * g)
        v = flush(h["beta2"] * v + flush((1 - h["beta2"]) * g * g))
        u = m / (1 - h["beta1"] ** t) / (np.sqrt(v / (1 - h["beta2"] ** t)) + h["eps"])
        theta = theta - (eta * h["learning_rate"] * u + eta * h["weight_decay"] * theta)
        path.append(theta)
    return np.array(path)
"""
ADAMW = dialect("adamw")
SUBNORMAL = [c for c in regimes("adamw", ADAMW, "float32") if "subnormal" in c.flags]


def measured(tmp_path, text, cases):
    file = tmp_path / "target.py"
    file.write_text(text)
    return start(parse(f"{file}:run"), cases).answers()


def test_a_file_that_says_how_it_rounds_is_judged_by_that(tmp_path):
    found, primitives = measured(tmp_path, FLUSHED, SUBNORMAL)
    assert primitives["float32"]["flush"]
    (verdict,) = judge_all(ADAMW, SUBNORMAL, found, primitives)
    assert (verdict.verdict, verdict.finding) == ("conforms", "")
    assert verdict.ratio <= LIMIT
    silent = FLUSHED.replace("def primitives", "def rounding")
    found, primitives = measured(tmp_path, silent, SUBNORMAL)
    assert primitives == {}
    (verdict,) = judge_all(ADAMW, SUBNORMAL, found, primitives)
    assert "subnormal" in verdict.finding  # nobody had said so
    assert judge(ADAMW, *SUBNORMAL, *found, excuse=False).verdict == "deviates"


WRONG = [
    ("return {'sqrt': np.sqrt, 'divide': np.divide, 'multiply': np.multiply}",
     "primitives('float64') lacks fused: expected sqrt, divide, multiply, fused"),
    ("return {}", "primitives('float64') lacks sqrt, divide, multiply, fused: expected"),
    ("return None", "primitives('float64') raises TypeError"),
    ("raise KeyError(dtype)",
     "raises KeyError: 'float64'; raise Unsupported for a dtype that it lacks"),
    ("return {**right, 'sqrt': lambda x: float(x[0])}",
     "primitives('float64'): sqrt should give an array like its arguments'"),
    ("return {**right, 'fused': lambda x, y: x * y}", "primitives('float64') raises TypeError"),
    ("return {**right, 'divide': lambda x, y: np.divide(x, y, dtype='float32')}",
     "primitives('float64'): divide should give an array like its arguments'"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "words"), WRONG)
def test_wrong_primitives_are_told(results, body, words):
    right = "right = {'sqrt': np.sqrt, 'divide': np.divide, 'multiply': np.multiply, " \
        "'fused': lambda x, y, z: x * y + z}"  # fmt: skip
    text = f"{right}\ndef primitives(dtype):\n    {body}\nf = run\n"
    with pytest.raises(TargetError) as caught:
        results(text)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_dtype_that_it_lacks_is_passed_over(tmp_path):
    lacks = FLUSHED.replace(
        "    return {",
        "    if dtype == 'float64': raise Unsupported('no float64')\n    return {",
        1,
    )
    cases = [*SUBNORMAL, *(c for c in regimes("adamw", ADAMW, "float64") if "first" in c.flags)]
    found, primitives = measured(tmp_path, lacks, cases)
    assert list(primitives) == ["float32"]
    assert {result.status for result in found} == {"ok"}
    assert all(np.all(np.isfinite(result.values)) for result in found)
