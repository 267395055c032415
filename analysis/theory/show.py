"""The checks of the theory as tables: on a terminal, and as Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

from .check import Check
from .timescale import budgets

SIGNS = {"=": "", "<=": "≤ ", ">=": "≥ "}


def print_checks(found: Sequence[Check]) -> None:
    """Print a row a check."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(title="Predictions about weight decay, measured on wdref's own rules")
    table.add_column("prediction", overflow="fold")
    for name in ("predicted", "measured", "control", "holds"):
        table.add_column(name, no_wrap=True, justify="right")
    for check in found:
        id, statement, predicted, measured, tolerance, _, holds = _cells(check)
        control = "" if check.control is None else _short(check.control.measured)
        answer = f"[green]{holds}[/green]" if check.holds else f"[bold red]{holds}[/bold red]"
        table.add_row(f"[bold]{id}[/bold] {escape(statement)}", f"{predicted} ± {tolerance}",
                      measured, control, answer)  # fmt: skip
    console = Console(highlight=False)
    console.print(table)
    console.print("A control is the same measure where the prediction must fail. Why a tolerance "
                  "is what it is: --json, or --markdown.", style="dim")  # fmt: skip


def markdown(found: Sequence[Check], made: Mapping[str, Any]) -> str:
    """Return the tables: the checks, why their tolerances are what they are, the two rules of τ."""
    head = ("id", "prediction", "predicted", "measured", "± tolerance", "control", "holds")
    why = [(c.id, c.reason, c.source) for c in found]
    lines = [credit(made), ""]
    lines += table(head, [_cells(check) for check in found])
    lines += ["", "Why each tolerance is what it is:", ""]
    lines += table(("id", "tolerance", "source"), why)
    if any(check.id == "5-budget" for check in found):
        lines += ["", "λ in the paper's form and its timescale τ in epochs, CIFAR-10's 50,000 "
                  "images, λ_norm = 0.025; the rules are made equal in the first row:", "",
                  *_timescales()]  # fmt: skip
    return "\n".join(lines)


def credit(made: Mapping[str, Any]) -> str:
    """Return the line that says which command made a page, in how long and with what."""
    wdref, numpy = (made["versions"][name] for name in ("wdref", "numpy"))
    cost = f"{made['processor_seconds']:.0f} s of one core"
    return f"`{made['command']}`, {cost}, wdref {wdref}, NumPy {numpy}."


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a Markdown table, line by line."""
    top, *cells = ([cell.replace("|", "\\|") for cell in row] for row in (head, *rows))
    return [f"| {' | '.join(row)} |" for row in (top, ["---"] * len(head), *cells)]


def _cells(check: Check) -> tuple[str, ...]:
    control = check.control
    other = "" if control is None else f"{control.statement}: {_short(control.measured)}"
    return (check.id, check.statement, SIGNS[check.relation] + _short(check.predicted),
            _short(check.measured), f"{check.tolerance:.1g}", other,
            "yes" if check.holds else "no")  # fmt: skip


def _short(x: float) -> str:
    return f"{x:.4g}"


def _timescales() -> list[str]:
    head = ("epochs T", "batch b", "λ normalised", "τ", "λ constant timescale", "τ")
    return table(head, [
        (f"{row.epochs:g}", str(row.batch_size), f"{row.lambda_normalised:.3e}",
         f"{row.tau_normalised:.2f}", f"{row.lambda_constant:.3e}", f"{row.tau_constant:.2f}")
        for row in budgets()
    ])  # fmt: skip
