"""``wdref convert``: what it prints, its JSON, its exit status."""

import json
import re

import pytest
from click.testing import CliRunner

from wdref.conversions.command import convert

ADAMW = ("adamw", "--from", "pytorch", "--to")


def run(*args):
    return CliRunner().invoke(convert, args, standalone_mode=False)


def answer(*args):
    done = run(*args, "--json")
    return done.return_value, json.loads(done.stdout)


def test_exact():
    status, found = answer(*ADAMW, "optax", "lr=0.001", "weight_decay=0.01")
    assert status == 0
    assert found["exact"] is True
    assert found["hyper"] == {"learning_rate": 0.001, "b1": 0.9, "b2": 0.999, "eps": 1e-8,
                              "weight_decay": 0.01}  # fmt: skip
    assert found["line"] == ("optax.adamw(learning_rate=0.001, b1=0.9, b2=0.999, eps=1e-08, "
                             "weight_decay=0.01)")  # fmt: skip
    assert found["note"] == "the same function"


def test_near_says_by_how_much():
    status, found = answer(*ADAMW, "keras", "learning-rate=1e-3")
    assert (status, found["exact"]) == (1, False)
    assert found["error"]["1"] == pytest.approx(1 - 0.001**0.5)
    assert found["note"].startswith(
        "not exact, eps is added after the bias correction here and before it there: relative to "
        "the source's step from the same state, a step differs by at most 0.97 at t=1"
    )


def test_varying_lists_the_first_values():
    status, found = answer(*ADAMW, "keras", "betas=0.9,0.75", "eps=1", "--varying", "--steps", "2")
    assert (status, found["hyper"]["beta_2"]) == (0, 0.75)
    assert found["hyper"]["epsilon"] == pytest.approx([0.5, (1 - 0.75**2) ** 0.5])
    assert "epsilon=epsilon_t" in found["line"]


def test_refused():
    args = (*ADAMW, "tf-addons", "--schedule", "cosine(10)")
    status, found = answer(*args)
    assert (status, found["hyper"], found["exact"]) == (1, None, False)
    assert "λ must change with t" in found["note"]
    assert run(*args).stdout.startswith("none: from 'lr' to 'fixed' under a schedule")


def test_a_schedule_of_the_command_line():
    status, found = answer(*ADAMW, "chainer", "eps=0", "--schedule", "warm_restarts(2, T_mult=2)",
                           "--steps", "4")  # fmt: skip
    assert (status, found["note"]) == (0, "set eta to η_t at step t")
    assert found["schedule"] == pytest.approx([1.0, 0.5, 1.0, 0.8535533905932737])


def test_the_table_for_people():
    done = run(*ADAMW, "keras", "--varying", "--steps", "2")
    assert done.return_value == 0
    assert done.stdout.splitlines()[0].startswith("keras.optimizers.AdamW(learning_rate=0.001,")
    assert "  epsilon at t=1, 2, …: 3.16228e-10, " in done.stdout


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((*ADAMW, "jax"), "no words of 'jax': wdref has those of paper,"),
        ((*ADAMW, "keras", "lr"), "'lr': expected NAME=VALUE"),
        ((*ADAMW, "keras", "lr=fast"), "lr=fast: expected a number, a pair of numbers, true or"),
        ((*ADAMW, "keras", "rho=1"), "torch.optim.AdamW has no 'rho': it has lr, betas, eps,"),
        ((*ADAMW, "keras", "--schedule", "cosine"), "--schedule 'cosine': expected a call like"),
        ((*ADAMW, "keras", "--schedule", "exec(1)"), "--schedule 'exec(1)': expected one of"),
    ],
)
def test_what_cannot_be_asked(args, message, capfd):
    with pytest.raises(SystemExit) as stopped:
        convert.main(args, standalone_mode=False)
    assert stopped.value.code == 2
    text = capfd.readouterr().err
    assert re.match(rf"wdref: error: {re.escape(message)}", text)
    assert text.count("\n") == 1
