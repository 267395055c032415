"""The files that ``wdref check`` writes for other people's tools: JUnit, SARIF, a badge, Markdown.

What every reader of JUnit's XML takes, and what SARIF 2.1.0 requires of what is written, stand here
as rules; both are also asked of targets that cannot be judged.
"""

import json
import runpy
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import jsonschema
import pytest

pytest.importorskip("flint", reason="needs wdref[oracle]")

from wdref.oracle.report.badge import badge
from wdref.oracle.report.junit import junit
from wdref.oracle.report.markdown import markdown
from wdref.oracle.report.place import place_of
from wdref.oracle.report.sarif import sarif

shared = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("command_runs.py"))))
target, wdref, check = shared.target, shared.wdref, shared.check
FILES = ("--junit", "j.xml", "--sarif", "s.sarif", "--badge", "b.json", "--markdown", "m.md")

# Jenkins' schema of JUnit reports: per element its attributes, those that must be, its children.
SCHEMA = {
    "testsuites": ({"name", "time", "tests", "failures", "errors"}, set(), {"testsuite"}),
    "testsuite": ({"name", "tests", "failures", "errors", "skipped", "time", "id", "package"},
                  {"name", "tests", "failures", "errors"},
                  {"properties", "testcase", "system-out", "system-err"}),
    "properties": (set(), set(), {"property"}),
    "property": ({"name", "value"}, {"name", "value"}, set()),
    "testcase": ({"name", "classname", "time", "group"}, {"name"},
                 {"skipped", "error", "failure", "system-out", "system-err"}),
    **dict.fromkeys(("skipped", "error", "failure"), ({"type", "message"}, set(), set())),
    **dict.fromkeys(("system-out", "system-err"), (set(), set(), set())),
}  # fmt: skip
TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
RELATIVE = {"type": "string", "pattern": "^[^ #?\\\\]+$"}
SARIF = {  # what the standard requires of the properties that are written
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "version": {"const": "2.1.0"},
        "runs": {"type": "array", "items": {
            "type": "object",
            "required": ["tool", "results"],
            "properties": {
                "tool": {"required": ["driver"], "properties": {"driver": {
                    "required": ["name"],
                    "properties": {"rules": {"uniqueItems": True, "items": {
                        "required": ["id"],
                        "properties": {"shortDescription": TEXT, "fullDescription": TEXT,
                                       "defaultConfiguration": {"properties": {"level": LEVEL}}},
                    }}},
                }}},
                "invocations": {"items": {
                    "required": ["executionSuccessful"],
                    "properties": {"toolExecutionNotifications": {"items": {
                        "required": ["message"], "properties": {"message": TEXT, "level": LEVEL},
                    }}},
                }},
                "results": {"items": {
                    "required": ["message", "ruleId", "locations", "partialFingerprints"],
                    "properties": {
                        "message": TEXT, "level": LEVEL, "ruleIndex": {"minimum": 0},
                        "partialFingerprints": {"additionalProperties": {"type": "string"}},
                        "locations": {"items": {"properties": {"physicalLocation": {
                            "required": ["artifactLocation"],
                            "properties": {
                                "artifactLocation": {"properties": {"uri": RELATIVE}},
                                "region": {"properties": {"startLine": {
                                    "type": "integer", "minimum": 1}}},
                            },
                        }}}},
                    },
                }},
            },
        }},
    },
}  # fmt: skip


def read_junit(text):
    """The root of a report, once it keeps to the schema and its counts are those of its tests."""
    root = ElementTree.fromstring(text)
    assert root.tag == "testsuites"
    for element in root.iter():
        known, needed, children = SCHEMA[element.tag]
        assert needed <= set(element.keys()) <= known, element.tag
        assert {child.tag for child in element} <= children, element.tag
    for suite in root:
        tests = suite.findall("testcase")
        counts = {"tests": len(tests)}
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            counts[name] = sum(test.find(tag) is not None for test in tests)
        assert {name: int(suite.get(name)) for name in counts} == counts
    names = [(test.get("classname"), test.get("name")) for test in root.iter("testcase")]
    assert len(set(names)) == len(names)
    return root


