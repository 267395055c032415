"""Why a row of the matrix does not conform: texts in one file, by row and verdict."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Explanation:
    """Rows that have one cause: their verdict, the cause in one line, the text, and a source."""

    rows: tuple[str, ...]
    verdict: str
    title: str
    text: str
    source: str = ""


@cache
def explanations() -> tuple[Explanation, ...]:
    """Return all of them, in the order of the file."""
    text = (files(__package__) / "explanations.json").read_text("utf-8")
    return tuple(Explanation(**{**one, "rows": tuple(one["rows"])}) for one in json.loads(text))


def explain(row: str, verdict: str) -> list[Explanation]:
    """Return what explains that `row`, a TARGET, has the `verdict`."""
    return [e for e in explanations() if row in e.rows and verdict == e.verdict]
