"""The oracle's commands: ``wdref check`` and ``wdref identify``."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ...cli import emit_json, fail, need
from ...conventions import CLAIMS, CONVENTIONS, dialect
from ..vectors.commands import check_outputs
from .files import files, keep
from .grading import add_grade, graded, of_outputs, print_grade, rubric_for

if TYPE_CHECKING:
    from ...rules.contract import Dialect
    from ..cases.case import Case
    from ..identify.identify import Identity
    from ..targets.targets import Result

DTYPES = {
    "full": ("float64", "float32"),
    "half": ("float16", "bfloat16"),
    "all": ("float64", "float32", "float16", "bfloat16"),
}
DTYPES |= {name: (name,) for name in DTYPES["all"]}


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
    ):
        command = option(command)
    return command


@click.command()
@click.argument("target")
@click.option("--claim", required=True, help=f"What it is said to be: {', '.join(CLAIMS)}; options "
              "of the rule as in sgd[nesterov=True], adam[amsgrad=raw].")  # fmt: skip
@click.option("--convention", default="paper", show_default=True,
              help=f"Whose meaning of the hyperparameters: {', '.join(CONVENTIONS)}.")  # fmt: skip
@click.option("--views", is_flag=True, help="Also tensors that are strided or misaligned views.")
@files
@graded
@_options
def check(
    target: str, claim: str, convention: str, views: bool, as_json: bool, **settings: Any
) -> int:
    """Does TARGET conform to the claim?

    TARGET is adapter:optimizer (torch:AdamW[fused=True], sklearn:Adam, loopback:AdamW),
    path/to/file.py:function, package.module:function, or a JSON file of outputs for exported
    vectors.
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
    from ..cases.suite import cases as suite
    from ..identify.diagnosis import diagnose
    from ..judge.verdict import worst_ratio
    from ..report.show import print_check

    found = _claim(claim, convention, printed)
    rubric = rubric_for(found, printed)
    table = partial(suite, with_views=views)
    cases, results, primitives = _run(target, claim, found, table, printed, **settings)
    diagnosis = diagnose(found, cases, results, primitives)
    verdicts = diagnosis.verdicts
    document |= {"verdict": diagnosis.verdict, "worst_ratio": worst_ratio(verdicts)}
    document["cases"] = [vars(v) for v in verdicts]
    document["findings"] = [v.finding for v in verdicts if v.finding]
    document["primitives"] = primitives
    document["identified"] = diagnosis.identity and diagnosis.identity.as_json()
    document["diagnosis"] = diagnosis.lines()
    add_grade(document, rubric, found, cases, results, diagnosis, primitives)
    failed = next((i for i, v in enumerate(verdicts) if v.verdict == document["verdict"]), 0)
    if document["verdict"] in ("error", "timeout", "unsupported"):
        one = verdicts[failed]
        document["error"] = f"{target}: {one.verdict} in case {one.id}: {one.message}"
    if as_json:
        emit_json(document)
    else:
        print_check(document, diagnosis)
        print_grade(document)
    return _status(document, results[failed], settings["traceback"])


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
    from ..cases.suite import cases as suite
    from ..identify.diagnosis import said
    from ..identify.identify import identify as find
    from ..report.show import print_identity
    from .guesses import usual

    named = None if claim is None else _claim(claim, convention, printed)
    answers: list[Identity] = []
    ran: list[Result] = []

    def tried(guess: tuple[str, str]) -> bool:
        found = _claim(*guess, printed)
        cases, results, measured = _run(target, guess[0], found, suite, printed, **settings)
        identity = find(cases, results, found.family, claim=named, measured=measured)
        answers.extend([identity] if identity else [])
        ran.extend(results)
        return identity is not None and identity.named

    if not any(map(tried, usual() if claim is None else [(claim, convention)])) and claim is None:
        likely = _likely(target, printed, settings)
        if likely:
            tried(likely)
    if not answers:
        return _no_result(target, printed, ran, settings["traceback"])
    best = min(answers, key=lambda a: (not a.named, a.nearest.residual))
    document |= best.as_json() | {"diagnosis": said(best)}
    if as_json:
        emit_json(document)
    else:
        print_identity(best, target)
    return 0 if best.certified else 1