def read_sarif(text):
    """The only run of a document, once it has what the standard requires."""
    document = shared.document(text)
    jsonschema.validate(document, SARIF)
    (run,) = document["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert all(rules[result["ruleIndex"]] == result["ruleId"] for result in run["results"])
    return run


def read_files():
    texts = [Path(name).read_text("utf-8") for name in FILES[1::2]]
    return read_junit(texts[0]), read_sarif(texts[1]), json.loads(texts[2]), texts[3]


def written(wdref, *args, status):
    code, out, _ = wdref(*args, *FILES, "--json")
    assert code == status
    return (shared.document(out), *read_files())


# -- what was judged ---------------------------------------------------------------------------


def test_yes(wdref):
    args = ("check", "target.py:adamw", "--claim", "adamw")
    document, suites, run, shield, page = written(wdref, *args, status=0)
    assert [suite.get("name").split()[-1] for suite in suites] == ["float64", "float32"]
    tests = {test.get("name"): test for test in suites.iter("testcase")}
    assert list(tests) == [case["id"] for case in document["cases"]]
    refused = {case["id"] for case in document["cases"] if case["verdict"] == "unsupported"}
    assert {name for name, t in tests.items() if t.find("skipped") is not None} == refused != set()
    assert run["results"] == []
    assert run["invocations"] == [{"executionSuccessful": True}]
    assert shield == {"schemaVersion": 1, "label": "wdref adamw", "message": "conforms",
                      "color": "brightgreen"}  # fmt: skip
    assert "**conforms**, worst ratio" in page


def test_no(wdref):
    args = ("check", "target.py:adamw", "--claim", "adamw", "--convention", "pytorch", "--dtype",
            "float64")  # fmt: skip
    document, suites, run, shield, page = written(wdref, *args, status=1)
    failures = {t.get("name"): t.find("failure") for t in suites.iter("testcase")}
    failures = {name: failure for name, failure in failures.items() if failure is not None}
    assert list(failures) == [c["id"] for c in document["cases"] if c["verdict"] == "deviates"]
    first = failures["exaggerated/float64"]
    assert first.get("type") == "deviates"
    assert "at step" in first.get("message")
    lines = document["diagnosis"]
    assert all(line in first.text and line in page for line in lines)
    (result,) = run["results"]
    assert (result["ruleId"], result["level"]) == ("deviates", "error")
    assert all(line in result["message"]["text"] for line in lines)
    assert result["properties"]["count"] == len(failures)
    (location,) = result["locations"]
    line = location["physicalLocation"]["region"]["startLine"]
    assert shared.TARGET.splitlines()[line - 1].startswith("def adamw(")
    assert location["physicalLocation"]["artifactLocation"]["uri"] == "target.py"
    assert (shield["message"], shield["color"]) == ("deviates", "red")


# -- what could not be judged is an error, not a green run ---------------------------------------

FAILING = {
    "no file": ("gone.py:run", "--claim", "adamw"),
    "no such claim": ("target.py:adamw", "--claim", "nonsense"),
    "import": ("broken.py:run", "--claim", "adamw"),
    "raises": ("target.py:raises", "--claim", "adamw", "--dtype", "float64"),
    "refuses all": ("target.py:no_eps", "--claim", "adamw", "--dtype", "float64"),
    "no outputs": ("gone.json", "--claim", "adamw"),
}


@pytest.mark.parametrize("args", FAILING.values(), ids=FAILING)
def test_an_error_is_one_in_every_format(wdref, args):
    document, suites, run, shield, page = written(wdref, "check", *args, status=2)
    errors = [e.get("message") for e in suites.iter("error")]
    assert errors
    assert int(suites.get("errors")) == len(errors)
    assert [result["ruleId"] for result in run["results"]] == ["error"]
    (invocation,) = run["invocations"]
    assert not invocation["executionSuccessful"]
    (notification,) = invocation["toolExecutionNotifications"]
    assert notification["message"]["text"] == document["error"]
    assert shield["isError"]
    assert shield["color"] == "lightgrey"
    assert document["error"] in page


ODD = r"""
def run(case):
    raise RuntimeError("\0 \x1b[31m <&> \ufffe \ud800")
"""


def test_what_xml_cannot_hold_is_written_as_python_does(wdref):
    Path("odd.py").write_text(ODD)
    args = ("check", "odd.py:run", "--claim", "adamw", "--dtype", "float16")
    _, suites, _, _, _ = written(wdref, *args, status=2)
    message = next(suites.iter("error")).get("message")
    assert "\\x00 \\x1b[31m <&> \\ufffe \\ud800" in message


# -- the files themselves ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "message"),
    [(("--junit", "no/such/j.xml"), "no folder no/such"),
     (("--junit", "same", "--sarif", "same"), "same is another format's file already"),
     (("--badge", "."), "is a directory"), (("--badge", ""), "no name of a file")],
)  # fmt: skip
def test_a_bad_path_is_refused_before_anything_runs(wdref, args, message):
    Path("touches.py").write_text("open('ran', 'w')\ndef run(case): ...")
    status, out, err = wdref("check", "touches.py:run", "--claim", "adamw", *args)
    assert (status, out) == (2, "")
    assert shared.one_line(err)
    assert message in err
    assert not Path("ran").exists()
    assert not Path("same").exists()


