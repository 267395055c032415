"""``wdref landscape --table``: the twelve cells, measured on two problems."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from ..sweep.command import computed, explained, opened, stop, target

if TYPE_CHECKING:
    from .decoupling import Cell
    from .landscape import Found


def run_table(explain: bool, options: Mapping[str, Any]) -> int:
    """Measure every cell; status 1 where a prediction is outside its interval, or no slope is."""
    from ..sweep.storage import Store
    from .decoupling import cells, document, jobs_of

    if options["seeds"] < 2:
        stop(f"--seeds {options['seeds']}: an interval needs at least 2", options)
    planned = {cell: jobs_of(cell, options["seeds"]) for cell in cells()}
    if explain:
        return explained(planned, options)
    with ExitStack() as stack:
        figure, text = (target(stack, options, name) for name in ("figure", "markdown"))
        store = opened(Store, options)
        swept = computed([job for own in planned.values() for job in own], store, options)
        found = {cell: _measured(cell, [swept.results[job] for job in own], options)
                 for cell, own in planned.items()}  # fmt: skip
        told = [document(cell, one) for cell, one in found.items()]
        if figure:
            _draw(told, options, figure)
        if text:
            text.write_text(_markdown(told), encoding="utf-8")
    _show(told, options, swept.computed)
    return 0 if all(one["holds"] for one in told) else 1


def _measured(cell: "Cell", parts: Sequence[Any], options: Mapping[str, Any]) -> "Found":
    from .landscape import landscape

    return landscape(cell.method, parts, metric=options["metric"], level=options["level"])


def _draw(told: Sequence[Mapping[str, Any]], options: Mapping[str, Any], path: Any) -> None:
    from .decoupling import rows
    from .figure import save, table_figure

    metric, level = options["metric"].replace("_", " "), f"{options['level']:.0%}"
    note = f"{metric}, {options['seeds']} seeds; bars: {level} intervals of the slope"
    save(table_figure(rows(told), note), path, options["figure"].suffix[1:])


def _show(told: Sequence[Mapping[str, Any]], options: Mapping[str, Any], count: int) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from wdref.cli import emit_json

    if options["as_json"]:
        settings = {name: options[name] for name in ("metric", "seeds", "level")}
        emit_json({**settings, "optimizers": _by_name(told), "cells": told, "computed": count})
        return
    from .show import at_the_end, interval

    table = Table(title="d log λ* / d log α: predicted, and measured", title_justify="left",
                  box=SIMPLE_HEAD, padding=(0, 1, 0, 0))  # fmt: skip
    for name in ("weights", "problem", "method", "predicted", "measured", "holds"):
        table.add_column(name, no_wrap=True)
    for one in told:
        holds = {True: "yes", False: "[bold red]no[/bold red]"}.get(one["holds"], "–")
        table.add_row(one["kind"].split()[0], one["problem"], f"{one['optimizer']} {one['form']}",
                      f"{one['predicted']:+.0f}", interval(one["coupling"], one["interval"], 2),
                      holds)  # fmt: skip
    console = Console(highlight=False)
    console.print(table)
    for one in told:
        for note in filter(None, [one["edges"] and at_the_end(one), one["note"]]):
            console.print(f"{one['problem']}, {one['optimizer']} {one['form']}: {note}")


def _markdown(told: Sequence[Mapping[str, Any]]) -> str:
    from .show import interval, lines, place

    header = ["weights, problem", "method", "predicted", "measured", "holds", "lowest loss"]
    body = [[f"{one['kind'].split()[0]}, {one['problem']}", f"{one['optimizer']}, {one['form']}",
             f"{one['predicted']:+.0f}", interval(one["coupling"], one["interval"], 2),
             {True: "yes", False: "**no**"}.get(one["holds"], "no slope"), place(one)]
            for one in told]  # fmt: skip
    return "\n".join([*lines(header, body), ""])


def _by_name(told: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {f"{one['problem']} {one['optimizer']}:{one['form']}": one for one in told}
