"""`wdref audit FILE:make`, and the table, the document and the page that it gives."""

import json
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

import wdref
import wdref.oracle.audit
from wdref import cli

torch = pytest.importorskip("torch", reason="torch, installed by the extra `frameworks`")

ROW_KEYS = {"name", "names", "shape", "dtype", "groups", "kind", "form", "decay", "low", "high",
            "kept", "lost", "rate", "coefficient", "trains", "note"}  # fmt: skip
FACTORIES = """
import os
import sys
import torch

def net():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.LayerNorm(3))

def split():
    model = net()
    weights = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim < 2]
    return torch.optim.AdamW([{"params": weights, "weight_decay": 0.1},
                              {"params": others, "weight_decay": 0.0}], lr=0.001), model

def all_decay():
    model = net()
    return torch.optim.AdamW(model.parameters(), lr=0.001, weight_decay=0.1), model

def optimizer_alone():
    return split()[0]

def loud():
    print("{not json")
    os.write(1, b"nor this")
    return split()

def raises():
    raise RuntimeError("first line\\nsecond line")

def exits():
    sys.exit(3)

def asks(model, lr=0.1):
    return None

def nothing():
    return None

def three():
    return (*split(), 3)

a_number = 3
"""


@pytest.fixture
def audit(tmp_path, monkeypatch, capfd):
    """Run the command in this process: its status, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    Path("factories.py").write_text(FACTORIES)
    Path("broken.py").write_text("import no_such_module")
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in ("factories", "wdref_target_factories", "wdref_target_broken"):
        monkeypatch.delitem(sys.modules, name, raising=False)

    def run(*args):
        monkeypatch.setattr(sys, "argv", ["wdref", "audit", *args])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        return caught.value.code, *capfd.readouterr()

    return run


def one_line(text):
    return text.startswith("wdref: error: ") and text.count("\n") == 1 and text.endswith("\n")


@pytest.mark.parametrize("module", ["factories.py", "factories"])
def test_a_table_for_people(audit, module):
    status, out, err = audit(f"{module}:split")
    assert (status, err) == (0, "")
    for word in ("0.weight", "0.bias", "decoupled", "0.0001", "1 of 4 tensors decay"):
        assert word in out
    status, out, _ = audit(f"{module}:all_decay")
    assert status == 1
    assert "norms and biases decay like the weights" in out
    assert "it may be meant" in out


def test_one_document_for_programs(audit):
    status, out, err = audit("factories.py:all_decay", "--json")
    document = json.loads(out)
    assert (status, err) == (1, "")
    assert list(document) == ["target", "optimizer", "framework", "summary", "rows", "findings",
                              "notes"]  # fmt: skip
    assert (document["optimizer"], document["framework"]) == ("AdamW", "torch")
    assert {frozenset(row) for row in document["rows"]} == {frozenset(ROW_KEYS)}
    assert document["rows"][0]["decay"] == pytest.approx(1e-4)
    assert document["summary"]["share"] == 1.0
    (finding,) = document["findings"]
    assert set(finding) == {"name", "text", "parameters", "line"}
    assert finding["parameters"] == ["0.bias", "1.weight", "1.bias"]


def test_an_optimizer_without_its_model(audit):
    status, out, _ = audit("factories.py:optimizer_alone", "--json")
    assert status == 0
    assert json.loads(out)["rows"][0]["name"] == "param_groups[0]['params'][0]"


def test_what_a_factory_prints_is_no_part_of_the_answer(audit):
    status, out, err = audit("factories.py:loud", "--json")
    assert status == 0
    assert len(json.loads(out)["rows"]) == 4
    assert "{not json" in err
    assert "nor this" in err


@pytest.mark.parametrize("json_too", [False, True])
@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("factories.py:raises", "factories.py:raises raises: RuntimeError: first line"),
        ("factories.py:exits", "factories.py:exits raises: SystemExit: 3"),
        ("factories.py:asks", "factories.py:asks: missing a required argument: 'model': a factory "
         "takes nothing; write one that calls it, def make(): return asks(…)"),
        ("factories.py:nothing", "NoneType is none of them"),
        ("factories.py:three", "make() returns 3 things: an optimizer, or (optimizer, model)"),
        ("factories.py:a_number", "a_number is no function"),
        ("factories.py:absent", "absent is not in it"),
        ("absent.py:make", "no file absent.py"),
        ("absent:make", "absent cannot be loaded: ModuleNotFoundError: No module named 'absent'"),
        ("broken.py:make", "broken.py cannot be loaded: ModuleNotFoundError: No module named "
         "'no_such_module'"),
        ("factories.py", "expected file.py:make or package.module:make"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_one_line(audit, target, message, json_too):
    status, out, err = audit(target, *(["--json"] if json_too else []))
    assert status == 2
    assert one_line(err)
    assert message in err
    if json_too:
        assert message in json.loads(out)["error"]
    else:
        assert out == ""


def test_a_traceback_where_it_is_asked_for(audit):
    _, _, err = audit("factories.py:raises", "--traceback")
    assert "in raises" in err


class Parser(HTMLParser):
    """Tags that are open, and what would be fetched."""

    VOID = ("meta", "br")

    def __init__(self):
        super().__init__()
        self.stack, self.fetched, self.cells = [], [], 0

    def handle_starttag(self, tag, attrs):
        self.fetched += [v for k, v in attrs if k in ("src", "href")]
        self.cells += tag in ("td", "th")
        if tag not in self.VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag


def parsed(text):
    parser = Parser()
    parser.feed(text)
    assert parser.stack == []
    return parser


def test_a_page(audit):
    status, out, _ = audit("factories.py:all_decay", "--html", "page.html")
    assert (status, out) == (1, "")
    text = Path("page.html").read_text("utf-8")
    page = parsed(text)
    assert (page.fetched, page.cells) == ([], 8 * 5)
    assert "norms and biases decay like the weights" in text
    status, out, _ = audit("factories.py:all_decay", "--html", "-")
    assert out == text
    for wrong in (("--html", "no/such/folder.html"), ("--html", "-", "--json")):
        status, _, err = audit("factories.py:split", *wrong)
        assert status == 2
        assert one_line(err)


def test_a_name_is_no_markup():
    tensor = torch.nn.Parameter(torch.ones(3))
    audit = wdref.audit(torch.optim.SGD([tensor], lr=1.0), names=[("<b>[bold]&", tensor)])
    parsed(audit._repr_html_())
    assert "<b>[bold]" not in audit.as_html()
    assert "<b>[bold]&" in audit.report()


def test_the_report_says_what_the_forms_mean():
    tensor = torch.nn.Parameter(torch.ones(3, 3))
    audit = wdref.audit(torch.optim.SGD([tensor], lr=0.1, weight_decay=0.5), names=[("w", tensor)])
    assert "either: decays; without moments L2 and decoupled decay are one step" in audit.report()
    assert "1 of 1 tensors decay, 100 % of 9 elements" in audit.report()


def test_the_public_names():
    assert wdref.audit is wdref.oracle.audit.audit
    assert "audit" in wdref.__all__
    assert issubclass(wdref.oracle.audit.AuditError, ValueError)
