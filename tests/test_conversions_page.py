"""docs/conversions.md: its tables are what `wdref.convert` says, its examples run."""

import contextlib
import re
from pathlib import Path

import pytest

import wdref
from wdref.decay import NoConversion
from wdref.words import find, table

PAGE = Path(__file__).parents[1] / "docs" / "conversions.md"


def sign(claim, source, target):
    hyper = {"learning_rate": 0.125, "momentum": 0.5, "weight_decay": 0.25}
    words, goal = find(claim, source), find(claim, target)
    if "weight_decay" not in goal.names:
        hyper["weight_decay"] = 0.0
    if "momentum" not in goal.names:
        hyper["momentum"] = 0.0
    own = {name: x for name, x in hyper.items() if name in words.names}
    for varying, found in ((False, "="), (True, "≈")):
        with contextlib.suppress(NoConversion):
            if wdref.convert(claim, source, target, varying=varying, **own).exact:
                return found
    return "–"


def rows(claim):
    programs = [c for c in table() if claim in table()[c]]
    yield f"| `{claim}` | " + " | ".join(programs) + " |"
    yield "|" + "---|" * (len(programs) + 1)
    for source in programs:
        cells = (sign(claim, source, target) for target in programs)
        yield f"| {source} | " + " | ".join(cells) + " |"


def tables():
    return "\n\n".join("\n".join(rows(claim)) for claim in ("sgd", "sgdw", "adam", "adamw"))


def test_the_tables_are_what_convert_says():
    assert tables() in PAGE.read_text("utf-8"), f"docs/conversions.md should have:\n{tables()}"


def test_the_numbers_are_those_of_the_bound():
    error = wdref.convert("adamw", "pytorch", "keras").error
    assert (round(error(1), 2), round(error(1000), 1)) == (0.97, 0.2)
    assert 3e-4 < error(1, 1e-3) < 4e-4


def test_the_examples_run(capsys):
    names = {}
    for code in re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL):
        exec(code, names)
    assert capsys.readouterr().out == (
        "True optax.adamw(learning_rate=0.001, b1=0.9, b2=0.999, eps=1e-08, weight_decay=0.01)\n"
        "momentum of 0 is 0.8 in the state and 0.9 here; if that is meant, give "
        "may_differ=['momentum']\n"
    )
    assert names["found"]["state"][0]["momentum_buffer"].tolist() == pytest.approx([1.9, 1.9])


def test_the_commands_run():
    from click.testing import CliRunner

    from wdref.conversions.command import convert

    found = re.findall(r"^wdref convert (.*)$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert len(found) == 3
    status = [
        CliRunner().invoke(convert, [x.strip("'") for x in re.findall(r"'[^']*'|\S+", line)],
                           standalone_mode=False).return_value
        for line in found
    ]  # fmt: skip
    assert status == [0, 0, 1]
