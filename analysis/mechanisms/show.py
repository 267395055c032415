"""The slopes and the courses as tables: on a terminal, and as Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..theory.show import credit
from ..theory.show import table as as_markdown
from .mechanisms import Slope
from .parts import TITLES

COURSES = ("problem", "rule", "test error %", "share at start", "share at end", "angle at start",
           "angle at end", "norm at end")  # fmt: skip
WORDS = {"decay": "d", "step": "u",
         "denominator": "√v̂ + ε", "sigma": "σ"}  # fmt: skip


def print_slopes(found: Sequence[Slope], document: Mapping[str, Any]) -> None:
    """Print both tables."""
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    for title, head, rows in (
        ("Log-log slopes, 99.9 % intervals, predictions", *slope_table(found)),
        ("Digits: means over starts; share, angle and norm of the second layer", COURSES,
         course_rows(document)),
    ):  # fmt: skip
        table = Table(title=title)
        for i, name in enumerate(head):
            table.add_column(name, justify="left" if i == 0 else "right")
        for row in rows:
            table.add_row(*row, style="bold red" if any("NOT" in cell for cell in row) else "")
        console.print(table)
    words = "d: effective decay; u: the gradient's own step; λ|θ|: size of the L2 term"
    console.print(words, style="dim")


def markdown(found: Sequence[Slope], document: Mapping[str, Any]) -> str:
    """Return both tables, under the command that made them."""
    return "\n".join([
        credit(document["made_by"]), "", *as_markdown(*slope_table(found)), "",
        "d is the effective decay, u the gradient's own step; in brackets what is predicted.", "",
        *as_markdown(COURSES, course_rows(document)),
    ])  # fmt: skip


def slope_table(found: Sequence[Slope]) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the slopes: a row a rule, a column a slope, with what was predicted."""
    columns = list(dict.fromkeys((x.measure, x.against, x.where) for x in found))
    head = [f"{WORDS[measure]} in {WORDS[against]}, {where}" for measure, against, where in columns]
    rows = []
    for rule in dict.fromkeys(x.method for x in found):
        own = {(x.measure, x.against, x.where): x for x in found if x.method == rule}
        rows.append([TITLES[rule], *(_cell(own[key]) if key in own else "" for key in columns)])
    return ["rule", *head], rows


def _cell(x: Slope) -> str:
    answer = f"({x.predicted:g})" if x.holds else f"NOT {x.predicted:g}"
    return f"{_round(x.slope)} ± {(x.high - x.low) / 2:.1g} {answer}"


def course_rows(document: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A row a problem and rule, as text."""
    return [
        (row["problem"], TITLES[row["rule"]], f"{row['error']:.1f} ± {row['error_half']:.1f}",
         *(f"{row[name][end]:.2g}" for name in ("share", "angle") for end in (0, 1)),
         f"{row['norm'][1]:.3g}")
        for row in document["network"]
    ]  # fmt: skip


def _round(x: float) -> str:
    return f"{round(x, 4) + 0.0:g}"  # + 0.0: no -0
