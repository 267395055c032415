"""Whatever is typed or read: an answer, or one clear line. Never a traceback, never a half answer.

Checkpoints are fuzzed in tests/test_checkpoints.py.
"""

import json
import os
import sys

import numpy as np
import pytest
from command_runs import one_line
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from vectors_documents import right_outputs, right_vectors

from wdref import cli
from wdref.common.checks import literal
from wdref.oracle.targets.targets import TargetError, parse
from wdref.oracle.vectors.lint import lint
from wdref.oracle.vectors.outputs import judge_outputs
from wdref.oracle.vectors.read import VectorsError

words = st.text(max_size=12)
pieces = st.sampled_from(
    ["torch", "loopback", ":", "AdamW", "[", "]", "=", ",", "a", "1e-3", "True", "{[]:1}", "(", "-",
     "'", ".py", ".", "/", "~", "\0", "\ud800", " ", "-" * 5000, "(" * 300, "x" * 300]
)  # fmt: skip
texts = words | st.lists(pieces, max_size=8).map("".join)


@given(texts)
@example("x" * 300 + ".py:f")
@example("loopback:AdamW[a=" + "-" * 100_000 + "1]")
@example("loopback:AdamW[a={1,[]}]")
@example("\ud800.py:f")
def test_any_target(text):
    try:
        target = parse(text)
    except TargetError as error:
        message = str(error)
    else:
        assert target.text == text
        return
    assert message
    assert "Traceback" not in message


@given(texts | st.text("0123456789.e-+_()[]{},:'\"\\ TrueFalsn", max_size=20))
@example("{[]: 1}")
@example("-" * 100_000 + "1")
@example("9" * 5000)
@example("1is 1")
def test_any_literal(text):
    try:
        found = literal(text)
    except ValueError as error:
        assert "\n" not in str(error)  # noqa: PT017  # any text may or may not be one
    else:
        assert repr(found) is not None


# -- files ----------------------------------------------------------------------------------------

DOCUMENTS = {"outputs": (right_outputs(), judge_outputs), "vectors": (right_vectors(), lint)}
odd = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.sampled_from(["nan", "0x1p-3", "1" * 400, "outputs_schema_v1.json", "adamw", "float32"]),
    lambda own: st.lists(own, max_size=3) | st.dictionaries(st.text(max_size=4), own, max_size=3),
    max_leaves=5,
)  # fmt: skip


def places(document, path=()):
    """Every place of a document, of long lists the first two."""
    yield path
    items = document.items() if isinstance(document, dict) else ()
    if isinstance(document, list):
        items = enumerate(document[:2])
    for key, value in items:
        yield from places(value, (*path, key))


def put(document, path, value):
    if not path:
        return value
    new = document.copy()
    new[path[0]] = put(new[path[0]], path[1:], value)
    return new


PLACES = {kind: [*places(document)] for kind, (document, _) in DOCUMENTS.items()}


@pytest.mark.parametrize("kind", DOCUMENTS)
@given(data=st.data())
@settings(max_examples=60)
def test_any_document(kind, data, tmp_path_factory):
    document, judge = DOCUMENTS[kind]
    path = tmp_path_factory.getbasetemp() / f"{kind}-{os.getpid()}.json"
    changed = put(document, data.draw(st.sampled_from(PLACES[kind])), data.draw(odd))
    content = json.dumps(changed).encode()
    start = data.draw(st.integers(0, len(content)))
    content = content[:start] + data.draw(st.just(b"") | st.binary(max_size=4)) + content[start:]
    path.write_bytes(content)
    with np.errstate(all="ignore"):
        check_judged(judge, path)


def check_judged(judge, path):
    try:
        judge(path)
    except VectorsError as error:
        message = str(error)
    else:
        return
    assert str(path) in message
    assert "\n" not in message


# -- the command line -----------------------------------------------------------------------------

COMMANDS = [
    ["check"], ["identify"], ["convert", "adamw"], ["convert"], ["vectors", "check"],
    ["vectors", "lint"], ["vectors", "digest"], ["vectors"], ["matrix"], ["findings", "show"], [],
]  # fmt: skip
OPTIONS = [
    "--json", "--claim", "--convention", "--dtype", "--from", "--to", "--schedule", "--varying",
    "--steps", "--row", "--timeout", "--", "-x", "--none", "-h",
]  # fmt: skip
VALUES = [
    "", "a" * 300, "adamw", "sgd", "keras", "pytorch", "paper", "float32", "cosine(100)",
    "cosine()", "cosine(", "cosine(*[1])", "cosine({[]:1})", "warm_up(3)", "learning_rate=1e-3",
    "lr=x", "lr={[]:1}", "weight_decay=0.1", "betas=(0.9,0.9)", "betas=1", "claim=1", "=",
    "nowhere.json", "-1", "0", "1e999", "nan",
]  # fmt: skip
typed = st.text(
    st.characters(exclude_characters="\0", codec="utf-8"), max_size=12
)  # no system has it
arguments = st.lists(st.sampled_from(OPTIONS) | st.sampled_from(VALUES) | typed, max_size=6)


def run(arguments):
    """Status, stdout and stderr of the command line in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["wdref", *arguments])
        with pytest.raises(SystemExit) as caught:
            cli.main()
    return caught.value.code


@given(command=st.sampled_from(COMMANDS), rest=arguments)
@example(
    command=["convert", "adamw"], rest=["--from", "paper", "--to", "keras", "learning_rate={[]:1}"]
)
@example(
    command=["convert", "adamw"],
    rest=["--from", "paper", "--to", "keras", "--schedule", "cosine({[]:1})"],
)
@example(command=["check"], rest=["a" * 300 + ".py:f", "--claim", "adamw", "--json"])
@example(command=["check"], rest=["--json"])
@example(command=["vectors", "lint"], rest=["", "--json"])
@example(command=["vectors", "lint"], rest=["a" * 300])
@example(command=["vectors", "export"], rest=["a" * 300, "--json"])
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_arguments(command, rest, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # none of the words that would start something long: a target that is, a folder to write to
    arguments = [*command, *(word for word in rest if ":" not in word or "{" in word)]
    if command == ["matrix"] or command[:1] == ["findings"]:
        arguments.append("no-such-name")
    code = run(arguments)
    out, err = capsys.readouterr()
    assert code in (0, 1, 2)
    assert "Traceback" not in out + err
    if code == 2:
        if arguments:
            assert one_line(err), err
        if "--json" in arguments[: [*arguments, "--"].index("--")]:
            assert json.loads(out)["error"], out
