"""``wdref check`` and ``identify`` where the question could not be asked.

The exit status is 2, stderr is one line without a traceback unless one was asked for, and with
``--json`` stdout still holds one valid document with the keys of the design.
"""

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

shared = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("command_runs.py"))))
target, wdref, check, document = shared.target, shared.wdref, shared.check, shared.document
KEYS, one_line = shared.KEYS, shared.one_line


REFUSED = [
    ("nowhere.py:run", "adamw", [], "no file nowhere.py"),
    ("nowhere:run", "adamw", [], "no module 'nowhere'"),
    ("target.py", "adamw", [], "expected adapter:optimizer"),
    ("target.py:missing", "adamw", [], "has no attribute 'missing'"),
    ("broken.py:run", "adamw", [], "RuntimeError: at import"),
    ("loopback:Lamb", "adamw", [], "it knows SGD, SGDW, Adam, AdamW"),
    ("target.py:adamw", "shampoo", [], "has no 'shampoo': it has sgd, sgdw, adam, adamw"),
    ("target.py:adamw", "adam[eps=near]", [], "eps='near': expected one of 'outside'"),
    ("target.py:adamw", "adam[epsilon=hat]", [], "adam has no option 'epsilon'"),
    ("target.py:adamw", "adam[", [], "expected name or name[option=value"),
    ("target.py:adamw", "adamw", ["--convention", "burn"], "no convention 'burn': wdref knows"),
    ("target.py:adamw", "sgdw", ["--convention", "sklearn"], "has no 'sgdw'"),
    ("target.py:adamw", "adamw", ["--python", "./no_python"], "No such file"),
]


@pytest.mark.parametrize(("name", "claim", "more", "words"), REFUSED)
def test_a_question_that_cannot_be_asked(wdref, name, claim, more, words):
    status, out, err = wdref("check", name, "--claim", claim, "--dtype", "float64", "--json", *more)
    found = document(out)
    assert status == 2
    assert one_line(err)
    assert words in err
    assert found.keys() >= KEYS
    assert (found["verdict"], found["target"], found["claim"]) == ("error", name, claim)
    assert words in found["error"]


@pytest.mark.parametrize(
    ("function", "words", "more"),
    [
        ("short", "ValueError: run returned shape", []),
        ("raises", "RuntimeError: first line", []),
        ("exits", "SystemExit", []),
        ("hangs", "still running after 1 s", ["--timeout", "1"]),
        ("no_eps", "Unsupported: eps is fixed", []),
    ],
)
def test_a_target_that_gives_nothing(wdref, function, words, more):
    status, out, err = check(wdref, function, "--json", *more)
    found = document(out)
    assert status == 2
    assert one_line(err)
    assert words in err
    expected = {"no_eps": "unsupported", "hangs": "timeout"}
    assert found["verdict"] == expected.get(function, "error")
    assert any(words in case["message"] for case in found["cases"])
    assert found["error"] == err.strip().removeprefix("wdref: error: ")
    assert found["worst_ratio"] is None


def test_nothing_to_identify(wdref):
    for function, words in (("raises", "RuntimeError: first line"), ("nan", "no probe gave")):
        status, out, err = wdref(
            "identify", f"target.py:{function}", "--dtype", "float64", "--json"
        )
        assert status == 2
        assert one_line(err)
        assert words in err
        assert words in document(out)["error"]


@pytest.mark.parametrize("name", ["target.py:raises", "broken.py:run"])
def test_a_traceback_for_those_who_ask(wdref, name):
    args = ["check", name, "--claim", "adamw", "--dtype", "float64", "--json"]
    _, _, without = wdref(*args)
    status, out, err = wdref(*args, "--traceback")
    assert "Traceback" not in without
    assert "Traceback (most recent call last)" in err
    assert err.splitlines()[-1].startswith("wdref: error: ")
    assert status == 2
    document(out)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["nothing"], "No such command 'nothing'"),
        (["check"], "Missing argument 'TARGET'"),
        (["check", "target.py:adamw"], "Missing option '--claim'"),
        (["check", "target.py:adamw", "--claim", "adamw", "--dtype", "int8"], "'int8' is not one"),
        (["check", "target.py:adamw", "--claim", "adamw", "--timeout", "0"], "'--timeout'"),
        (["check", "target.py:adamw", "--claim", "adamw", "--fast"], "--fast"),
    ],
)
def test_a_wrong_option_is_told_in_one_line(wdref, args, words):
    status, out, err = wdref(*args)
    assert (status, out) == (2, "")
    assert one_line(err)
    assert words in err
    assert "--help" in err


def test_help(wdref):
    for args in (["--help"], ["-h"], ["check", "--help"], ["identify", "-h"], ["--version"]):
        status, out, err = wdref(*args)
        assert (status, err) == (0, "")
        assert "wdref" in out
    status, out, err = wdref()
    assert (status, out) == (2, "")
    assert "Usage: wdref" in err
