"""Findings: what each file says, that it is present where it was seen, and the command.

Reproductions of one framework and backend share a process here, because imports take longest.
"""

import ast
import itertools
import re
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest
from programs import needed

from wdref.oracle.findings import finding
from wdref.oracle.findings.page import row, section

shared = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("command_runs.py"))))
target, wdref, document, one_line = shared.target, shared.wdref, shared.document, shared.one_line
FINDINGS = finding.findings()
KINDS = {"wrong step", "lost update", "precision", "crash", "documentation"}
PAGE = Path(__file__).parents[1] / "docs" / "findings.md"
GROUPS = {
    "-".join(filter(None, key)): tuple(group)
    for key, group in itertools.groupby(
        sorted(FINDINGS, key=lambda f: (f.framework, f.backend)),
        key=lambda f: (f.framework, f.backend),
    )
}
FAKE = '''"""A title."""
FRAMEWORK = "{framework}"
OPTIMIZER = "an optimizer"
KIND = "crash"
FORMULA = "x = 1"
EXPECTED = "1"
WHY = "it matters"
ISSUE = "none found"
SEEN = "1"
def reproduce():
    {body}
'''
BODIES = {
    "present": "print('noise {'); return {'x': 1.5, 'y': [float('nan')]}, True",
    "fixed": "return {'x': 2}, False",
    "raises": "raise KeyError('gone')",
    "exits": "import os; os._exit(3)",
    "hangs": "import threading; threading.Event().wait()",
}


def tree_of(f):
    return ast.parse((finding.path_of(f.name)).read_text("utf-8"))


@pytest.mark.parametrize("f", FINDINGS, ids=lambda f: f.name)
def test_each_says_all_that_a_maintainer_needs(f):
    words = (f.title, f.optimizer, f.formula, f.expected, f.why, f.source)
    assert all(words)
    assert f.title.endswith(".")
    assert f.kind in KINDS
    assert f.name.startswith(f.framework)
    assert re.fullmatch(r"\d+(\.\d+)+", f.seen)
    assert "none found" in f.issue or re.search(
        r"https://github\.com/\S+/(issues|pull)/\d+", f.issue
    )


@pytest.mark.parametrize("f", FINDINGS, ids=lambda f: f.name)
def test_a_reproduction_stands_alone(f):
    """It imports its framework inside the function, nothing of wdref, and is short."""
    tree = tree_of(f)
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0
            imported.add(node.module.partition(".")[0])
        elif isinstance(node, ast.Import):
            imported |= {name.name.partition(".")[0] for name in node.names}
    assert f.framework in imported
    assert "wdref" not in imported
    assert not any(isinstance(node, ast.Import | ast.ImportFrom) for node in tree.body)
    assert len([line for line in f.source.splitlines()[1:] if line.strip()]) <= 15


def test_names_are_distinct_and_fields_literal():
    assert len({f.title for f in FINDINGS} | {f.name for f in FINDINGS}) >= len(FINDINGS)
    assert len({f.framework for f in FINDINGS}) >= 9


@pytest.mark.parametrize("name", GROUPS)
def test_present_on_the_version_where_it_was_seen(name):
    group = GROUPS[name]
    for module in filter(None, (group[0].framework, group[0].backend)):
        if finding.installed(module) is None:
            pytest.skip(f"needs {module}: pip install 'wdref[frameworks]'")
    if group[0].framework == "tinygrad":
        needed("clang")  # its CPU compiles with it
    for f, answer in zip(group, finding.try_one_process(group, timeout=300), strict=True):
        assert answer.status in ("present", "fixed"), (f.name, answer.message)
        if answer.version == f.seen:
            assert answer.status == "present", f"{f.name} is gone in {answer.version}"


def test_the_page_is_what_the_command_prints():
    page = PAGE.read_text("utf-8")
    stale = "stale: wdref findings --markdown > docs/findings.md"
    for f in FINDINGS:
        assert section(f) in page, stale
        assert f"\n{row(f)} present in {f.seen} |\n" in page, stale
    assert page.count("\n## ") == len(FINDINGS), stale


@pytest.fixture
def fakes(tmp_path, monkeypatch):
    """Write findings of a framework that is always there, and one of none."""
    folder = tmp_path / "findings"
    for name, body in BODIES.items():
        (folder / name).mkdir(parents=True)  # a framework's folder has its name
        (folder / name / f"{name}.py").write_text(FAKE.format(framework="json", body=body))
    missing = FAKE.format(framework="no_such_framework", body="return {}, True")
    (folder / "missing").mkdir()
    (folder / "missing" / "missing.py").write_text(missing)
    monkeypatch.setattr(finding, "FOLDER", folder)


def test_present_and_fixed(wdref, fakes):
    status, out, err = wdref("findings", "present", "fixed", "--json")
    rows = document(out)["findings"]
    assert (status, err) == (0, "")
    assert [row["status"] for row in rows] == ["fixed", "present"]
    assert rows[1]["evidence"] == {"x": 1.5, "y": ["nan"]}
    assert rows[1]["framework"] == "json"


def test_the_flag_fails_where_one_is_present(wdref, fakes):
    assert wdref("findings", "present", "--fail-on-present")[0] == 1
    assert wdref("findings", "fixed", "--fail-on-present")[0] == 0


def test_not_installed(wdref, fakes):
    status, out, _ = wdref("findings", "missing", "--json", "--fail-on-present")
    (row,) = document(out)["findings"]
    assert (status, row["status"]) == (0, "not installed")
    assert row["message"] == "pip install 'no_such_framework'"
    assert "pip install" in wdref("findings", "no_such_framework")[1]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("raises", "raises: KeyError: 'gone'"),
        ("exits", "exits: the process ended with status 3"),
        ("hangs", "hangs: no answer within 0.5 s"),
    ],
)
def test_a_reproduction_that_gives_no_answer(wdref, fakes, name, says):
    limit = ("--timeout", "0.5") if name == "hangs" else ()
    status, out, err = wdref("findings", name, "--json", *limit)
    assert status == 2
    assert one_line(err)
    assert says in err
    assert document(out)["findings"][0]["status"] == "error"


def test_an_unknown_name(wdref, fakes):
    status, out, err = wdref("findings", "nothing")
    assert (status, out) == (2, "")
    assert one_line(err)
    assert "no finding nothing" in err


def test_a_process_that_dies_loses_no_answer_before_it(fakes):
    chosen = {f.name: f for f in finding.findings()}
    answers = finding.try_one_process([chosen["fixed"], chosen["exits"]], timeout=60)
    assert [answer.status for answer in answers] == ["fixed", "error"]


def test_terminal_and_markdown(wdref, fakes):
    out = wdref("findings", "present")[1]
    assert "present" in out
    assert "`x` 1.5" in out
    out = wdref("findings", "fixed", "--markdown")[1]
    assert "Measured: `x` 2" in out
