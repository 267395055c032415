"""The command ``wdref claims``."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..sweep.command import computed, explained, needed, opened, option, runs_jobs, stop, target

if TYPE_CHECKING:
    from .claims import Claim, Plan

EMPTY: dict[str, Any] = {"claims": []}


@click.command()
@click.option("--problem", default="digits", show_default=True, metavar="NAME",
              help="What is trained.")  # fmt: skip
@click.option("--option", "options", multiple=True, metavar="NAME=VALUE", show_default=True,
              default=["label_noise=0.3"], help="Of the problem; may be repeated.")  # fmt: skip
@click.option("--seeds", default=8, show_default=True, metavar="N",
              help="Runs of each setting; half choose, half judge.")  # fmt: skip
@click.option("--steps", default=1000, show_default=True, metavar="N", help="Updates of each run.")
@click.option("--level", default=0.95, show_default=True, help="Of the intervals.")
@runs_jobs
@click.option("--figure", metavar="FILE", type=Path, help="Draw them: .svg, .png or .pdf.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def claims(explain: bool, **options: Any) -> int:
    """Do the paper's other claims show here: Figures 3 and 4, the normalised decay?

    Exit status 0 where each shows, 1 where one does not or cannot be decided.
    """
    options["empty"] = EMPTY
    needed(options)
    plan = _plan(options)
    if explain:
        return explained({**plan.grids(), **plan.budgets()}, options)
    with ExitStack() as stack:
        figure = target(stack, options)
        told, drawn = _answers(plan, options)
        if figure:
            _draw(drawn, options, figure)
    _show(told, options)
    return 0 if all(one.holds for one in told) else 1


def _plan(options: Mapping[str, Any]) -> "Plan":
    from ..problems.problems import problem
    from .claims import Plan

    try:
        if options["seeds"] < 4:
            raise ValueError(f"--seeds {options['seeds']}: an interval needs at least 4, of which "
                             "half choose and half judge")  # fmt: skip
        own = dict(map(option, options["options"]))
        problem(options["problem"], **own)
        plan = Plan(options["problem"], tuple(own.items()), options["seeds"], options["steps"])
        plan.grids()
    except (ValueError, TypeError, OSError) as error:
        stop(str(error), options)
    return plan


def _answers(plan: "Plan", options: Mapping[str, Any]) -> tuple[list["Claim"], dict[str, Any]]:
    """Run the grids and the budgets, then the curves at the best points of the grids."""
    from ..sweep.storage import Store
    from .claims import anytime, budget, datasets, equal_training_loss, generalisation
    from .landscape import best

    store, level = opened(Store, options), options["level"]
    first, second = plan.grids(), plan.budgets()
    every = [job for own in (*first.values(), *second.values()) for job in own]
    results = computed(every, store, options).results
    grids, budgets = datasets(first, results), datasets(second, results)
    chosen = {name: best(one, level=level) for name, one in grids.items()}
    told = [generalisation(grids, level), equal_training_loss(grids, level)]
    curves: dict[str, Any] = {}
    known = {name: one for name, one in chosen.items() if one is not None}
    if len(known) == len(chosen):
        third = plan.curves(known)
        more = [job for own in third.values() for job in own]
        curves = datasets(third, computed(more, store, options).results)
        told.append(anytime(curves, level))
    claim, ridge = budget(budgets, level)
    drawn = {"grids": grids, "curves": curves, "budgets": budgets, "ridge": ridge}
    return [*told, claim], drawn


def _draw(drawn: Mapping[str, Any], options: Mapping[str, Any], path: Path) -> None:
    from .figure import save
    from .figure_claims import claims_figure

    own = ", ".join(options["options"])
    note = f"{options['problem']} ({own}), {options['steps']} updates, {options['seeds']} seeds"
    save(claims_figure(**drawn, note=note), path, options["figure"].suffix[1:])


def _show(told: "Sequence[Claim]", options: Mapping[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    from wdref.cli import emit_json

    from .show import interval

    if options["as_json"]:
        settings = {name: options[name] for name in ("problem", "seeds", "steps", "level")}
        emit_json({**settings, "options": dict(map(option, options["options"])),
                   "claims": list(map(asdict, told))})  # fmt: skip
        return
    table = Table(title=f"{options['problem']}, {options['seeds']} seeds", title_justify="left")
    for name in ("claim", "measured", "shows", "note"):
        table.add_column(name)
    for one in told:
        sign = {True: "[green]yes[/green]", False: "[bold red]no[/bold red]", None: "undecided"}
        table.add_row(one.statement, f"{interval(one.measured, one.interval, 2)} {one.unit}",
                      sign[one.holds], one.note)  # fmt: skip
    Console(highlight=False).print(table)
