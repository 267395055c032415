"""The oracle's commands: ``wdref check`` and ``wdref identify``."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from ..cli import emit_json, fail, need
from ..conventions import CLAIMS, CONVENTIONS, dialect

if TYPE_CHECKING:
    from ..dialects import Dialect
    from .cases import Case
    from .identify import Identity
    from .targets import Result
    from .verdict import CaseVerdict

DTYPES = ("float64", "float32")


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
            type=click.Choice([*DTYPES, "all"]),
            default="all",
            show_default=True,
            help="Dtype of parameters and gradients.",
        ),
    ):
        command = option(command)
    return command


@click.command()
@click.argument("target")
@click.option("--claim", required=True, help=f"What it is said to be: {', '.join(CLAIMS)}; options "
              "of the rule as in sgd[nesterov=True], adam[amsgrad=raw].")  # fmt: skip
@click.option("--convention", default="paper", show_default=True,
              help=f"Whose meaning of the hyperparameters: {', '.join(CONVENTIONS)}.")  # fmt: skip
@_options
def check(target: str, claim: str, convention: str, as_json: bool, **settings: Any) -> int:
    """Does TARGET conform to the claim?

    TARGET is adapter:optimizer (torch:AdamW[fused=True], sklearn:Adam, loopback:AdamW),
    path/to/file.py:function or package.module:function.
    """
    document: dict[str, Any] = {
        "target": target, "claim": claim, "convention": convention, "dtype": settings["dtype"],
        "verdict": "error", "worst_ratio": None, "cases": [], "identified": None,
    }  # fmt: skip
    printed = document if as_json else None
    need("flint", "oracle", printed)
    from .identify import identify as find
    from .verdict import judge, overall, worst_ratio

    found = _claim(claim, convention, printed)
    cases, results = _run(target, claim, found, printed, **settings)
    verdicts = [judge(found, case, result) for case, result in zip(cases, results, strict=True)]
    document |= {"verdict": overall(verdicts), "worst_ratio": worst_ratio(verdicts)}
    document["cases"] = [vars(v) for v in verdicts]
    identity = None
    if document["verdict"] in ("deviates", "imprecise"):
        identity = find(cases, results, found.family)
        document["identified"] = identity and identity.as_json()
    if as_json:
        emit_json(document)
    else:
        _print_check(document, verdicts, found, identity)
    return _status(document["verdict"], verdicts, target, results, settings["traceback"])


@click.command()
@click.argument("target")
@_options
def identify(target: str, as_json: bool, **settings: Any) -> int:
    """What is TARGET: which rule, in which dialect?"""
    document: dict[str, Any] = {"target": target, "match": None, "residual": None,
                                "runner_up": None, "known_bug": None, "also": []}  # fmt: skip
    printed = document if as_json else None
    need("flint", "oracle", printed)
    from .identify import identify as find

    answers: list[Identity] = []
    for claim, convention in (("adam", "pytorch"), ("sgd", "pytorch"), ("sgd", "paper")):
        found = dialect(claim, convention)
        cases, results = _run(target, claim, found, printed, **settings)
        identity = find(cases, results, found.family)
        answers += [identity] if identity else []
        if identity and identity.certified:
            break
    if not answers:
        return _no_result(target, printed, results, settings["traceback"])
    best = min(answers, key=lambda a: (not a.certified, a.nearest.residual))
    document |= best.as_json()
    if as_json:
        emit_json(document)
    else:
        _print_identity(best, target)
    return 0 if best.certified else 1


def _claim(claim: str, convention: str, document: dict[str, Any] | None) -> "Dialect":
    from .targets import TargetError, parse_options

    try:
        name, answers = parse_options(claim)
        return dialect(name, convention, **answers)
    except (ValueError, TargetError) as error:
        fail(f"--claim {claim}: {error}", document)


def _run(
    target: str, claim: str, found: "Dialect", document: dict[str, Any] | None, *, dtype: str,
    timeout: float, python: str | None, traceback: bool,
) -> "tuple[Sequence[Case], Sequence[Result]]":  # fmt: skip
    """Run the target on the suite, its enclosures computed meanwhile."""
    import sys

    from rich.console import Console
    from rich.text import Text

    from .cases import cases as suite
    from .enclosure import enclose
    from .targets import TargetError, parse, parse_options, start

    rule = parse_options(claim)[0]
    dtypes = DTYPES if dtype == "all" else (dtype,)
    cases = [case for each in dtypes for case in suite(rule, found, each)]
    shown = Text(f"{target}: {len(cases)} cases")  # a name in brackets is no markup
    try:
        parsed = parse(target, elsewhere=python is not None)
        with (
            start(parsed, cases, timeout=timeout, python=python or sys.executable) as running,
            Console(stderr=True).status(shown),
        ):
            for case in cases:
                enclose(found, case)
            return cases, running.results()
    except (TargetError, OSError) as error:
        if traceback and isinstance(error, TargetError):
            click.echo(error.traceback, err=True)
        fail(str(error), document)


def _status(
    verdict: str, verdicts: "Sequence[CaseVerdict]", target: str, results: "Sequence[Result]",
    traceback: bool,
) -> int:  # fmt: skip
    if verdict == "conforms":
        return 0
    if verdict not in ("error", "unsupported"):
        return 1
    first = next(i for i, v in enumerate(verdicts) if v.verdict == verdict)
    if traceback:
        click.echo(results[first].traceback, err=True)
    return fail(f"{target}: {verdict} in case {verdicts[first].id}: {verdicts[first].message}")


def _no_result(
    target: str, document: dict[str, Any] | None, results: "Sequence[Result]", traceback: bool
) -> int:
    message = next((r.message for r in results if r.message), "no probe gave a finite result")
    if traceback:
        click.echo(next((r.traceback for r in results if r.traceback), ""), err=True)
    return fail(f"{target}: nothing to identify: {message}", document)


def _print_check(
    document: dict[str, Any], verdicts: "Sequence[CaseVerdict]", found: "Dialect",
    identity: "Identity | None",
) -> None:  # fmt: skip
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    title = Text(f"{document['target']} as {document['convention']} {document['claim']}")
    table = Table(title=title)
    for name in ("case", "verdict", "ratio", "ulp", "step", "coordinate"):
        table.add_column(name, justify="left" if name in ("case", "verdict") else "right")
    for v in verdicts:
        numbers = ("" if x is None else f"{x:.3g}" for x in (v.ratio, v.ulp))
        places = ("" if x is None else str(x) for x in (v.step, v.coordinate))
        table.add_row(v.id, v.verdict, *numbers, *places)
    console = Console()
    console.print(table)
    console.print(
        "ratio: |got - exact| over what correct rounding allows; up to 4 conforms", style="dim"
    )
    worst = document["worst_ratio"]
    shown = "" if worst is None else f", worst ratio {worst:.3g}"
    console.print(f"[bold]{document['verdict']}[/bold]{shown}", highlight=False)
    if identity:
        _print_identity(identity, document["target"])


def _print_identity(identity: "Identity", target: str) -> None:
    from rich.console import Console

    from .identify import describe

    console = Console(highlight=False)
    found = describe(identity.nearest.dialect)
    word = "is" if identity.certified else "matches nothing known; the nearest is"
    names = f" ({', '.join(found['names'])})" if found["names"] else ""
    console.print(f"{target} {word}{names}:", markup=False)
    for line in found["recurrence"]:
        console.print(f"  {line}", markup=False)
    residual = f"residual {identity.nearest.residual:.2g}"
    if identity.runner_up:
        residual += f"; the next best dialect has {identity.runner_up.residual:.2g}"
    console.print(residual)
    for other in identity.also:
        console.print(f"also: {'; '.join(other.recurrence())}", markup=False)