def test_a_file_that_cannot_be_written_is_said_and_leaves_the_old_one(wdref, monkeypatch):
    Path("b.json").write_text("old")
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "disk full")))
    status, _, err = wdref("check", "loopback:SGD", "--claim", "sgd", "--dtype", "float16",
                           "--badge", "b.json")  # fmt: skip
    assert (status, err) == (2, "wdref: error: --badge b.json: disk full\n")
    assert Path("b.json").read_text() == "old"
    assert not list(Path().glob(".b.json*"))


def made(target="t.py:run", **more):
    case = {"id": "first/float64", "verdict": "deviates", "ratio": float("inf"), "step": 1,
            "coordinate": 0, "tensor": None, "message": "a | b `c` <d>", "finding": ""}  # fmt: skip
    return {"target": target, "claim": "adamw", "convention": "paper", "verdict": "deviates",
            "worst_ratio": float("inf"), "cases": [case], "identified": None,
            "diagnosis": ["is ```"]} | more  # fmt: skip


def test_markup_in_a_document_is_none():
    page = markdown(made("`x`|<b>.py:run"))
    (row,) = [line for line in page.splitlines() if line.startswith("| first")]
    assert row.replace("\\|", "").count("|") == 3
    assert "&lt;d>" in row
    assert page.splitlines()[0].startswith("### `` `x`|<b>.py:run ``")
    assert "````text\nis ```\n````" in page
    for form in (junit, sarif, badge):
        assert form(made("`x`|<b>.py:run")).strip()


def test_a_fingerprint_is_of_the_finding_alone():
    def of(**more):
        return read_sarif(sarif(made(**more)))["results"][0]["partialFingerprints"]

    assert of() == of(worst_ratio=3.0, diagnosis=["other words"])
    assert len({str(of(**more)) for more in (
        {}, {"target": "t.py:other"}, {"claim": "adam"},
        {"identified": {"known_bug": {"id": "M08"}}},
    )}) == 4  # fmt: skip


# -- where the source is -------------------------------------------------------------------------

SOURCE = """\
import nothing_of_this_name

def first(case): ...

@decorated
class Second:
    def step(self): ...

third = lambda case: None
fourth: object = third
async def fifth(case): ...
def first(case): ...
"""


@pytest.mark.parametrize(
    ("name", "line"),
    [("first", 12), ("Second", 6), ("Second.step", 7), ("third", 9), ("fourth", 10), ("fifth", 11),
     ("Second.gone", 6), ("gone", None)],
)  # fmt: skip
def test_a_line_is_read_and_nothing_imported(tmp_path, monkeypatch, name, line):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "with space"
    folder.mkdir()
    (folder / "é#.py").write_text(SOURCE, "utf-8")
    place = place_of(f"with space/é#.py:{name}")
    assert (place.uri, place.line) == ("with%20space/%C3%A9%23.py", line)


def test_modules_have_files_and_adapters_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    inner = tmp_path / "package" / "inner"
    inner.mkdir(parents=True)
    (inner / "mine.py").write_text("\ndef run(case): ...")
    place = place_of("package.inner.mine:run")
    assert (place.uri, place.line) == ("package/inner/mine.py", 2)
    installed = place_of("wdref.oracle.report.place:place_of")
    assert installed.uri.startswith("file://")
    assert installed.line > 1
    for other in ("torch:AdamW[fused=True]", "outputs.json", "gone.py:run", "gone.inner:run",
                  "x" * 5000 + ".py:run"):  # fmt: skip
        assert place_of(other) is None


def test_a_file_that_is_no_python_has_no_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("bad.py").write_text("def run(:")
    Path("nul.py").write_bytes(b"\0")
    assert place_of("bad.py:run").line is None
    assert place_of("nul.py:run").line is None
