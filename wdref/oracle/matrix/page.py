"""The matrix as one page of HTML that sorts and filters and asks nothing of the network."""

from collections.abc import Iterator, Mapping
from html import escape
from importlib.resources import files
from typing import Any

from ..cases.case import DTYPES
from .show import cells, in_short, number, said, short

Record = Mapping[str, Any]
HEADS = ("Framework", "Optimizer", "Verdict", "Decay", "Order", "Denominator", "Bias corrected",
         "Momentum", "f64", "f32", "f16", "bf16", "Ratio", "CPU s")  # fmt: skip
NUMBERS = ("Ratio", "CPU s")
SHORT = ("Framework", "Optimizer", "Decay", "× learning rate", "× schedule", "Before or after",
         "L2", "Denominator")  # fmt: skip
MARKS = {"conforms": "✓", "imprecise": "≈", "deviates": "✗", "undecided": "?", "timeout": "!",
         "error": "!"}  # fmt: skip


def page(document: Record) -> str:
    """Return the page."""
    records = document["rows"]
    counts: dict[str, int] = {}
    for record in records:
        counts[record["verdict"]] = counts.get(record["verdict"], 0) + 1
    short_rows = "".join(map(_short, in_short(records)))
    filled = {
        "date": escape(document["date"]),
        "versions": escape(", ".join(f"{n} {v}" for n, v in document["versions"].items())),
        "counts": escape(", ".join(f"{n} {verdict}" for verdict, n in counts.items())),
        "short_heads": "".join(f'<th role="columnheader" scope="col">{h}</th>' for h in SHORT),
        "short_rows": short_rows,
        "heads": "".join(map(_head, HEADS)),
        "rows": "".join(map(_row, records)),
        "frameworks": _options(dict.fromkeys(r["framework"] for r in records)),
        "verdicts": _options(counts),
        "decays": _options(dict.fromkeys(cells(r)[2] for r in records if r["form"])),
    }
    text = (files(__package__) / "matrix.html").read_text("utf-8")
    for name, value in filled.items():
        text = text.replace(f"<!--{name}-->", value)
    return text


def _options(names: Mapping[str, Any]) -> str:
    return "".join(f"<option>{escape(name)}</option>" for name in names)


def _head(name: str) -> str:
    kind = ' class="number"' if name in NUMBERS else ""
    return (f'<th role="columnheader" scope="col" aria-sort="none"{kind}>'
            f'<button type="button">{name}</button></th>')  # fmt: skip


def _short(row: tuple[str, ...]) -> str:
    """One line of the short table: the framework heads it."""
    framework, *rest = row
    labels = zip(SHORT[1:], rest, strict=True)
    return (f'<tr role="row"><th role="rowheader" scope="row">{escape(framework)}</th>'
            + "".join(_cell(label, text) for label, text in labels) + "</tr>")  # fmt: skip


def _row(record: Record) -> str:
    _, verdict, decay, order, eps, bias, momentum, *_ = cells(record)
    name = f"{record['framework']} {record['version'] or ''}".strip()
    fields = (("Decay", decay), ("Order", order), ("Denominator", eps), ("Bias corrected", bias),
              ("Momentum", momentum))  # fmt: skip
    parts = [
        f'<th role="rowheader" scope="row" data-label="Framework">{escape(name)}</th>',
        f'<td role="cell" data-label="Optimizer" data-key="{escape(record["optimizer"])}">'
        f"{_details(record)}</td>",
        f'<td role="cell" data-label="Verdict"><span class="badge {verdict}">{verdict}</span></td>',
        *(_cell(label, text) for label, text in fields),
        *(_grade(record, dtype) for dtype in DTYPES),
        _number("Worst ratio", record["worst_ratio"]),
        _number("CPU s", record["seconds"]),
    ]
    attributes = (("framework", record["framework"]), ("verdict", verdict), ("decay", decay))
    data = "".join(f' data-{key}="{escape(value)}"' for key, value in attributes)
    return f'<tr role="row"{data}>{"".join(parts)}</tr>\n'


def _cell(label: str, text: str) -> str:
    empty = "" if text else ' class="empty"'
    return f'<td role="cell" data-label="{escape(label)}"{empty}>{escape(text)}</td>'


def _number(label: str, x: float | None) -> str:
    key = "" if x is None else f' data-key="{x if abs(x) < 1e300 else 1e300}"'
    return f'<td role="cell" class="number" data-label="{label}"{key}>{number(x)}</td>'


def _grade(record: Record, dtype: str) -> str:
    found = record["precision"].get(dtype)
    if found is None:
        return f'<td role="cell" class="empty" data-label="{dtype}"></td>'
    grade, ratio = found["verdict"], found["worst_ratio"]
    mark = MARKS.get(grade, "—")
    at = "" if ratio is None else f", worst ratio {number(ratio)} in {found['case']}"
    title = f"{grade}{at}"
    title += f": {found['message']}" if found["message"] else ""
    return (
        f'<td role="cell" data-label="{dtype}" data-key="{grade}" title="{escape(title)}">'
        f'<span class="mark {grade}" aria-hidden="true">{mark}</span>'
        f'<span class="hidden">{grade}</span></td>'
    )


def _details(record: Record) -> str:
    """The optimizer's name, which opens the rest that is known of it."""
    body = "".join(_more(record))
    name = f"<code>{escape(short(record['optimizer']))}</code>"
    backend = record["optimizer"].partition("backend=")[2].partition(",")[0].rstrip("]")
    name += f' <span class="backend">on {escape(backend)}</span>' if backend else ""
    return f"<details><summary>{name}</summary>{body}</details>" if body else name


def _more(record: Record) -> Iterator[str]:
    if record["verdict"] == "missing":
        yield f"<p>Not installed: <code>{escape(record['install'])}</code></p>"
        return
    if record["verdict"] != "conforms":
        yield f"<p><strong>{escape(said(record))}</strong></p>"
        yield from (f"<p>{escape(e['text'])}</p>" for e in record["explanations"])
    if record["words"]:
        yield f"<p>{escape(record['words'])}</p>"
        yield f"<pre>{escape(chr(10).join(record['recurrence']))}</pre>"
    if record["claim"]:
        claim = f"{record['convention']} {record['claim']}"
        yield f"<p>Judged as <code>{escape(claim)}</code></p>"
    yield from (f"<p>{escape(text)}</p>" for text in record["findings"])
    if record["defaults"]:
        text = ", ".join(f"{name}={value}" for name, value in record["defaults"].items())
        yield f"<p>Its defaults: <code>{escape(text)}</code></p>"
