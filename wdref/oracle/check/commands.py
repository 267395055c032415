"""The oracle's commands: ``wdref check`` and ``wdref identify``."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from ...cli import emit_json, fail, need
from ...conventions import CLAIMS, CONVENTIONS
from ..vectors.commands import check_outputs
from .dtypes import DTYPES
from .files import files, keep
from .grading import add_grade, graded, of_outputs, print_grade, rubric_for


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that every command about a target takes."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout."),
        click.option("--traceback", is_flag=True, help="Show the target's own tracebacks."),
        click.option("--python", default=None, help="Interpreter to run the target in."),
        click.option(
            "--timeout",
            type=click.FloatRange(min=0.0, min_open=True),
            default=120.0,
            show_default=True,
            help="Seconds for all cases.",
        ),
        click.option(
            "--dtype",
            type=click.Choice(list(DTYPES)),
            default="full",
            show_default=True,
            help="Dtypes of parameters and gradients; full: float64 and float32.",
        ),
        click.option(
            "--memory",
            type=click.FloatRange(min=0.0, min_open=True),
            default=8.0,
            show_default=True,
            help="GiB that the target may allocate.",
        ),
        click.option("--word", "words", multiple=True, metavar="THEIRS=OURS",
                     help="Which hyperparameter a constructor's parameter is: "
                     "wdecay=weight_decay, pair=beta1,beta2."),
        click.option("--option", "options", multiple=True, metavar="NAME=VALUE",
                     help="An argument that every object gets, as TARGET[NAME=VALUE]."),
    ):  # fmt: skip
        command = option(command)
    return command


@click.command()
@click.argument("target")
@click.option("--claim", required=True, help=f"What it is said to be: {', '.join(CLAIMS)}; options "
              "of the rule as in sgd[nesterov=True], adam[amsgrad=raw].")  # fmt: skip
@click.option("--convention", default="paper", show_default=True,
              help=f"Whose meaning of the hyperparameters: {', '.join(CONVENTIONS)}.")  # fmt: skip
@click.option("--views", is_flag=True, help="Also tensors that are strided or misaligned views.")
@click.option("--against", default=None, metavar="TARGET2",
              help="Compare with this target, on another device say.")  # fmt: skip
@files
@graded
@_options
def check(
    target: str, claim: str, convention: str, views: bool, against: str | None, as_json: bool,
    **settings: Any,
) -> int:  # fmt: skip
    """Does TARGET conform to the claim?

    TARGET is adapter:optimizer (torch:AdamW[fused=True], sklearn:Adam, loopback:AdamW),
    path/to/file.py:NAME or package.module:NAME, where NAME is an optimizer's class, a factory of
    one or a function run(case), or a JSON file of outputs for exported vectors.
    """
    document: dict[str, Any] = {
        "target": target, "claim": claim, "convention": convention, "dtype": settings["dtype"],
        "verdict": "error", "worst_ratio": None, "cases": [], "identified": None,
        "findings": [], "primitives": {}, "diagnosis": [],
    }  # fmt: skip
    keep(document)
    if target.endswith(".json"):
        document["dtype"] = None
        return check_outputs(Path(target), claim, convention, as_json,
                             also=of_outputs(document, as_json))  # fmt: skip
    printed = document if as_json else None
    need("flint", "oracle", printed)
    from ..report.show import print_check
    from . import ask

    with _refusing(printed, settings) as where:
        _known(claim, convention)
        rubric = rubric_for(ask.claimed(claim, convention), printed)
        report = ask.check(target, claim=claim, convention=convention, views=views,
                           against=against, **where)  # fmt: skip
    document |= report.document
    add_grade(document, rubric, report)
    if as_json:
        emit_json(document)
    else:
        print_check(document, report.diagnosis)
        print_grade(document)
    if "error" not in document:
        return 0 if report.conforms else 1
    if settings["traceback"]:
        click.echo(report.failed.traceback, err=True)
    return fail(document["error"])


@click.command()
@click.argument("target")
@click.option("--claim", default=None, help="What it is said to be: bugs are named as changes "
              "from it.")  # fmt: skip
@click.option("--convention", default="pytorch", show_default=True, help="Of the claim.")
@_options
def identify(
    target: str, claim: str | None, convention: str, as_json: bool, **settings: Any
) -> int:
    """What is TARGET: which rule, in which dialect, and which known bug?"""
    document: dict[str, Any] = {"target": target, "match": None, "residual": None,
                                "runner_up": None, "known_bug": None, "also": [],
                                "but": None, "diagnosis": []}  # fmt: skip
    printed = document if as_json else None
    need("flint", "oracle", printed)
    from ..report.show import print_identity
    from . import ask

    with _refusing(printed, settings) as where:
        if claim is not None:
            _known(claim, convention)
        answer = ask.identify(target, claim=claim, convention=convention, **where)
    if as_json:
        emit_json(answer.document)
    else:
        print_identity(answer.identity, target)
    return 0 if answer.certain else 1


def _known(claim: str, convention: str) -> None:
    from .ask import claimed

    try:
        claimed(claim, convention)
    except ValueError as error:
        raise ValueError(f"--claim {claim}: {error}") from None


@contextmanager
def _refusing(
    document: dict[str, Any] | None, settings: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield where the target runs; what cannot be asked is said in one line, with status 2."""
    from rich.console import Console
    from rich.text import Text

    from ..targets.targets import TargetError

    def waiting(text: str) -> Any:
        return Console(stderr=True).status(Text(text))  # a name in brackets is no markup

    traceback = settings.pop("traceback")
    try:
        yield {**settings, **_given(settings), "waiting": waiting}
    except (TargetError, ValueError, OSError) as error:
        if traceback and isinstance(error, TargetError):
            click.echo(error.traceback, err=True)
        fail(str(error), document)
    finally:
        settings["traceback"] = traceback


def _given(settings: dict[str, Any]) -> dict[str, Any]:
    """The words and the options of a constructor, as `ask` takes them."""
    from ..targets.pointing import word
    from ..targets.targets import TargetError, parse_options

    try:
        read = [parse_options(f"option[{text}]")[1] for text in settings["options"]]
    except TargetError as error:
        words = str(error).replace("'option[", "--option '").replace("]'", "'")
        raise TargetError(words) from None
    options = {name: value for each in read for name, value in each.items()}
    return {"words": dict(map(word, settings["words"])), "options": options}
