"""`wdref matrix --all`: which rule is every optimizer that a package exports?"""

import json
import sys
from dataclasses import replace

import pytest
from point_runs import ADAMW

from wdref import cli
from wdref.oracle.matrix.every import guess, show
from wdref.oracle.matrix.every.ask import swept
from wdref.oracle.matrix.every.entries import Entry, Package, packages
from wdref.oracle.matrix.every.record import VERDICTS
from wdref.oracle.matrix.pool import Settings

# Of each kind one. What is imported, hidden or an alias is no row, and so is what makes none.
SHOP = (
    ADAMW.replace("class Adam(", "class AdamW(")
    + """
import abc
from torch.optim import SGD

Alias = AdamW


class _Hidden(AdamW):
    pass


class Base(AdamW, metaclass=abc.ABCMeta):
    @abc.abstractmethod
    def name(self): ...


class Adam(AdamW):
    'It decays as AdamW does.'


class Rest(AdamW):
    def __init__(self, params, **rest):
        super().__init__(params, **rest)


class Fourfold(AdamW):
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                p.grad = None if p.grad is None else 4 * p.grad
        super().step()


class Momentless(Optimizer):
    'No family is like it.'

    def __init__(self, params, lr=0.1, weight_decay=0.0):
        super().__init__(params, dict(lr=lr, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.copy_(torch.cos(p * 37) + group["lr"] * torch.sin(p.grad * 91))


class Nothing(Optimizer):
    'It has no weight decay.'

    def __init__(self, params, lr=0.1):
        super().__init__(params, dict(lr=lr))

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.sub_(group["lr"] * p.grad)


class Forgets(Nothing):
    def __init__(self, params, lr=0.1, weight_decay=0.0):
        Optimizer.__init__(self, params, dict(lr=lr, weight_decay=weight_decay))


class Rough(Forgets):
    'It is right in small tensors.'

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    g = p.grad + group["weight_decay"] * p
                    p.sub_((1 if p.numel() < 64 else 2) * group["lr"] * g)


class Fragile(Nothing):
    'A gradient that is no number is too much for it.'

    def step(self, closure=None):
        if any(p.grad.isnan().any() for g in self.param_groups for p in g["params"]
               if p.grad is not None):
            raise OverflowError("no number")
        super().step()


class Large(Nothing):
    'More than a hundred numbers are too much for it.'

    def step(self, closure=None):
        if any(p.numel() > 100 for g in self.param_groups for p in g["params"]):
            raise MemoryError("too large")
        super().step()


class Raises(AdamW):
    def __init__(self, params, lr=0.1, weight_decay=0.0):
        raise RuntimeError("closed today")


class Model(AdamW):
    def __init__(self, params, model, lr=0.1, weight_decay=0.0):
        super().__init__(params, lr=lr)


def make_adamw(params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2) -> Optimizer:
    return AdamW(params, lr, betas, eps, weight_decay)


def table(lr, weight_decay):
    return {"lr": lr, "weight_decay": weight_decay}


def schedule(lr, weight_decay) -> list:
    return [lr]
"""
)
FAULTY = """
import os
import threading
from pathlib import Path

import wdref


class Hangs(wdref.SGDW):  # before the others: what hangs first is not asked again
    def __init__(self, **given):
        Path("HANGS").touch()
        threading.Event().wait()


class Right(wdref.SGDW):
    pass


class Wreck(wdref.SGDW):
    def __init__(self, **given):
        os._exit(3)
"""
SETTINGS = Settings(dtypes=("float64",), timeout=300.0, cores=2)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    pytest.importorskip("torch", reason="the optimizers of the package are PyTorch's")
    path = tmp_path_factory.mktemp("all") / "shop.py"
    path.write_text(SHOP)
    document = {}
    swept([str(path)], SETTINGS, document)
    return document


def rows(document):
    return {row["optimizer"]: row for row in document["rows"]}


def test_each_is_told_apart(shop):
    assert {name: row["verdict"] for name, row in rows(shop).items()} == {
        "Adam": "conforms", "AdamW": "conforms", "Forgets": "deviates", "Fourfold": "deviates",
        "Fragile": "conforms", "Large": "deviates", "Model": "not made", "Momentless": "unknown",
        "Nothing": "conforms", "Raises": "not made", "Rest": "conforms", "Rough": "deviates",
        "make_adamw": "conforms",
    }  # fmt: skip


def test_what_conforms_has_the_name_of_the_rule(shop):
    found = rows(shop)
    for name in ("AdamW", "Rest", "make_adamw"):
        assert found[name]["names"][0] == "pytorch adamw"
    assert found["Nothing"]["rule"] == "sgd"
    assert found["AdamW"]["recurrence"][-1].startswith("θ ←")


def test_one_that_is_called_as_another_rule_is_said_to_be_what_it_is(shop):
    row = rows(shop)["Adam"]
    assert (row["names"][0], row["message"]) == ("pytorch adamw", "though it is called Adam")


