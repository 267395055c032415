"""What cannot be driven is refused in one line that names the culprit and the flag that settles it.

And what a class does beside, printing, asking, forking, costs nobody else anything.
"""

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from wdref.oracle.check.commands import check, identify
from wdref.oracle.targets.pointing import word
from wdref.oracle.targets.targets import TargetError

shared = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("point_runs.py"))))
pytest.importorskip("torch", reason="classes of torch: pip install 'wdref[frameworks]'")
CLASS = """
import os, sys, torch


class Mine(torch.optim.SGD):
    def __init__(self, params, {signature}):
        {body}
        super().__init__(params, lr=lr, momentum=0.0, weight_decay=weight_decay)
"""
WHOLE = "lr, momentum, weight_decay"


@pytest.fixture
def asked(tmp_path):
    """Run a class on one case; its result."""

    def function(signature=WHOLE, body="pass", *, source=None, name="Mine", **driving):
        file = tmp_path / "my_optim.py"
        file.write_text(source or CLASS.format(signature=signature, body=body))
        _, _, results, _ = shared.answered(file, name, "sgd", "optax", short=("exaggerated",),
                                           **driving)  # fmt: skip
        return results[0]

    return function


@pytest.mark.parametrize(
    ("signature", "driving", "words"),
    [
        ("lr, weight_decay, inertia=0.0", {},
         "no parameter of Mine is known to be momentum; it has lr, weight_decay, inertia: "
         "--word inertia=momentum says which it is"),
        ("lr, momentum", {},
         "no parameter of Mine is known to be weight_decay; it has lr, momentum: "
         "--word NAME=weight_decay says which it is"),
        (f"{WHOLE}, model, size=3", {},
         "Mine needs model, which nobody can guess: --option model=VALUE gives it"),
        (WHOLE, {"options": {"wd": 1}},
         "Mine has no option 'wd'; it has lr, momentum, weight_decay"),
        (WHOLE, {"words": ("wd=weight_decay",)},
         "Mine has no parameter 'wd'; it has lr, momentum, weight_decay"),
    ],
)  # fmt: skip
def test_words_that_do_not_fit(asked, signature, driving, words):
    with pytest.raises(TargetError) as caught:
        asked(signature, **driving)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import torch\nMine = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)\n",
         "an optimizer of torch that is made already: name its class or a factory, since cases "
         "have hyperparameters of their own"),
        ("class Mine: pass\n", "Mine is a class: a target is a function run(case)"),
        ("def Mine(params, lr, momentum, weight_decay): pass\nimport sys\n"
         "sys.modules.pop('torch', None)\n", "Mine takes tensors, and its file imports no"),
        ("def Mine(lr, momentum, weight_decay): return 3\n",
         "Mine returned 'int', which is no optimizer: a target is a function run(case)"),
        ("def Mine(lr, momentum, weight_decay): 1 / 0\n", "ZeroDivisionError: division by zero"),
    ],
)  # fmt: skip
def test_what_is_no_optimizer(asked, source, words):
    with pytest.raises(TargetError) as caught:
        asked(source=source)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise RuntimeError('no\\nway')", "RuntimeError: no"),
        ("input('which device? ')", "EOFError: EOF when reading a line"),
        ("sys.exit(3)", "SystemExit: 3"),
    ],
)
def test_a_constructor_that_fails_is_told_for_its_case(asked, body, words):
    result = asked(body=body)
    assert (result.status, result.message) == ("error", words)


def test_one_that_ends_the_process(asked):
    assert asked(body="os._exit(4)").message == "its process ended with status 4"


@pytest.mark.parametrize("body", ["print('loud' * 10_000)", "os.system('echo loud')", "os.fork()"])
def test_one_that_prints_or_forks_is_judged_as_any_other(asked, body, capfd):
    """A child that comes back from the constructor answers nothing in its parent's place."""
    signature, body = "lr, momentum, weight_decay", f"{body}; self.other = momentum"
    assert asked(signature, body).status == "ok"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("def step(self):", "def step(self, closure):"),
         "TypeError: SGDW.step needs closure: a case has gradients, and no loss to evaluate"),
        (("self.lr", "self.speed"),
         "TypeError: SGDW has no learning rate that a schedule could set: its groups have nothing; "
         "--word NAME=learning_rate says which one is"),
    ],
)  # fmt: skip
def test_a_step_that_cannot_be_made(asked, change, words):
    result = asked(source=shared.PROTOCOL.replace(*change), name="SGDW")
    assert (result.status, result.message) == ("error", words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("wd", "--word wd: expected THEIRS=OURS, as wdecay=weight_decay"),
        ("w d=eps", "--word w d=eps: expected THEIRS=OURS"),
        ("wd=", "--word wd=: expected THEIRS=OURS"),
        ("wd=decay", "--word wd=decay: no hyperparameter 'decay'; there are learning_rate, mom"),
    ],
)
def test_flags_that_cannot_be(text, words):
    with pytest.raises(ValueError, match="--word") as caught:
        word(text)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["torch:AdamW", "--claim", "adamw", "--word", "lr=learning_rate"],
         "the adapter torch knows its words: no --word"),
        (["x.py:f", "--claim", "adamw", "--word", "lr"], "--word lr: expected THEIRS=OURS"),
        (["x.py:f", "--claim", "adamw", "--option", "lr"], "'lr' is no option=value"),
    ],
)  # fmt: skip
def test_on_the_command_line(arguments, words):
    result = CliRunner().invoke(check, arguments, standalone_mode=False)
    assert words in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_function_of_a_case_takes_no_options(tmp_path):
    file = tmp_path / "my.py"
    file.write_text("def run(case): return case.grads\n")
    arguments = [f"{file}:run[eps=1]", "--claim", "sgd", "--dtype", "float32"]
    result = CliRunner().invoke(check, arguments, standalone_mode=False)
    assert "run is a function of a case: it takes no eps" in result.stderr


def test_what_a_class_is_is_found_without_a_claim(tmp_path):
    """A first guess whose words it lacks does not end the search."""
    file = tmp_path / "my_optim.py"
    file.write_text(shared.SGD)
    arguments = [f"{file}:Momentum", "--dtype", "float32"]
    result = CliRunner().invoke(identify, arguments, standalone_mode=False)
    assert result.exception is None, result.stderr
    assert "g ← ∇f(θ) + λ θ" in result.stdout
    assert "m ← β1 m + g" in result.stdout
