"""``wdref matrix`` on an adapter of a third party, installed as any other distribution is.

Its rows conform, deviate, crash, hang, miss their framework; each costs itself alone, and all share
a process where they can.
"""

import json
import sys

import pytest

from wdref import cli
from wdref.conventions import CONVENTIONS
from wdref.oracle.cases.lives import NAMES as LIVES
from wdref.oracle.cases.shapes import SIZES, sizes_in
from wdref.oracle.cases.suite import BRIEF
from wdref.oracle.identify.candidates import candidates
from wdref.oracle.matrix.explanations import explanations
from wdref.oracle.matrix.markdown import changes, markdown, rows_of
from wdref.oracle.matrix.matrix import Settings, _record, matrix
from wdref.oracle.matrix.page import page
from wdref.oracle.matrix.rows import rows
from wdref.oracle.matrix.words import answers, words
from wdref.oracle.targets.target_pool import Outcome
from wdref.rules.registry import families

ADAPTER = """
import os, threading
from pathlib import Path
import numpy as np

INSTALL = "pip install acme"
CONVENTION: str = "paper"
OPTIMIZERS = {
    "good": "sgd[buffer=False]",
    "odd": "sgdw[buffer=False]",
    "crash": "sgd[buffer=False]",
    "good[again=True]": "sgd[buffer=False]",
    "hang": "sgd[buffer=False]",
    "refuse": "sgd[buffer=False]",
    "lost": "sgd[buffer=False]",
    "after[backend=two]": "sgd[buffer=False]",
    "unclaimed": "shampoo",
}

def load(name, again=False, backend=None):
    if name == "refuse":
        raise ValueError("no such thing")
    if name == "lost":
        import a_module_that_is_not_there

    def run(case):
        if name == "crash":
            CRASH
        if name == "hang":
            HANG
        h, many, path = case.hyper, "tensors" in case.flags, []
        thetas, grads = (case.theta0, case.grads) if many else ([case.theta0], [case.grads])
        for theta, all_grads in zip(thetas, grads):
            steps = []
            for g, eta in zip(all_grads, case.eta.tolist()):
                lam = np.asarray(h["weight_decay"], theta.dtype)
                rate = np.asarray(eta * h["learning_rate"], theta.dtype)
                theta = theta - rate * (g + lam * theta)
                steps.append(theta)
            path.append(np.array(steps))
        return path if many else path[0]

    run.supports = ("tensors",)
    return run

def version():
    return str(os.getpid())

def defaults(name, **options):
    return {"lr": 0.1, "name": name}
"""
SUM = "(g + lam * theta)"
WILD = ADAPTER.replace("CRASH", "os._exit(3)").replace(
    "HANG",
    """
            Path("HANGS").touch()
            threading.Event().wait()""",
)
ADAPTER = ADAPTER.replace("CRASH", "pass").replace("HANG", "pass")


@pytest.fixture
def acme(tmp_path, monkeypatch):
    """Install a distribution with an adapter; a function installs another text in its place."""
    info = tmp_path / "acme-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[wdref.frameworks]\nacme = acme_adapter\n")
    monkeypatch.syspath_prepend(tmp_path)

    def install(text):
        (tmp_path / "acme_adapter.py").write_text(text)

    install(ADAPTER)
    return install


@pytest.fixture
def wdref(monkeypatch, capsys, tmp_path):
    def run(*args):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["wdref", "matrix", *args])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        return caught.value.code, *capsys.readouterr()

    return run


def found(names=("acme",), **settings):
    settings = {"dtypes": ("float64",), "timeout": 300.0, "cores": 2, **settings}
    return {record["target"]: record for record in matrix(rows(names), Settings(**settings))}


# -- rows --------------------------------------------------------------------------------------


def test_rows_are_read_without_running_the_adapter(acme):
    acme(ADAPTER + "\nraise SystemExit('run')\n")
    assert [row.name for row in rows(["acme"])][:2] == ["acme:good", "acme:odd"]
    assert "acme_adapter" not in sys.modules


@pytest.mark.parametrize(("text", "words"), [
    ("OPTIMIZERS = dict(a='sgd')", "OPTIMIZERS must be a literal"),
    ("OPTIMIZERS = ['a']", r"OPTIMIZERS must be a dict, not \['a'\]"),
    ("OPTIMIZERS = {", "was never closed"),
    ("OPTIMIZERS = {'a': 'shampoo'}", "has no 'shampoo'"),
    ("CONVENTION = 'acme'\nOPTIMIZERS = {'a': 'sgd'}", "no convention 'acme'"),
])  # fmt: skip
def test_what_an_adapter_says_wrongly_is_an_error_of_its_own(acme, text, words):
    acme(text)
    (row,) = rows(["acme"])
    assert row.target is None
    with pytest.raises(ValueError, match=words):
        raise ValueError(row.problem)
    (record,) = matrix([row], Settings())
    assert (record["verdict"], record["message"]) == ("error", row.problem)


