"""The matrix as a page of Markdown, and how one page differs from another."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from .show import COLUMNS, cells, in_short, number, said, short

Record = Mapping[str, Any]
SHORT = ("framework", "optimizer", "decay", "× learning rate", "× schedule", "before or after the "
         "step", "L2", "denominator: where ε is")  # fmt: skip
MEASURED = ("worst ratio", "s")
ROWS = "## Every row"
BAR = "\\|"


def markdown(document: Record) -> str:
    """Return the page."""
    records = document["rows"]
    versions = ", ".join(f"{name} {version}" for name, version in document["versions"].items())
    parts = [
        "# What every framework means by weight decay",
        "",
        "η is the schedule's multiplier, α the learning rate, λ the weight decay. L2 (—) joins the "
        "gradient and goes through all that follows.",
        "",
        *_table(SHORT, in_short(records)),
        "",
        "Before the step and in it are one function here, since no step reads θ.",
        f"What installed optimizers did on {document['date']}, written by `wdref matrix --markdown`"
        f"{_wall(document)}: {versions}.",
        "",
        ROWS,
        "",
        "Each row is an optimizer with its options, judged in every dtype against certified "
        "trajectories of what it is said to be. `worst ratio` is the distance from the exact value "
        "over what correct rounding allows; up to 4 conforms. `s` is processor time in seconds. A "
        "dash: the framework does not offer it.",
        "",
        *_table((*COLUMNS, *MEASURED), map(_row, records)),
        "",
        "## Why some are imprecise or deviate",
        "",
        *_explanations(records),
        "## Right, and it does not train",
        "",
        "Seen in half precision, on cases made for it; the verdict does not count it.",
        "",
        *_findings(records),
        "",
        "## Formulas",
        "",
        *_formulas(records),
        "## Their own defaults",
        "",
        "Read from the installed framework, in its words.",
        "",
        *_table(("framework", "optimizer", "defaults"), _defaults(records)),
        "",
        *_missing(records),
    ]
    return "\n".join(parts).rstrip("\n") + "\n"


def _wall(document: Record) -> str:
    seconds, cores = document.get("wall"), document.get("cores")
    return f" in {seconds:.0f} s on {cores} cores" if seconds else ""


def changes(before: str, after: str, among: Sequence[str] = ()) -> list[str]:
    """Return how the rows of a page differ, measured columns aside; one line a difference.

    With `among` only rows whose name, or whose framework's, is one of these are looked at.
    """
    old, new = (
        {n: row for n, row in rows_of(page).items() if _asked(n, among)} for page in (before, after)
    )
    gone = [f"- {name}: no row any more" for name in old if name not in new]
    come = [f"+ {name}: {', '.join(filter(None, row))}" for name, row in new.items()
            if name not in old]  # fmt: skip
    differ = [
        f"! {name}: {column} was {was or 'empty'}, is {now or 'empty'}"
        for name in old.keys() & new.keys()
        for column, was, now in zip(COLUMNS[1:], old[name], new[name], strict=True)
        if was != now
    ]
    return [*gone, *come, *sorted(differ)]


def _asked(name: str, among: Sequence[str]) -> bool:
    return not among or name in among or name.partition(":")[0] in among


def rows_of(page: str) -> dict[str, tuple[str, ...]]:
    """Return the rows of a page by name, without the columns that are measured."""
    lines = page.partition(ROWS)[2].partition("\n## ")[0].splitlines()
    found = [line.split(" | ") for line in lines if line.startswith("| `")]
    return {
        row[0].removeprefix("| ").strip("`"): tuple(cell.strip() for cell in row[1 : len(COLUMNS)])
        for row in found
    }


def _row(record: Record) -> tuple[str, ...]:
    name, *rest = cells(record)
    return (f"`{name}`", *rest, number(record["worst_ratio"]), number(record["seconds"]))


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield "|---" * len(heads) + "|"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', BAR) for cell in row)} |"


def _explanations(records: Sequence[Record]) -> Iterator[str]:
    causes: dict[Any, list[str]] = defaultdict(list)
    for r in records:
        if r["verdict"] not in ("conforms", "missing"):
            for e in r["explanations"] or [{"title": said(r)}]:
                key = (e["title"], *(e.get(name, "") for name in ("verdict", "text", "source")))
                causes[key].append(r["target"])
    for (title, verdict, text, source), targets in causes.items():
        yield f"### {title[:1].upper()}{title[1:]}"
        yield ""
        yield f"{verdict + ': ' if verdict else ''}{', '.join(f'`{t}`' for t in targets)}"
        yield ""
        yield from ([text, ""] if text else [])
        yield from ([f"Source: {source}", ""] if source else [])


def _findings(records: Sequence[Record]) -> Iterator[str]:
    found: dict[str, list[str]] = defaultdict(list)
    for r in records:
        for finding in r["findings"]:
            found[finding].append(f"`{r['target']}`")
    yield from (f"- {finding}: {', '.join(targets)}" for finding, targets in found.items())


def _formulas(records: Sequence[Record]) -> Iterator[str]:
    found: dict[Any, list[str]] = defaultdict(list)
    for r in records:
        if r["recurrence"]:
            found[(r["words"], tuple(r["recurrence"]))].append(r["target"])
    for (words, recurrence), targets in found.items():
        yield from (words, "", "```text", *recurrence, "```", "")
        yield from (", ".join(f"`{t}`" for t in targets), "")


def _defaults(records: Sequence[Record]) -> Iterator[tuple[str, str, str]]:
    """One line for all rows of a framework with the same defaults, under the plainest name."""
    found: dict[Any, list[str]] = defaultdict(list)
    for r in records:
        text = ", ".join(f"{name}={value}" for name, value in r["defaults"].items())
        if text:
            found[r["framework"], r["optimizer"].partition("[")[0], text].append(r["optimizer"])
    for (framework, _, text), names in found.items():
        yield framework, f"`{short(min(names, key=len))}`", f"`{text}`"


def _missing(records: Sequence[Record]) -> Iterator[str]:
    missing = [r for r in records if r["verdict"] == "missing"]
    if missing:
        yield from ("## Not installed", "")
        yield from (f"- {r['framework']}: `{r['install']}`" for r in missing)
