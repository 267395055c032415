"""What landscapes show, as tables for the terminal."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .landscape import Found


def show(
    found: "Mapping[str, Found]",
    apart: Sequence[Mapping[str, Any]],
    settings: Mapping[str, Any],
    computed: int,
) -> None:
    """Print the slopes, the best of each grid, and how far these are apart."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from .landscape import ridge_and_best

    console, level = Console(highlight=False), f"{settings['level']:.0%}"
    table = Table(
        title=f"{settings['problem']}: {settings['steps']} updates, {settings['seeds']} seeds",
        title_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        caption=f"Slope: d log λ* / d log α of the {settings['metric'].replace('_', ' ')}, 0 is "
        "decoupled. Error at the best point: on the seeds that did not choose it. "
        f"In brackets: {level} intervals.",
    )
    for name in ("method", "slope", "angle", "best α", "best λ", "test error %"):
        table.add_column(name, justify="left" if name == "method" else "right", no_wrap=True)
    for name, one in found.items():
        slope, angle, *others = _cells(one)
        table.add_row(name, slope, angle.partition(" ")[0], *others)
    console.print(table)
    for name, one in found.items():
        if one.ridge.edges:
            console.print(f"{name}: {at_the_end(ridge_and_best(one))}", style="bold")
        if one.ridge.note:
            console.print(f"{name}: {one.ridge.note}", style="bold")
    for row in apart:
        low, high = row["interval"]
        sure = "" if low <= 0 <= high else ", so they differ"
        console.print(f"{row['one']} − {row['other']}: test error, points: {_points(row)}{sure}")
    console.print(f"{computed} jobs were computed.", style="dim")


def markdown(found: "Mapping[str, Found]", apart: Sequence[Mapping[str, Any]]) -> str:
    """Return the same as two tables."""
    from .landscape import ridge_and_best

    header = ["method", "slope", "angle", "best α", "best λ", "test error %", "lowest loss"]
    body = [[name, *_cells(one), place(ridge_and_best(one))] for name, one in found.items()]
    pairs = [[f"{row['one']} − {row['other']}", _points(row)] for row in apart]
    second = lines(["best of grid", "test error, points"], pairs)
    return "\n".join([*lines(header, body), "", *second, ""])


def at_the_end(one: Mapping[str, Any]) -> str:
    """Say at which ends of the grid the best point lies, and whether that may be chance."""
    where = " and the ".join(one["edges"])
    compared = one["inside"]
    if compared is None:
        return f"the best lies at the {where} of the grid"
    verdict = "which may be chance" if compared["as_good"] else "widen the grid"
    loss = interval(compared["difference"], compared["interval"], 3)
    return f"the best lies at the {where} of the grid; inside it is worse by {loss}: {verdict}"


def place(one: Mapping[str, Any]) -> str:
    """Say the same in a word or two.

    >>> place({"edges": [], "inside": None})
    'inside'
    """
    if not one["edges"]:
        return "inside"
    chance = one["inside"] and one["inside"]["as_good"]
    return " and ".join(one["edges"]).replace("_", " ") + (", or inside" if chance else "")


def lines(header: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return [f"| {' | '.join(row)} |" for row in (header, rule, *body)]


def _points(row: Mapping[str, Any]) -> str:
    low, high = (100 * x for x in row["interval"])
    return f"{100 * row['difference']:+.2f} [{low:+.2f}, {high:+.2f}]"


def _cells(one: "Found") -> list[str]:
    own, best = one.ridge, one.best
    cells = [interval(own.slope, own.interval, 2), interval(own.angle, own.angle_interval, 0, "°")]
    if best is None:
        return [*cells, "–", "–", "–"]
    error = interval(100 * best.error, [100 * x for x in best.interval], 1)
    return [*cells, f"{best.learning_rate:.2g}", f"{best.weight_decay:.2g}", error]


def interval(value: float | None, ends: Sequence[float] | None, digits: int, unit: str = "") -> str:
    """Return a number and its interval.

    >>> interval(-0.984, (-1.1, -0.87), 2), interval(None, None, 2)
    ('-0.98 [-1.10, -0.87]', '–')
    """
    if value is None or ends is None:
        return "–"
    low, high = ends
    return f"{value:.{digits}f}{unit} [{low:.{digits}f}, {high:.{digits}f}]"
