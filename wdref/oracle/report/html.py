"""Answers as HTML: what a notebook shows of a report. It stands alone, with styles of its own."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from ..identify.diagnosis import Diagnosis
from .asked import not_asked
from .show import CAPTION, HEADER, rows, title_of

COLORS = {"conforms": "#1a7f37", "deviates": "#cf222e", "error": "#cf222e", "timeout": "#cf222e"}
OTHER = "#9a6700"


def check_html(document: dict[str, Any], diagnosis: Diagnosis) -> str:
    """Return a verdict with its diagnosis, and the table of all cases folded below."""
    verdicts = diagnosis.verdicts
    title = title_of(document)
    worst = document["worst_ratio"]
    ratio = "" if worst is None else f", worst ratio {worst:.3g}"
    color = COLORS.get(document["verdict"], OTHER)
    refused = not_asked(verdicts)
    return _box(
        f"<b>{escape(title)}</b>: <b style='color:{color}'>{escape(document['verdict'])}</b>"
        f"{ratio}{'; ' + escape(refused) if refused else ''}",
        diagnosis.lines(),
        f"<details><summary>{len(verdicts)} cases</summary>{_table(rows(verdicts))}"
        f"<small>{escape(CAPTION)}</small></details>",
    )


def lines_html(target: str, lines: Sequence[str]) -> str:
    """Return what a target is, in lines."""
    return _box(f"<b>{escape(target)}</b>", lines, "")


def _box(head: str, lines: Iterable[str], rest: str) -> str:
    text = "\n".join(escape(line) for line in lines if not line.startswith("unsupported: "))
    shown = f"<pre style='white-space:pre-wrap'>{text}</pre>" if text else ""
    return f"<div class='wdref'><p>{head}</p>{shown}{rest}</div>"


def _table(table: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in HEADER)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in table
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