def test_each_costs_itself_alone(acme, hangs):
    acme(WILD.replace("HANGS", str(hangs)))
    records = found(cores=1)  # of two processes, both would feel it
    verdicts = {name.removeprefix("acme:"): r["verdict"] for name, r in records.items()}
    assert verdicts == {
        "good": "conforms", "odd": "deviates", "crash": "error", "good[again=True]": "conforms",
        "hang": "timeout", "refuse": "error", "acme": "missing", "after[backend=two]": "conforms",
        "unclaimed": "error",
    }  # fmt: skip
    said = {name.removeprefix("acme:"): r["message"] for name, r in records.items()}
    assert "status 3" in said["crash"]
    assert "still running after 300 s" in said["hang"]
    assert said["refuse"] == "ValueError: no such thing"
    assert records["acme"]["install"] == "pip install acme"


def test_what_deviates_is_named(acme):
    odd = found()["acme:odd"]
    assert odd["identified"]["match"]["names"] == [] or odd["form"] == "l2"
    assert (odd["form"], odd["order"]) == ("l2", "together")
    assert odd["recurrence"][0] == "g ← ∇f(θ) + λ θ"


def test_rows_share_a_process_unless_they_need_another_backend(acme):
    versions = {name: r["version"] for name, r in found().items()}
    assert versions["acme:good"] == versions["acme:good[again=True]"] == versions["acme:hang"]
    assert versions["acme:after[backend=two]"] != versions["acme:good"]


def test_what_the_framework_says_of_itself(acme):
    good = found()["acme:good"]
    assert good["defaults"] == {"lr": "0.1", "name": "'good'"}
    assert good["seconds"] > 0
    acme(ADAPTER.replace('return {"lr"', 'raise KeyError("lr"); return {"lr"'))
    good = found()["acme:good"]
    assert (good["verdict"], good["defaults"]) == ("conforms", {})
    assert good["problem"] == "KeyError: 'lr'"


def test_every_dtype_and_every_size_is_covered(acme):
    good = found(dtypes=("float64", "float32", "float16", "bfloat16"))["acme:good"]
    precision = good["precision"]
    assert list(precision) == ["float64", "float32", "float16", "bfloat16"]
    assert precision["float32"]["verdict"] == precision["float64"]["verdict"] == "conforms"
    assert all(set(sizes_in(dtype)) == set(SIZES) for dtype in precision)


def test_a_row_that_takes_one_tensor_gets_the_sizes_one_by_one(acme):
    acme(ADAPTER.replace('("tensors",)', "()"))
    alone = [name for name in BRIEF["float64"] if name not in LIVES]  # which it does not support
    assert found()["acme:good"]["precision"]["float64"]["supported"] == len(alone) + 1
    acme(ADAPTER.replace('("tensors",)', "()").replace(SUM, f"{SUM} * (theta.size != 129)"))
    bad = found()["acme:good"]
    assert (bad["verdict"], bad["message"]) == ("deviates", "in sizes/float64")


# -- the command -------------------------------------------------------------------------------

ONE = "acme:good"


def test_json(acme, wdref):
    status, out, err = wdref("--row", ONE, "--json")
    (row,) = json.loads(out)["rows"]
    assert (status, err) == (0, "")
    assert row.keys() >= {"framework", "version", "optimizer", "verdict", "form", "order", "eps",
                          "bias_correction", "worst_ratio"}  # fmt: skip
    assert (row["verdict"], row["form"], row["eps"]) == ("conforms", "l2", None)
    assert row["worst_ratio"] <= 4


def test_people_get_a_table(acme, wdref):
    status, out, err = wdref("--row", ONE, "--row", "acme:odd")
    assert (status, err) == (1, "")
    assert "acme:odd: deviates: it is" in out


