"""Installed frameworks conform to what they are said to be, in every form of their code.

One row an optimizer and implementation flag: each conforms, with a worst ratio of 2 at most, and
wdref through its own adapter with 1. Most rows run their adapter here; a few go the whole way, a
process and the command line, where the same target under the paper's meaning deviates and is named.
"""

import importlib
import json
import sys
from itertools import product

import numpy as np
import pytest

from wdref import cli
from wdref.conventions import CONVENTIONS, dialect
from wdref.oracle.cases.shapes import tensors, views
from wdref.oracle.cases.suite import probes, regimes
from wdref.oracle.judge.verdict import judge, overall, worst_ratio
from wdref.oracle.targets import worker
from wdref.oracle.targets.exchange import Result, handed
from wdref.oracle.targets.targets import parse

FORMS = ({"foreach": False}, {"foreach": True}, {"fused": True})
TORCH = [
    *(("torch", name, form, name.lower(), {}) for name in ("AdamW", "Adam") for form in FORMS),
    *(("torch", name, {"amsgrad": True, **form}, name.lower(), {"amsgrad": "raw"})
      for name, form in (("AdamW", FORMS[0]), ("Adam", FORMS[2]))),
    *(("torch", "SGD", form, "sgd", {}) for form in FORMS),
    *(("torch", "SGD", {"nesterov": True, **form}, "sgd", {"nesterov": True}) for form in FORMS),
    ("torch", "Adam", {"decoupled_weight_decay": True}, "adamw", {}),
]  # fmt: skip
SKLEARN = [
    ("sklearn", "Adam", {}, "adam", {}),
    ("sklearn", "SGD", {}, "sgd", {}),
    ("sklearn", "SGD", {"nesterov": True}, "sgd", {"nesterov": True}),
]
OF = {"SGD": "sgd", "SGDW": "sgdw", "Adam": "adam", "AdamW": "adamw"}
VARIANTS = [
    ("loopback", method, {"variant": variant}, claim, {})
    for variant, (method, claim) in product(CONVENTIONS, OF.items())
    if claim in CONVENTIONS[variant]
]
OPTIONS = [
    ("loopback", "AdamW", {"amsgrad": "hat", "backend": "plain"}, "adamw", {"amsgrad": "hat"}),
    ("loopback", "AdamW", {"order": "after"}, "adamw", {"order": "after"}),
    ("loopback", "AdamW", {"form": "fixed"}, "adamw", {"form": "fixed"}),
    ("loopback", "Adam", {"amsgrad": "raw"}, "adam", {"amsgrad": "raw"}),
    ("loopback", "SGDW", {"nesterov": True}, "sgdw", {"nesterov": True}),
]


def name_of(row):
    framework, optimizer, options, *_ = row
    words = ",".join(f"{key}={value}" for key, value in options.items())
    return f"{framework}-{optimizer}[{words}]"


def table(*rows):
    return pytest.mark.parametrize("row", rows, ids=map(name_of, rows))


def adapter(framework):
    if framework != "loopback":
        pytest.importorskip(framework, reason="the extra `frameworks` installs it")
    return importlib.import_module(f"wdref.frameworks.{framework}")


def verdicts(row, convention, suite=probes, dtypes=("float64", "float32")):
    """Judge every case that the adapter supports, run in this process."""
    framework, optimizer, options, claim, answers = row
    run = adapter(framework).load(optimizer, **options)
    found = dialect(claim, convention, **answers)
    cases = [case for dtype in dtypes for case in suite(claim, found, dtype)]
    if options != FORMS[0]:  # a thousand steps for one row each, and for those that go all the way
        cases = [case for case in cases if "long" not in case.flags]
    return [judge(found, case, result_of(run, case)) for case in cases]


def result_of(run, case):
    with np.errstate(all="ignore"):  # as in the worker, whose stderr nobody reads
        outcome = worker.outcome_of(run, handed(case))
    if outcome.status != "ok":
        return Result(outcome.status, message=outcome.message)
    return Result("ok", outcome.arrays if "tensors" in case.flags else outcome.arrays[0])


@table(*TORCH)
def test_torch_conforms(row):
    found = verdicts(row, "pytorch")
    assert overall(found) == "conforms"
    # the fused SGD takes no gradient that begins late, Nesterov's no momentum of 0
    left = {v.id.partition("/")[0] for v in found if v.verdict == "unsupported"}
    assert left <= {"late", "gaps", "no-momentum"}
    assert {v.verdict for v in found} <= {"conforms", "unsupported"}
    assert worst_ratio(found) <= 2


