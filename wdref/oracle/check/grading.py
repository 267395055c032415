"""``wdref check --grade``: its options, and what they add to the document and the table."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from ...cli import fail

if TYPE_CHECKING:
    from ..vectors.outputs import Judgement
    from .report import Report

KEPT = f"{__name__}.rubric"


def graded(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of grading; `rubric_for` and `add_grade` read them."""
    for option in (
        click.option("--accept", multiple=True, metavar="QUESTION[=ANSWER]", expose_value=False,
                     callback=_remember, help="Another answer that has its points too, or any: "
                     "order, eps=hat. With --grade."),
        click.option("--points", multiple=True, metavar="QUESTION=N,…", expose_value=False,
                     callback=_remember, help="What a question is worth, 1 unless said; 0 leaves "
                     "it out. With --grade."),
        click.option("--grade", is_flag=True, expose_value=False, callback=_remember,
                     help="Points for each question that the claim answers, with a note."),
    ):  # fmt: skip
        command = option(command)
    return command


def _remember(context: click.Context, option: click.Parameter, value: Any) -> None:
    context.meta.setdefault(KEPT, {})[option.name] = value


def rubric_for(claim: Any, document: dict[str, Any] | None) -> Any:
    """Return the rubric that was asked for, or None; a bad one ends the command."""
    asked = click.get_current_context().meta.get(KEPT, {})
    points, accept = asked.get("points", ()), asked.get("accept", ())
    if not asked.get("grade"):
        if points or accept:
            fail(f"--{'points' if points else 'accept'} is for --grade", document)
        return None
    from ..grade.rubric import rubric

    try:
        return rubric(claim, points, accept)
    except ValueError as error:
        return fail(str(error), document)


def add_grade(document: dict[str, Any], rubric: Any, report: "Report") -> None:
    """Add the key ``grade`` to the document, where a rubric was asked for."""
    if rubric is None:
        return
    from ..grade.grade import grade
    from .ask import claimed

    claim = claimed(report.claim, report.convention)
    found = grade(claim, report.cases, report.results, report.diagnosis, report.primitives,
                  rubric=rubric)  # fmt: skip
    document["grade"] = found.as_json()


def of_outputs(document: dict[str, Any], as_json: bool) -> "Callable[[Judgement], dict[str, Any]]":
    """Return what makes the document of a file of outputs, graded where that was asked for."""

    def made(judged: "Judgement") -> dict[str, Any]:
        document.update(judged.as_json())
        outputs = judged.outputs
        rubric = rubric_for(outputs.dialect, document if as_json else None)
        if rubric is not None:
            from ..grade.grade import grade

            found = grade(outputs.dialect, outputs.cases, outputs.results, judged.diagnosis,
                          rubric=rubric)  # fmt: skip
            document["grade"] = found.as_json()
        if not as_json:
            print_grade(document)
        return document

    return made


def print_grade(document: dict[str, Any]) -> None:
    """Print a row a question and the sum, where there is a grade."""
    if "grade" not in document:
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    found = document["grade"]
    total = f"{found['points']:g} of {found['of']:g} points"
    table = Table(title=Text(f"{document['target']}: {total}"))
    for name in ("question", "points", "note"):
        table.add_column(name, justify="right" if name == "points" else "left")
    for mark in found["questions"]:
        points = f"{mark['points']:g} of {mark['of']:g}"
        name = mark["id"] if mark["title"] == mark["id"] else f"{mark['id']}: {mark['title']}"
        table.add_row(name, points, Text(mark["note"]))
    Console(highlight=False).print(table)
