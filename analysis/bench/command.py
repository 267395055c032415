"""The command ``wdref bench``."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from wdref.conventions import dialect
from wdref.oracle.report.one_of import OneOf
from wdref.rules.registry import claims

from .cases import CLIPPED, DTYPES, LAYOUTS, RULES, Case

if TYPE_CHECKING:
    from rich.console import Console

    from .measure import Row
    from .subjects import Subject

QUICK = 1_000_000  # parameters
SHARE = 0.8  # of the free memory that one case may need


@click.command()
@click.option("--quick", is_flag=True, help="AdamW in float32 up to 10^6 parameters, few samples: "
              "under a minute.")  # fmt: skip
@click.option("--max-size", metavar="N", help="Leave out cases with more parameters, as in 1e7.")
@click.option("--rule", "rules", multiple=True, type=OneOf(lambda: tuple(claims())),
              help="Only this rule; may be repeated.")  # fmt: skip
@click.option("--dtype", "dtypes", multiple=True, type=click.Choice(DTYPES),
              help="Only parameters of this dtype; may be repeated.")  # fmt: skip
@click.option("--layout", "layouts", multiple=True, type=click.Choice(LAYOUTS),
              help="Only these shapes, 1e6 is one tensor of 10^6; may be repeated.")  # fmt: skip
@click.option("--clip", is_flag=True, help="Clip the gradients by the norm of all of them.")
@click.option("--no-memory", is_flag=True, help="Do not measure peak memory, which starts a "
              "process a figure.")  # fmt: skip
@click.option("--profile", is_flag=True, help="Instead: where the time of one step on 400 tensors "
              "goes.")  # fmt: skip
@click.option("--figure", metavar="FILE", type=Path, help="Draw cost against size: .svg, .png or "
              ".pdf.")  # fmt: skip
@click.option("--markdown", metavar="FILE", type=Path, help="Write the tables as Markdown.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def bench(profile: bool, as_json: bool, **options: Any) -> int:
    """How fast is a step, beside its peers and the speed of memory?

    Peers are those of PyTorch, optax and thinc that are installed; all take turns in one run.
    On a machine with a CUDA device and CuPy its cases follow.
    """
    from wdref.cli import need

    need("psutil", "bench")
    if profile:
        return _profile(as_json)
    if options["figure"] or options["markdown"]:
        need("matplotlib", "bench")
    with ExitStack() as stack:
        figure, text = (_target(stack, name, options[name]) for name in ("figure", "markdown"))
        rows, here = _measured(options)
        if figure:
            _draw(rows, here, figure, options["figure"].suffix[1:])
        if text:
            text.write_text(_markdown(rows, here), encoding="utf-8")
    _show(rows, here, as_json)
    return 0


def _profile(as_json: bool) -> int:
    from wdref.cli import emit_json, need

    need("numba", "fast")
    from rich.console import Console

    from .machine import machine
    from .profile import profile
    from .show import print_profile

    here, found = machine(None), profile()
    if as_json:
        emit_json({"environment": here, **found})
    else:
        print_profile(found, here, Console(highlight=False))
    return 0


def _target(stack: ExitStack, name: str, path: Path | None) -> Path | None:
    """Open a file before the measurement, which a wrong path shall not cost."""
    if path is None:
        return None
    from ..report.figures import FORMATS, write

    try:
        return stack.enter_context(write(path, FORMATS if name == "figure" else (".md",)))
    except OSError as error:
        _fail(f"--{name} {path}: {error.strerror or error}")


def _fail(message: str) -> NoReturn:
    from wdref.cli import refuse

    refuse(message)


def _measured(options: dict[str, Any]) -> tuple[list["Row"], dict[str, Any]]:
    """Measure the chosen cases; a row a case and subject, and the machine before the run."""
    import psutil
    from rich.console import Console
    from rich.progress import track

    from .cuda import device_name
    from .machine import machine
    from .measure import Sampling, measure

    device = device_name()
    here, chosen = machine(device), list(_chosen(options, device))
    if not chosen:
        _fail("no case is left: --max-size, --rule, --dtype and --layout exclude all")
    sampling = Sampling(rounds=7, seconds=2e-3) if options["quick"] else Sampling()
    console, rows = Console(stderr=True), []
    for case in track(chosen, "measuring", console=console, disable=not console.is_terminal):
        free = SHARE * psutil.virtual_memory().available
        rows += measure(case, _subjects(case), sampling, available=free)
    if not options["no_memory"]:
        rows = _with_memory(rows, console)
    return rows, here


def _chosen(options: dict[str, Any], device: str | None) -> Iterator[Case]:
    quick = options["quick"]
    largest = _size(options["max_size"]) if options["max_size"] else QUICK if quick else None
    end = CLIPPED if options["clip"] else ""
    for rule in options["rules"] or (("adamw",) if quick else RULES):
        if end and "clip" not in dialect(rule).questions():
            _fail(f"--clip: {rule} is clipped by no norm; leave --clip or --rule {rule} out")
        for dtype in options["dtypes"] or (("float32",) if quick else DTYPES):
            for where in ("cpu", "cuda") if device else ("cpu",):
                cases = (Case(rule + end, dtype, x, where) for x in options["layouts"] or LAYOUTS)
                yield from (c for c in cases if largest is None or c.parameters <= largest)


def _size(text: str) -> float:
    try:
        size = float(text)
    except ValueError:
        size = 0.0
    if not size >= 1:
        _fail(f"--max-size {text}: expected a number >= 1, as in 1e7")
    return size


def _subjects(case: Case) -> "Sequence[Subject]":
    if case.device == "cuda":
        from .cuda import SUBJECTS

        return SUBJECTS
    from .peers import PEERS
    from .subjects import OWN

    return (*OWN, *PEERS)


def _with_memory(rows: list["Row"], console: "Console") -> list["Row"]:
    from rich.progress import track

    from .memory import peak, wanted

    asked = [
        (k, case)
        for k, row in enumerate(rows)
        if row.seconds is not None
        and wanted(case := Case(row.rule, row.dtype, row.layout, row.device))
    ]
    for k, case in track(asked, "memory", console=console, disable=not console.is_terminal):
        rows[k] = replace(rows[k], peak_bytes=peak(case, rows[k].what))
    return rows


def _draw(rows: "Sequence[Row]", here: dict[str, Any], path: Path, form: str) -> None:
    from .figure import draw

    busy = "; the machine was busy" if here["warning"] else ""
    draw(rows, f"{here['cpu']}, {here['cores']} cores, {here['date']}{busy}", path, form)


def _markdown(rows: "Sequence[Row]", here: dict[str, Any]) -> str:
    from .show import markdown

    return markdown(rows, here, "wdref bench --markdown FILE")


def _show(rows: "Sequence[Row]", here: dict[str, Any], as_json: bool) -> None:
    from rich.console import Console

    from wdref.cli import emit_json

    from .show import print_rows

    if as_json:
        emit_json(
            {"environment": here, "warning": here["warning"], "rows": list(map(asdict, rows))}
        )
    else:
        print_rows(rows, here, Console(highlight=False))
