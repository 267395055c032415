"""The command ``wdref convert``: a training in the words of another program."""

import ast
from collections.abc import Mapping
from typing import Any

import click

from .. import schedules
from ..cli import emit_json, fail
from ..common.checks import literal
from .conversions import Conversion, NoConversion
from .conversions import convert as find


@click.command()
@click.argument("claim")
@click.argument("hyper", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("--from", "source", required=True, metavar="PROGRAM", help="Whose words are given.")
@click.option("--to", "target", required=True, metavar="PROGRAM", help="Whose words are wanted.")
@click.option("--schedule", metavar="CALL", help="The multiplier of the learning rate, one of "
              "wdref.schedules: 'cosine(100)', 'warm_restarts(10, 2)'.")  # fmt: skip
@click.option("--varying", is_flag=True, help="Allow hyperparameters that change at each step.")
@click.option("--steps", type=click.IntRange(1, 10**6), default=10, show_default=True,
              help="How many values to print of what changes.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def convert(
    claim: str, hyper: tuple[str, ...], source: str, target: str, schedule: str | None,
    varying: bool, steps: int, as_json: bool,
) -> int:  # fmt: skip
    """Write a training in the words of another program.

    CLAIM is a rule: sgd, sgdw, adam, adamw, …. NAME is a hyperparameter in the words of --from, or
    in wdref's; what is not given has the default of that program. Exit status: 0 the
    conversion is exact, 1 it is not, or there is none.
    """
    head = {"claim": claim, "from": source, "to": target}
    try:
        given = dict(_pair(text) for text in hyper)
        eta = None if schedule is None else _schedule(schedule)
        found = find(claim, source, target, schedule=eta, varying=varying, **given)
        document = {**head, **_document(found, steps)}
    except NoConversion as reason:
        found, document = None, {**head, "hyper": None, "exact": False, "note": str(reason)}
    except (ValueError, TypeError) as error:
        fail(str(error), {**head, "hyper": None, "exact": False, "note": ""} if as_json else None)
    if as_json:
        emit_json(document)
    else:
        _print(document)
    return 0 if found is not None and found.exact else 1


def _pair(text: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    if not sign:
        raise ValueError(f"{text!r}: expected NAME=VALUE")
    words = {"true": "True", "false": "False"}
    try:
        return name.replace("-", "_"), literal(words.get(value.lower(), value))
    except ValueError:
        raise ValueError(f"{text}: expected a number, a pair of numbers, true or false") from None


def _schedule(text: str) -> schedules.Schedule:
    """Evaluate one call of wdref.schedules with literal arguments."""
    known = ("constant", "cosine", "step_drop", "warm_restarts", "warm_up")
    try:
        call = ast.parse(text.strip(), mode="eval").body
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
            raise ValueError("no call")
        args = [ast.literal_eval(arg) for arg in call.args]
        options = {k.arg: ast.literal_eval(k.value) for k in call.keywords if k.arg}
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise ValueError(f"--schedule {text!r}: expected a call like 'cosine(100)'") from None
    if call.func.id not in known:
        raise ValueError(f"--schedule {text!r}: expected one of {', '.join(known)}")
    made: schedules.Schedule = getattr(schedules, call.func.id)(*args, **options)
    return made


def _document(found: Conversion, steps: int) -> dict[str, Any]:
    """What JSON says: functions of t as lists of their first values."""
    times = range(1, steps + 1)
    constant = isinstance(found.schedule, schedules.Constant)
    return {
        "hyper": {name: _listed(value, times) for name, value in found.hyper.items()},
        "exact": found.exact,
        "note": found.note,
        "line": found.line,
        "schedule": found.schedule(1) if constant else _listed(found.schedule, times),
        "error": {str(t): found.error(t) for t in (1, 10, 100, 1000)},
    }


def _listed(value: Any, times: range) -> Any:
    return [value(t) for t in times] if callable(value) else value


def _print(document: Mapping[str, Any]) -> None:
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    if document["hyper"] is None:
        console.print("[bold red]none[/bold red]", end=": ")
        console.out(document["note"])
        return
    console.out(document["line"], highlight=False)
    for name, value in document["hyper"].items():
        if isinstance(value, list):
            shown = ", ".join(f"{x:g}" for x in value)
            console.out(f"  {name} at t=1, 2, …: {shown}")
    style, word = ("green", "exact") if document["exact"] else ("yellow", "not exact")
    console.print(f"[{style}]{word}[/{style}]", end=": ")
    console.out(document["note"])
