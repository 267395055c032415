"""The command ``wdref landscape``."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..sweep.command import computed, explained, needed, opened, option, runs_jobs, stop, target

if TYPE_CHECKING:
    from ..sweep.jobs import Sweep
    from ..sweep.sweep import Job
    from .landscape import Found, Method


@click.command()
@click.option("--problem", default="digits-bn", show_default=True, metavar="NAME",
              help="What is trained; see docs/landscapes.md.")  # fmt: skip
@click.option("--option", "options", multiple=True, metavar="NAME=VALUE",
              help="An option of the problem, as in label_noise=0.3; may be repeated.")  # fmt: skip
@click.option("--optimizers", default="sgd,sgdw,adam,adamw", show_default=True, metavar="LIST",
              help="sgd, sgdw, adam, adamw; sgdw:lr and adamw:lr decay by ηαλ.")  # fmt: skip
@click.option("--schedules", default="fixed", show_default=True, metavar="LIST",
              help="fixed, steps, cosine, warm-restarts.")  # fmt: skip
@click.option("--seeds", default=5, show_default=True, metavar="N", help="Runs of each grid point.")
@click.option("--steps", default=2000, show_default=True, metavar="N", help="Updates of each run.")
@click.option("--batch", default=32, show_default=True, metavar="N", help="Of each update.")
@click.option("--learning-rates", metavar="LIST", help="Instead of each method's own grid.")
@click.option("--weight-decays", metavar="LIST", help="Instead of each method's own grid.")
@click.option("--metric", type=click.Choice(["test_loss", "test_error"]), default="test_loss",
              show_default=True, help="Whose ridge.")  # fmt: skip
@click.option("--level", default=0.95, show_default=True, help="Of the intervals.")
@click.option("--table", is_flag=True, help="Instead: the decoupling table, twelve cells.")
@runs_jobs
@click.option("--figure", metavar="FILE", type=Path, help="Draw it: .svg, .png or .pdf.")
@click.option("--markdown", metavar="FILE", type=Path, help="Write the table as Markdown.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def landscape(table: bool, explain: bool, **options: Any) -> int:
    """How coupled are learning rate and weight decay?

    Trains over a grid of both, and fits the ridge along which the best decay moves with the
    learning rate: slope 0 is decoupled. Exit status 1 where a slope could not be measured, as where
    the optimum lies at the edge of the grid; with --table, where a prediction fails.
    """
    needed(options)
    if table:
        from .decoupling_command import run_table

        return run_table(explain, options)
    return _landscape(explain, options)


def _landscape(explain: bool, options: dict[str, Any]) -> int:
    from ..sweep.storage import Store

    planned = _planned(options)
    if explain:
        return explained(planned, options)
    with ExitStack() as stack:
        figure, text = (target(stack, options, name) for name in ("figure", "markdown"))
        store = opened(Store, options)
        results = computed([job for own in planned.values() for job in own], store, options)
        found = _found(planned, results, options)
        if figure:
            _draw(found, options, figure)
        if text:
            text.write_text(_markdown(found, options), encoding="utf-8")
    _show(found, results, options)
    return 0 if all(one.ridge.slope is not None for one in found.values()) else 1


# -- what to run -----------------------------------------------------------------------------------


def _planned(options: dict[str, Any]) -> "dict[Method, list[Job]]":
    from ..problems.problems import problem
    from .landscape import jobs, method

    try:
        _check(options)
        own = dict(map(option, options["options"]))
        problem(options["problem"], **own)
        methods = [method(o, s) for s in _words(options["schedules"])
                   for o in _words(options["optimizers"])]  # fmt: skip
        rates, decays = (numbers(f"--{name}", options[name.replace("-", "_")])
                         for name in ("learning-rates", "weight-decays"))  # fmt: skip
        return jobs(options["problem"], methods, options=own, seeds=options["seeds"],
                    steps=options["steps"], learning_rates=rates, weight_decays=decays,
                    batch=options["batch"])  # fmt: skip
    except (ValueError, TypeError, OSError) as error:
        stop(str(error), options)


def _check(options: Mapping[str, Any]) -> None:
    if options["seeds"] < 2:
        raise ValueError(f"--seeds {options['seeds']}: an interval needs at least 2, for what one "
                         "seed shows may be chance; 5 make it narrow")  # fmt: skip
    if options["workers"] < 1:
        raise ValueError(f"--jobs {options['workers']}: expected at least 1")
    if not 0 < options["level"] < 1:
        raise ValueError(f"--level {options['level']}: expected a number between 0 and 1")


def _words(text: str) -> list[str]:
    return list(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))


def numbers(name: str, text: str | None) -> tuple[float, ...]:
    """Read a list of at least three positive numbers; nothing is the empty one."""
    if text is None:
        return ()
    try:
        found = tuple(map(float, _words(text)))
    except ValueError:
        raise ValueError(f"{name} {text}: expected numbers, as in 1e-3,1e-2,1e-1") from None
    if not all(0 < x < float("inf") for x in found):
        raise ValueError(f"{name} {text}: expected numbers above 0, whose logarithms are the axis")
    if len(set(found)) < 3:
        raise ValueError(f"{name} {text}: expected at least 3 different numbers for a slope")
    return found


# -- running, drawing, telling ---------------------------------------------------------------------


def _found(
    planned: "Mapping[Method, Sequence[Job]]", results: "Sweep", options: Mapping[str, Any]
) -> "dict[str, Found]":
    from .landscape import landscape as measured

    several = len({method.schedule for method in planned}) > 1
    found = {}
    for method, own in planned.items():
        parts = [results.results[job] for job in own]
        name = f"{method.name}/{method.schedule}" if several else method.name
        found[name] = measured(method, parts, metric=options["metric"], level=options["level"])
    return found


def _draw(found: "Mapping[str, Found]", options: Mapping[str, Any], path: Path) -> None:
    from .figure import heat_maps, save

    note = (f"{options['problem']}, {options['steps']} updates, mean of {options['seeds']} seeds; "
            f"dots: best decay of a learning rate; wedge: {options['level']:.0%} interval of the "
            "slope; star: best")  # fmt: skip
    save(heat_maps(list(found.values()), options["metric"], note), path,
         options["figure"].suffix[1:])  # fmt: skip


def _markdown(found: "Mapping[str, Found]", options: Mapping[str, Any]) -> str:
    from .landscape import differences
    from .show import markdown

    return markdown(found, differences(found, level=options["level"]))


def _show(found: "Mapping[str, Found]", results: "Sweep", options: Mapping[str, Any]) -> None:
    from wdref.cli import emit_json

    from .landscape import differences, document

    apart = differences(found, level=options["level"])
    settings = {name: options[name] for name in ("problem", "metric", "seeds", "steps", "level")}
    if options["as_json"]:
        own = {name: document(one) for name, one in found.items()}
        emit_json({**settings, "options": dict(map(option, options["options"])), "optimizers": own,
                   "differences": apart, "computed": results.computed})  # fmt: skip
        return
    from .show import show

    show(found, apart, settings, results.computed)