def _likely(
    target: str, document: dict[str, Any] | None, settings: dict[str, Any]
) -> tuple[str, str] | None:
    """Return a claim of another family that the target fits on the probing cases, if there is."""
    from ..cases.suite import regimes
    from ..identify.identify import identify as find
    from ..identify.ranking import PROBES
    from .guesses import others

    families = [[(guess, _claim(*guess, document)) for guess in guesses] for guesses in others()]
    pairs = [pair for family in families for pair in family]

    def probes(_: str, __: Any, dtype: str) -> list[Any]:
        return [case for (claim, _), rule in pairs for case in regimes(claim, rule, dtype)
                if case.id.partition("/")[0] in PROBES]  # fmt: skip

    cases, results, _ = _run(target, "", None, probes, document, **settings)
    for guess, rule in pairs:
        mine = [(c, r) for c, r in zip(cases, results, strict=True)
                if (c.rule, tuple(c.hyper)) == (guess[0], rule.hyper)]  # fmt: skip
        identity = find([c for c, _ in mine], [r for _, r in mine], rule.family)
        if identity and identity.named:
            return guess
    return None


def _claim(claim: str, convention: str, document: dict[str, Any] | None) -> "Dialect":
    from ..targets.targets import TargetError, parse_options

    try:
        name, answers = parse_options(claim)
        return dialect(name, convention, **answers)
    except (ValueError, TargetError) as error:
        fail(f"--claim {claim}: {error}", document)


def _run(
    target: str, claim: str, found: "Dialect | None", suite: Callable[..., Any],
    document: dict[str, Any] | None, *, dtype: str, timeout: float, memory: float,
    python: str | None, traceback: bool,
) -> "tuple[Sequence[Case], Sequence[Result], dict[str, Any]]":  # fmt: skip
    """Run the target on the suite, the enclosures of `found` computed meanwhile."""
    import sys

    from rich.console import Console
    from rich.text import Text

    from ..judge.enclosure import enclose
    from ..judge.verdict import arithmetic_in, primitives_in
    from ..targets.targets import TargetError, parse, parse_options, start

    rule = parse_options(claim)[0] if claim else ""
    cases = [case for each in DTYPES[dtype] for case in suite(rule, found, each)]
    shown = Text(f"{target}: {len(cases)} cases")  # a name in brackets is no markup
    try:
        parsed = parse(target, elsewhere=python is not None)
        with (
            start(
                parsed, cases, timeout=timeout, memory=memory, python=python or sys.executable
            ) as running,
            Console(stderr=True).status(shown),
        ):
            measured = running.measured()
            for case in cases if found is not None else ():
                arithmetic = arithmetic_in(case.dtype, primitives_in(case.dtype, measured))
                for part in case.parts():
                    enclose(found, part, arithmetic=arithmetic)
            return cases, *running.answers()
    except (TargetError, OSError) as error:
        if traceback and isinstance(error, TargetError):
            click.echo(error.traceback, err=True)
        fail(str(error), document)


def _status(document: dict[str, Any], failed: "Result", traceback: bool) -> int:
    if "error" not in document:
        return 0 if document["verdict"] == "conforms" else 1
    if traceback:
        click.echo(failed.traceback, err=True)
    return fail(document["error"])


def _no_result(
    target: str, document: dict[str, Any] | None, results: "Sequence[Result]", traceback: bool
) -> int:
    # of the first family that was tried: another's hyperparameters the target need not know
    said = [r.message for r in sorted(results, key=lambda r: r.status != "error") if r.message]
    none = any(r.status == "ok" for r in results) or not said
    message = "no probe gave a finite result" if none else said[0]
    if traceback:
        click.echo(next((r.traceback for r in results if r.traceback), ""), err=True)
    return fail(f"{target}: nothing to identify: {message}", document)