def test_what_takes_no_weight_decay_conforms_without_it_and_what_forgets_it_does_not(shop):
    found = rows(shop)
    assert found["Nothing"]["message"] == "it takes no weight decay"
    assert found["Forgets"]["message"] == "but form=none"


def test_a_deviation_says_what_is_other(shop):
    row = rows(shop)["Fourfold"]
    assert (row["names"], row["message"]) == (["pytorch adamw"], "but 4 times the gradient")


def test_one_that_departs_in_some_case_has_the_name_of_the_rule_and_the_place(shop):
    row = rows(shop)["Rough"]
    assert row["names"][0] == "paper sgd"
    assert row["message"].startswith("but departs from that in case sizes/float64")


def test_one_that_raises_in_some_case_says_where(shop):
    row = rows(shop)["Large"]
    assert "but raises in case sizes/float64: MemoryError: too large" in row["message"]


def test_what_cannot_be_made_says_why(shop):
    found = rows(shop)
    assert found["Raises"]["message"] == "RuntimeError: closed today"
    assert found["Model"]["message"].startswith("Model needs model, which nobody can guess")


def test_one_that_hangs_or_crashes_costs_its_row_alone(tmp_path, hangs):
    path = tmp_path / "faulty.py"
    path.write_text(FAULTY.replace("HANGS", str(hangs)))
    document = {}
    swept([str(path)], replace(SETTINGS, cores=1), document)
    found = rows(document)
    assert {name: row["verdict"] for name, row in found.items()} == {
        "Hangs": "timeout", "Right": "conforms", "Wreck": "error"}  # fmt: skip
    assert found["Right"]["names"][0] == "paper sgdw"
    assert "ended with status 3" in found["Wreck"]["message"]


@pytest.fixture
def wdref(monkeypatch, capsys, tmp_path):
    def run(*args):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["wdref", "matrix", "--all", *args])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        return caught.value.code, *capsys.readouterr()

    return run


@pytest.mark.parametrize(("text", "line"), [
    ("raise SystemExit(3)", "broken.py: cannot be imported: SystemExit: 3"),
    ("1 / 0", "broken.py: cannot be imported: ZeroDivisionError: division by zero"),
    ("import no_such_thing", "broken.py: cannot be imported: ModuleNotFoundError: No module named "
     "'no_such_thing'"),
    ("x = 1", "broken.py: no optimizer is exported by it"),
])  # fmt: skip
def test_what_cannot_be_swept_is_one_line(wdref, tmp_path, text, line):
    (tmp_path / "broken.py").write_text(text)
    assert wdref("broken.py") == (2, "", f"wdref: error: {line}\n")


def test_what_is_not_there_is_one_line(wdref):
    assert wdref("no_such_package.optim") == (
        2, "", "wdref: error: no_such_package.optim: not installed\n")  # fmt: skip
    assert wdref("gone.py") == (2, "", "wdref: error: gone.py: no such file\n")
    line = "wdref: error: --all: which packages? as in `wdref matrix --all torch.optim`\n"
    assert wdref()[::2] == (2, line)
    assert wdref("x", "--row", "torch:SGD")[2] == "wdref: error: --all: --row is not for it\n"


def test_the_command_prints_json_and_a_page(wdref, tmp_path):
    (tmp_path / "own.py").write_text("import wdref\n\n\nclass Mine(wdref.SGDW):\n    pass\n")
    code, out, _ = wdref("own.py", "--json", "--markdown", "page.md")
    document = json.loads(out)
    assert (code, document["versions"]) == (0, {"own.py": ""})
    assert [row["target"] for row in document["rows"]] == ["own.py:Mine"]
    page = (tmp_path / "page.md").read_text("utf-8")
    assert "| `Mine` | conforms | `paper sgdw` |  |" in page
    assert "1 optimizer: 1 conforms." in page


def test_every_row_has_a_verdict_that_the_page_knows(shop):
    assert {row["verdict"] for row in shop["rows"]} <= set(VERDICTS)
    page = show.markdown(shop)
    assert all(f"| `{name}` |" in page for name in rows(shop))


def test_an_export_is_what_all_says(tmp_path):
    """A module's `__all__` is kept to; without it hidden names are none."""
    text = "import wdref\n\n\nclass A(wdref.SGDW): ...\n\n\nclass B(wdref.SGDW): ...\n"
    (tmp_path / "own.py").write_text(text + '\n\n__all__ = ["B"]\n')
    (found,) = packages([str(tmp_path / "own.py")], SETTINGS)
    assert found.optimizers == {"B": True}


def test_a_name_that_is_a_rule_s_comes_first():
    """Of rules that are the same function on the probes."""
    one, other = (
        guess.Nearest((claim, "paper"), guess.dialect(claim, "paper"), 1e-17, True)
        for claim in ("sgd", "signsgd")
    )
    assert sorted([one, other], key=lambda n: guess._order(n, "SignSGD"))[0] is other
    assert Entry(Package("acme"), "NoRule").claim == ("", "")
