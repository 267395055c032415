"""A family that only a contributor knows: judged and named from the moment it has a claim.

The rule and its dialect are those of docs/add_rule.md, as they stand on the page.
"""

import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import docs_pages
import numpy as np
import pytest

from wdref.conventions import CONVENTIONS
from wdref.oracle.cases.suite import regimes
from wdref.oracle.identify.candidates import candidates
from wdref.oracle.identify.identify import identify
from wdref.oracle.targets.targets import Result
from wdref.testing import conformance

shared = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("command_runs.py"))))
target, wdref, document = shared.target, shared.wdref, shared.document
TARGET = """
import numpy as np

def right(case, part=1.0):
    h, theta, v, path = case.hyper, case.theta0.copy(), 0.0 * case.theta0, []
    for g, eta in zip(case.grads, case.eta.tolist()):
        v = v + g * g
        u = h["learning_rate"] * g / (np.sqrt(v) + h["eps"])
        theta = theta - eta * (u + part * h["weight_decay"] * theta)
        path.append(theta.copy())
    return np.array(path)

def wrong(case):
    return right(case, 0.5)

def coupled(case):
    h, theta, v, path = case.hyper, case.theta0.copy(), 0.0 * case.theta0, []
    for g, eta in zip(case.grads, case.eta.tolist()):
        g = g + h["weight_decay"] * theta
        v = v + g * g
        theta = theta - eta * h["learning_rate"] * g / (np.sqrt(v) + h["eps"])
        path.append(theta.copy())
    return np.array(path)
"""


def of_the_page(monkeypatch):
    """The page's class of dialects."""
    page = docs_pages.blocks(docs_pages.ROOT / "docs" / "add_rule.md")
    text = {block.file: block.text for block in page}
    names = {"__name__": "page"}
    exec(text["adagrad.py"], names)
    monkeypatch.setitem(sys.modules, "adagrad", SimpleNamespace(adagrad=names["adagrad"]))
    exec(text["dialect.py"], names)
    return names["AdagradDialect"]


@pytest.fixture
def adagrad(monkeypatch, target):
    """The page's dialect, a claim of the paper's since the second line of its table."""
    Path("adagrads.py").write_text(TARGET)
    dialect = of_the_page(monkeypatch)()
    monkeypatch.setitem(CONVENTIONS["paper"], "adagradw", dialect)
    candidates.cache_clear()
    yield dialect
    candidates.cache_clear()


def test_a_right_one_conforms(adagrad, wdref):
    status, out, _ = wdref("check", "adagrads.py:right", "--claim", "adagradw", "--json")
    assert (status, document(out)["verdict"]) == (0, "conforms")


@pytest.mark.parametrize(
    ("function", "claim", "named"),
    [
        ("wrong", "adagradw", "paper"),  # half the decay of that
        ("right", "adagradw[form=lr]", "paper"),  # the convention's own is found
        ("coupled", "adagradw", None),
    ],
)
def test_a_deviation_is_compared_with_the_claims_of_the_family(
    adagrad, wdref, function, claim, named
):
    status, out, err = wdref("check", f"adagrads.py:{function}", "--claim", claim, "--json")
    found = document(out)
    assert (status, err, found["verdict"]) == (1, "", "deviates")
    assert found["identified"]["nearest"]["rule"] == "adagrad"
    match = found["identified"]["match"]
    assert (match and match["form"]) == named


def test_the_claim_itself_is_among_them(adagrad, wdref):
    """Its answers may be none that a convention gives."""
    status, out, _ = wdref("identify", "adagrads.py:coupled", "--claim", "adagradw[form=l2]",
                           "--convention", "paper", "--json")  # fmt: skip
    assert (status, document(out)["match"]["form"]) == (0, "l2")


def test_so_it_is_in_a_suite_of_ones_own(adagrad):
    wrong = runpy.run_path("adagrads.py")["wrong"]
    test = conformance(wrong, claim="adagradw", dtypes=("float64",))
    with pytest.raises(pytest.fail.Exception, match="half the decay"):
        test("exaggerated/float64", lambda *_: None)


def test_a_family_without_any_rule_is_refused(monkeypatch):
    dialect = of_the_page(monkeypatch)()
    given = list(regimes("adagradw", dialect, "float64"))
    results = [Result("ok", np.zeros(case.grads.shape)) for case in given]
    for family in ("adagrad", "adam"):  # unknown, and one that reads other hyperparameters
        message = (
            f"^identify: no rule of the family '{family}' is known that reads no more than eps, "
            "learning_rate, weight_decay: give claim, or list its dialects in FAMILIES in "
            "wdref/oracle/identify/candidates.py$"
        )
        with pytest.raises(ValueError, match=message):
            identify(given, results, family)
