"""The matrix on a terminal, and what all its printings have in common."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..cases.case import DTYPES
from .words import DECAYS

Record = Mapping[str, Any]
COLUMNS = ("row", "verdict", "decay", "order", "ε", "bias correction", "momentum", *DTYPES)
STYLES = {"conforms": "green", "imprecise": "yellow", "deviates": "red", "error": "bold red",
          "missing": "dim", "unsupported": "dim"}  # fmt: skip


def cells(record: Record) -> tuple[str, ...]:
    """Return the columns that are the same on every machine, of `COLUMNS`."""
    form = record["form"]
    if form is None:
        return (record["target"], record["verdict"], *[""] * 5, *grades(record))
    return (
        record["target"],
        record["verdict"],
        DECAYS[form][0],
        order(record),
        record["denominator"],
        record["corrected"],
        record["momentum"] or amsgrad(record),
        *grades(record),
    )


def order(record: Record) -> str:
    """When the decay is taken: before the step is the same as in it, as no step reads θ."""
    if record["form"] == "none":
        return ""
    if record["form"] in ("l2", "scaled_l2"):
        return "in the gradient"
    return "after" if record["order"] == "after" else "before"


def amsgrad(record: Record) -> str:
    """AMSGrad's maximum, where there is one."""
    return {"raw": "max of v", "hat": "max of v̂"}.get(record["amsgrad"] or "", "")


def grades(record: Record) -> tuple[str, ...]:
    """Return the grade in each dtype; a dash where the framework does not have it."""
    found = (record["precision"].get(dtype) for dtype in DTYPES)
    return tuple("" if p is None else _grade(p) for p in found)


def _grade(precision: Record) -> str:
    return "—" if precision["verdict"] == "unsupported" else str(precision["verdict"])


def number(x: float | None, digits: int = 2) -> str:
    """Return a number for a table, or nothing."""
    return "" if x is None else f"{x:.{digits}g}" if x < 1e4 else f"{x:.0e}"


def in_short(records: Sequence[Record]) -> Iterator[tuple[str, ...]]:
    """Yield the questions that people ask: a line for each decay that a framework has.

    Framework, optimizers, term, times learning rate, times schedule, before or after, L2, ε.
    """
    groups: dict[Any, list[Record]] = defaultdict(list)
    decays = {r["framework"] for r in records if r["form"] not in (None, "none")}
    for r in records:
        none = r["form"] is None or (r["form"] == "none" and r["framework"] in decays)
        own = r["framework"] == "loopback" or r["framework"].startswith("wdref_")
        if not none and not own:  # wdref's own say nothing of a framework
            groups[r["framework"], r["version"] or "", r["form"], order(r)].append(r)
    for (framework, version, form, when), members in groups.items():
        term, rate, schedule = DECAYS[form]
        l2 = form in ("l2", "scaled_l2")
        yes = {True: "yes", False: "no", None: "—" if l2 else ""}
        answer = "" if form == "none" else "yes" if l2 else "no"
        yield (f"{framework} {version}".strip(), _together(members), term, yes[rate],
               yes[schedule], when, answer, _denominators(members))  # fmt: skip


def _together(records: Sequence[Record]) -> str:
    """Names of optimizers, each with the fewest options; options that they share are said once."""
    plainest: dict[str, str] = {}
    for name in (short(r["optimizer"]) for r in records):
        base = name.partition("[")[0]
        plainest[base] = min(name, plainest.get(base, name), key=len)
    by_options: dict[str, list[str]] = defaultdict(list)
    for base, name in plainest.items():
        by_options[name.removeprefix(base)].append(base)
    said = ((", ".join(bases), options) for options, bases in by_options.items())
    return "; ".join(f"{bases} {options}".strip() for bases, options in said)


def _denominators(records: Sequence[Record]) -> str:
    """Where ε stands; what only some have with the plainest of these."""
    names: dict[str, list[str]] = defaultdict(list)
    for r in records:
        if r["denominator"]:
            names[r["denominator"]].append(short(r["optimizer"]))
    usual, *rest = names or [""]
    return "; ".join([usual, *(f"{place} ({min(names[place], key=len)})" for place in rest)])


def short(optimizer: str) -> str:
    """Return an optimizer without the backend that it runs on."""
    name, _, options = optimizer.partition("[")
    kept = [o for o in options.rstrip("]").split(",") if o and not o.startswith("backend=")]
    return f"{name}[{','.join(kept)}]" if kept else name


def said(record: Record) -> str:
    """One line on why a row is not what it is said to be."""
    explained = "; ".join(e["title"] for e in record["explanations"])
    if explained:
        return f"{record['verdict']}: {explained}"
    found = (record["identified"] or {}).get("match")
    what = f"it is {', '.join(found['names']) or found['recurrence'][-1]}" if found else ""
    return f"{record['verdict']}: " + ("; ".join(x for x in (what, record["message"]) if x) or "?")


def print_matrix(document: Record, console: Console | None = None) -> None:
    """Print the table for people, and below it why rows do not conform."""
    console = console or Console(highlight=False)
    table = Table(title="what installed frameworks do", row_styles=["", "on grey7"])
    heads = ("framework", "optimizer", "verdict", "decay", "order", "ε", "bias", "momentum",
             "64", "32", "f16", "bf16", "ratio", "s")  # fmt: skip
    for head in heads:
        table.add_column(head, justify="right" if head in ("ratio", "s") else "left",
                         no_wrap=head in ("verdict", "64", "32", "f16", "bf16"))  # fmt: skip
    for record in document["rows"]:
        _, verdict, *middle, f64, f32, f16, bf16 = cells(record)
        marks = (MARKS.get(grade, grade) for grade in (f64, f32, f16, bf16))
        table.add_row(
            f"{record['framework']} {record['version'] or ''}",
            Text(record["optimizer"]),
            Text(verdict, STYLES.get(verdict, "")),
            *map(Text, middle),
            *marks,
            number(record["worst_ratio"]),
            number(record["seconds"]),
        )
    console.print(table)
    console.print("64, 32, f16, bf16: ✓ conforms, ~ imprecise, ✗ deviates, ? undecided, — not "
                  "offered; s: seconds of processor time", style="dim")  # fmt: skip
    for record in document["rows"]:
        if record["verdict"] != "conforms":
            line = said(record) if record["verdict"] != "missing" else _missing(record)
            console.print(f"{record['target']}: {line}", markup=False, soft_wrap=True)


MARKS = {"conforms": "✓", "imprecise": "~", "deviates": "✗", "undecided": "?", "timeout": "!",
         "error": "!"}  # fmt: skip


def _missing(record: Record) -> str:
    return f"not installed: {record['install'] or record['message']}"
