"""The audit in text: a table of rows, the findings, and both summed up."""

import io
from collections.abc import Iterator
from typing import Any

from .record import FORMS, Audit, Row

HEADS = ("parameter", "shape", "dtype", "group", "kind", "form", "decay a step", "rate")
USUALLY = "Usually a mistake:"
WORDS = {"norms": "norm", "biases": "bias", "vectors": "vector", "embeddings": "embedding"}


def text(audit: Audit, width: int = 120) -> str:
    """Return it in lines of up to `width`."""
    try:
        from rich.console import Console
    except ImportError as error:
        raise ImportError("a report needs rich: pip install 'wdref[oracle]'") from error
    file = io.StringIO()
    show(audit, Console(file=file, width=width, highlight=False, markup=False))
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"


def show(audit: Audit, console: Any) -> None:
    """Print it on a console of rich."""
    from rich.table import Table

    table = Table(title=f"What decays in {audit.optimizer}")
    for head in HEADS:
        table.add_column(head, justify="right" if head in HEADS[-2:] else "left",
                         overflow="fold")  # fmt: skip
    for row in audit.rows:
        table.add_row(*cells(row))
    console.print(table)
    for line in lines(audit):
        console.print(line)


def cells(row: Row) -> tuple[str, ...]:
    """Return the row's cells under `HEADS`."""
    shape = " × ".join(map(str, row.shape)) or "scalar"
    groups = ", ".join(row.groups) or "none"
    rate = "" if row.rate is None else f"{row.rate:.3g}"
    return row.name, shape, row.dtype, groups, row.kind, row.form, decay(row), rate


def decay(row: Row) -> str:
    """Return the decay of a step with what its dtype loses, or the range that it lies in."""
    if row.decay is None or not row.decays:
        return ""
    if row.form in ("l2", "other") and row.low is not None and row.high is not None:
        spread = row.high - row.low > 1e-3 * abs(row.decay)
        return f"{row.low:.2g} to {row.high:.2g}" if spread else f"{row.decay:.3g}"
    lost = f", {_share(row.lost)} lost" if row.lost else ""
    return f"{row.decay:.3g}{lost}"


def lines(audit: Audit) -> Iterator[str]:
    """Return the sums, what the forms mean, the findings and the notes, in lines."""
    yield sums(audit)
    yield from (f"{form}: {FORMS[form]}" for form in used(audit))
    if audit.findings:
        yield USUALLY
    for finding in audit.findings:
        yield f"  {finding}"
    notes = [f"{row.name}: {row.note}" for row in audit.rows if row.note]
    yield from (f"note: {note}" for note in (*audit.notes, *notes))


def used(audit: Audit) -> list[str]:
    """Return the forms that the rows have."""
    return [form for form in FORMS if any(row.form == form for row in audit.rows)]


def sums(audit: Audit) -> str:
    """Return the summary in one sentence."""
    s = audit.summary
    counts = [(s[f"decaying_{many}"], many, one) for many, one in WORDS.items()]
    small = [f"{n} {one if n == 1 else many}" for n, many, one in counts if n]
    among = f", among them {', '.join(small)}" if small else ""
    rest = {"in no group": "in_no_group", "in two groups": "in_two_groups",
            "decays that a dtype loses": "lost"}  # fmt: skip
    return (
        f"{s['decaying_tensors']} of {s['tensors']} tensors decay, {_share(s['share'])} of "
        f"{s['elements']} elements{among}"
        + "".join(f"; {words}: {s[key]}" for words, key in rest.items() if s[key])
    )


def _share(x: float) -> str:
    """A share in percent: 0 and 100 are said of nothing and all alone."""
    percent = f"{100 * x:.3g}"
    if percent == "0" or (percent == "100" and x < 1):
        return "almost none" if percent == "0" and x else "0 %" if not x else "almost all"
    return f"{percent} %"