def test_pages_are_written_and_compared(acme, wdref, tmp_path):
    status, out, _ = wdref("--row", ONE, "--markdown", "a.md", "--html", "a.html")
    assert (status, out) == (0, "")
    assert "acme:good" in (tmp_path / "a.md").read_text("utf-8")
    assert "</html>" in (tmp_path / "a.html").read_text("utf-8")
    assert wdref("--row", ONE, "--compare", "a.md") == (0, "", "")
    page = (tmp_path / "a.md").read_text("utf-8")
    (tmp_path / "a.md").write_text(page.replace("| conforms |", "| deviates |", 1), "utf-8")
    status, out, err = wdref("--row", ONE, "--compare", "a.md")
    assert (status, out) == (1, "")
    assert err == "! acme:good: verdict was deviates, is conforms\n"


@pytest.mark.parametrize(("args", "words"), [
    (["acem"], "no adapter acem: there are "),
    (["--row", "acme:bad"], "--row acme:bad: no such row; acme has acme:after[backend=two]"),
    (["--row", "acme:lost"], "no row could be run; acme: not installed: pip install acme"),
    (["--row", "acme:refuse"], "acme:refuse: ValueError: no such thing"),
    (["--row", ONE, "--markdown", "-", "--json"], "--json and --markdown -: stdout is for one"),
    (["--row", ONE, "--markdown", "none/a.md"], "none/a.md: No such file or directory"),
])  # fmt: skip
def test_what_cannot_be_asked(acme, wdref, args, words):
    status, _, err = wdref(*args)
    assert status == 2
    assert err.startswith("wdref: error: ")
    assert words in err
    assert err.count("\n") == 1


# -- words and texts ---------------------------------------------------------------------------


def test_every_convention_has_words_of_its_own():
    """Two dialects of the conventions with the same words have the same recurrence."""
    said = {}
    for rules in CONVENTIONS.values():
        for rule in rules.values():
            assert said.setdefault(words(rule), rule.recurrence()) == rule.recurrence()


def test_no_dialect_is_without_words():
    for family in families():
        for rule in candidates(family):
            found = answers(rule)
            assert found["words"].endswith(".")
            if rule.scope != "element":
                continue  # their ε, corrections and momenta are in their words and recurrences
            assert (found["eps"] is None) == (not hasattr(rule, "eps"))
            # MADGRAD's ε has one place, and is no question; a sign is divided by nothing
            signs = (getattr(rule, "base", "") == "lion", getattr(rule, "direction", "") == "sign")
            divided = not any(signs)
            asked = hasattr(rule, "eps") or family == "madgrad"
            assert bool(found["denominator"]) == (asked and divided)
            assert bool(found["corrected"]) == (hasattr(rule, "bias") and divided)
            assert (found["momentum"] is None) == (not hasattr(rule, "nesterov"))


def test_every_row_can_be_written():
    """Each row of each adapter as if it were what it is said to be, on the page and as Markdown."""
    claimed = [row for row in rows([]) if row.rule is not None]
    records = [{**_record(row, "conforms", Outcome()), **answers(row.rule), "explanations": []}
               for row in claimed]  # fmt: skip
    document = {"date": "2026-01-01", "versions": {}, "rows": records}
    assert set(rows_of(markdown(document))) == {row.name for row in claimed}
    assert all(row.optimizer in page(document) for row in claimed[:3])


def test_changes_of_a_page():
    def document(*targets, **other):
        base = dict.fromkeys(("form", "version", "worst_ratio", "seconds", "recurrence", "words",
                              "identified", "eps", "bias_correction",
                              "amsgrad", "momentum"))  # fmt: skip
        return {"date": "", "versions": {}, "rows": [
            {**base, "framework": "a", "optimizer": t, "target": f"a:{t}", "precision": {},
             "verdict": "conforms", "defaults": {}, "message": "", "explanations": [],
             "findings": [], **other}
            for t in targets]}  # fmt: skip

    before, after = markdown(document("x", "y")), markdown(document("y", "z"))
    assert list(rows_of(before)) == ["a:x", "a:y"]
    assert changes(before, before) == []
    assert changes(before, after) == ["- a:x: no row any more", "+ a:z: conforms"]
    assert changes(before, after, ["a"]) == changes(before, after)
    assert changes(before, after, ["b"]) == []
    assert changes(before, after, ["a:x"]) == ["- a:x: no row any more"]
    assert changes(before, markdown(document("x", "y", seconds=1.0, worst_ratio=0.5))) == []


def test_an_explanation_has_what_the_page_prints():
    for one in explanations():
        assert one.rows
        assert one.verdict in ("imprecise", "deviates")
        assert one.title
        assert one.text.endswith(".")
    keys = [(row, one.verdict, one.title) for one in explanations() for row in one.rows]
    assert len(keys) == len(set(keys))