# not the fused form: PyTorch 2.13's takes every tensor for contiguous and writes beside a view
@table(*(row for row in TORCH if "fused" not in row[2]))
def test_torch_conforms_on_views(row):
    found = verdicts(row, "pytorch", views)
    assert {v.verdict for v in found} == {"conforms"}
    assert worst_ratio(found) <= 2


@table(*SKLEARN)
def test_sklearn_conforms(row):
    found = verdicts(row, "sklearn", regimes)
    assert overall(found) == "conforms"
    assert {v.verdict for v in found} == {"conforms"}
    assert worst_ratio(found) <= 2


@table(*VARIANTS, *OPTIONS)
def test_loopback_conforms(row):
    found = verdicts(row, row[2].get("variant", "paper"), regimes)
    assert overall(found) == "conforms"
    assert worst_ratio(found) <= 1


@table(*VARIANTS[:4])
def test_loopback_conforms_on_several_tensors(row):
    """All but the cases whose gradients come late or go: wdref counts one t for a whole tree."""
    found = verdicts(row, "paper", tensors, dtypes=("float32",))
    left = {v.id for v in found if v.verdict == "unsupported"}
    assert left == {"late/float32", "gaps/float32"}
    assert {v.verdict for v in found} == {"conforms", "unsupported"}
    assert worst_ratio(found) <= 1


@table(VARIANTS[3], VARIANTS[0])
def test_loopback_conforms_in_half_precision(row):
    pytest.importorskip("ml_dtypes", reason="the extra `dev` installs it")
    found = verdicts(row, "paper", dtypes=("float16", "bfloat16"))
    assert overall(found) in ("conforms", "undecided")


# -- what adapters refuse --------------------------------------------------------------------


@pytest.mark.parametrize("framework", ["torch", "sklearn", "loopback"])
def test_an_adapter_says_what_it_knows(framework):
    with pytest.raises(ValueError, match=f"{framework} adapter: no 'Lamb'; it knows .*Adam"):
        adapter(framework).load("Lamb")


def damped(*args):
    return [case for case in regimes(*args) if case.hyper["dampening"]]


def test_what_a_framework_cannot_do_is_unsupported():
    """Dampening: PyTorch's Nesterov refuses it, scikit-learn has none."""
    for row in (("torch", "SGD", {"nesterov": True}, "sgd", {}),
                ("sklearn", "SGD", {}, "sgd", {})):  # fmt: skip
        found = verdicts(row, "pytorch", damped, dtypes=("float64",))
        assert overall(found) == "unsupported"
        assert any("dampening" in v.message for v in found)


@pytest.mark.parametrize("framework", ["torch", "loopback"])
def test_an_option_that_no_constructor_has_is_refused_at_once(framework):
    with pytest.raises(ValueError, match=r"AdamW has no option 'fuse'; it has .*amsgrad"):
        adapter(framework).load("AdamW", fuse=True)


# -- the whole way ---------------------------------------------------------------------------


@pytest.fixture
def check(monkeypatch, capsys):
    """The command line on a target in its own process: its status and its JSON."""

    def run(target, *args):
        adapter(target.partition(":")[0])
        monkeypatch.setattr(sys, "argv", ["wdref", "check", target, "--json", *args])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        return caught.value.code, json.loads(capsys.readouterr().out)

    return run


WHOLE = [
    ("torch:SGD[momentum=0]", "sgd[buffer=False]", "pytorch"),
    ("torch:AdamW[fused=True]", "adamw", "pytorch"),
    ("sklearn:Adam", "adam", "sklearn"),
    ("loopback:AdamW", "adamw", "paper"),
]


@pytest.mark.parametrize(("target", "claim", "convention"), WHOLE)
def test_the_whole_suite_from_a_process(check, target, claim, convention):
    status, found = check(target, "--claim", claim, "--convention", convention)
    assert (status, found["verdict"]) == (0, "conforms")
    assert found["worst_ratio"] <= 2
    assert len(found["cases"]) > 100


def test_torch_under_the_papers_meaning_deviates_and_is_named(check):
    status, found = check("torch:AdamW", "--claim", "adamw", "--dtype", "float64")
    assert (status, found["verdict"]) == (1, "deviates")
    assert found["worst_ratio"] >= 1000
    identified = found["identified"]
    assert "pytorch adamw" in identified["match"]["names"]
    assert (identified["match"]["form"], identified["match"]["eps"]) == ("lr", "outside")
    assert "M05" in identified["known_bug"]["id"]


def test_adapters_are_found_by_their_files():
    """A file is run under no package's name: wdref/frameworks/torch.py does not hide torch."""
    spec = parse("torch:AdamW[fused=True,eps=1e-6]").spec
    assert spec["file"].endswith("torch.py")
    assert (spec["optimizer"], spec["options"]) == ("AdamW", {"fused": True, "eps": 1e-6})
