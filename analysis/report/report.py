"""One HTML page of whichever analyses were run, which needs nothing but itself.

It collects what analyses left in a folder (`outputs`): for each NAME.json a section with its
tables, its figure NAME.svg inline, its settings, and how to make it again. It knows the analyses of
wdref by name; of any other it shows what the document holds.
"""

import html
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

TITLES = {
    "propositions": "Propositions 1 to 3",
    "theory": "Theory",
    "mechanisms": "Mechanisms",
    "landscape": "Landscapes",
}
QUESTIONS = {
    "propositions": "Do the propositions of the paper hold, and how surely?",
    "theory": "Do the predictions of the theory of weight decay hold?",
    "mechanisms": "How does the L2 term act inside Adam, and what does AdamW do instead?",
    "landscape": "How coupled are the learning rate and the weight decay?",
}
TOP = ("made_by", "settings", "error")  # shown apart, not as results


class Analysis(NamedTuple):
    """What one analysis left: its name, its document, its figure's SVG or nothing."""

    name: str
    document: Mapping[str, Any]
    figure: str


def collect(folder: Path) -> list[Analysis]:
    """Read the analyses in `folder`, those of wdref first; ValueError where there is none."""
    found = []
    for path in folder.glob("*.json"):
        try:
            document = json.loads(path.read_text("utf-8"))
        except ValueError as error:
            raise ValueError(f"{path}: no JSON document ({error})") from None
        if isinstance(document, dict):
            drawn = path.with_suffix(".svg")
            figure = _inline(drawn.read_text("utf-8"), path.stem) if drawn.exists() else ""
            found.append(Analysis(path.stem, document, figure))
    if not found:
        raise ValueError(f"{folder}: no analysis in it; run one with --out {folder}, as "
                         f"in wdref theory --out {folder}")  # fmt: skip
    known = list(TITLES)
    return sorted(found, key=lambda a: (known.index(a.name) if a.name in known else 99, a.name))


def _inline(svg: str, name: str) -> str:
    """Strip what stands before <svg>, and make ids the figure's own: a page has one of each."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    for id in set(re.findall(r'\bid="([^"]+)"', svg)):
        svg = svg.replace(f'id="{id}"', f'id="{name}-{id}"')
        svg = svg.replace(f"url(#{id})", f"url(#{name}-{id})").replace(
            f'href="#{id}"', f'href="#{name}-{id}"'
        )
    return svg


def page(analyses: Sequence[Analysis]) -> str:
    """Return the page."""
    links = "".join(
        f'<a href="#{html.escape(a.name)}">{html.escape(_title(a.name))}</a>' for a in analyses
    )
    sections = "\n".join(map(_section, analyses))
    return PAGE.replace("{links}", links).replace("{sections}", sections)


def _title(name: str) -> str:
    return TITLES.get(name, name)


def _section(a: Analysis) -> str:
    name, parts = html.escape(a.name), []
    parts.append(f'<section id="{name}"><h2>{html.escape(_title(a.name))}</h2>')
    parts.append(f"<p>{html.escape(QUESTIONS.get(a.name, ''))}{_answer(a.document)}</p>")
    if a.figure:
        parts.append(f"<figure>{a.figure}</figure>")
    shown: Mapping[str, Callable[[Any], str]] = {"checks": _checks}
    for key, value in a.document.items():
        if key not in TOP:
            parts.append(shown.get(key, _value)(value) if value else "")
    parts.append(_details("Settings", a.document.get("settings")))
    parts.append(_made(a.document.get("made_by")))
    return "\n".join([*parts, "</section>"])


def _answer(document: Mapping[str, Any]) -> str:
    """How many of the statements hold, where the document has such."""
    rows = [row for value in document.values() if isinstance(value, list) for row in value
            if isinstance(row, dict) and isinstance(row.get("holds"), bool)]  # fmt: skip
    good = sum(row["holds"] for row in rows)
    verdict = "yes" if good == len(rows) else "no"
    return f' <b class="{verdict}">{good} of {len(rows)} hold.</b>' if rows else ""


def _checks(rows: Sequence[Mapping[str, Any]]) -> str:
    """The table of `wdref theory`, with the reason and the source below each statement."""
    found = [
        {
            "id": row["id"],
            "prediction": row["statement"],
            "predicted": ("" if row["relation"] == "=" else row["relation"] + " ")
            + _text(row["predicted"]),
            "measured": row["measured"],
            "± tolerance": row["tolerance"],
            "control": row["control"]
            and f"{row['control']['statement']}: {_text(row['control']['measured'])}",
            "holds": row["holds"],
            "why this tolerance": row["reason"],
            "source": row["source"],
        }
        for row in rows
    ]
    return _table(found)


def _value(value: Any) -> str:
    """A table of a list of records, or of a mapping of them; anything else as JSON, folded."""
    if isinstance(value, dict) and all(isinstance(x, dict) for x in value.values()):
        return _table([{"name": name, **x} for name, x in value.items()])
    if isinstance(value, list) and all(isinstance(x, dict) for x in value):
        return _table(value)
    return _details("Data", value)


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Columns whose cells are short; what is long or nested follows folded."""
    names = list(dict.fromkeys(key for row in rows for key in row))
    plain = [name for name in names if all(_is_plain(row.get(name)) for row in rows)]
    head = "".join(f'<th scope="col">{html.escape(name.replace("_", " "))}</th>' for name in plain)
    lines = ["".join(_cell(name, row.get(name)) for name in plain) for row in rows]
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    table = f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'
    return table + (_details("All data of these rows", rows) if plain != names else "")


def _is_plain(x: Any) -> bool:
    short = isinstance(x, list) and len(x) <= 4 and all(isinstance(y, int | float) for y in x)
    return x is None or short or isinstance(x, str | int | float | bool)


def _cell(name: str, x: Any) -> str:
    kind = "" if isinstance(x, str | None) else ' class="number"'
    if isinstance(x, bool):
        kind = f' class="{"yes" if x else "no"}"'
    return f'<td{kind} data-name="{html.escape(name)}">{html.escape(_text(x))}</td>'


def _text(x: Any) -> str:
    if isinstance(x, bool):
        return "yes" if x else "no"
    if isinstance(x, list):
        return " … ".join(map(_text, x))
    return "" if x is None else f"{x:.4g}" if isinstance(x, float) else str(x)


def _details(title: str, value: Any) -> str:
    if not value:
        return ""
    text = html.escape(json.dumps(value, ensure_ascii=False, indent=1))
    return f"<details><summary>{title}</summary><pre>{text}</pre></details>"


def _made(made: Mapping[str, Any] | None) -> str:
    """How to make it again, and with what it was made."""
    if not made:
        return ""
    versions = ", ".join(f"{name} {number}" for name, number in made["versions"].items())
    return (
        f"<p>To make it again: <code>{html.escape(made['command'])}</code></p>"
        f'<p class="small">Made {html.escape(made["date"])} in {made["seconds"]} s on '
        f"{html.escape(made['machine'])}, with {html.escape(versions)}.</p>"
    )


PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>wdref: L2 regularisation and weight decay</title>
<style>
p, h1, h2 { overflow-wrap: anywhere; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff; margin: 0 auto;
  max-width: 75rem; padding: 0 1rem 3rem; }
h1 { font-size: 1.6rem; } h2 { margin-top: 2.5rem; border-bottom: 2px solid #0072b2; }
nav { display: flex; flex-wrap: wrap; gap: 0.3rem 1rem; } a { color: #005a8e; }
figure { margin: 1rem 0; } figure svg { width: auto; max-width: 100%; height: auto; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: 0.82rem; margin: 1rem 0; }
th, td { text-align: left; vertical-align: top; padding: 0.25rem 0.6rem;
  border-bottom: 1px solid #ddd; }
td:first-child { white-space: nowrap; }
td.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.yes { color: #00664b; font-weight: 600; } .no { color: #a03c00; font-weight: 600; }
.small { font-size: 0.82rem; color: #555; } code, pre { font-size: 0.85rem; }
pre { overflow: auto; max-height: 24rem; background: #f6f6f6; padding: 0.5rem; }
summary { cursor: pointer; color: #005a8e; }
@media (max-width: 60rem) { .wide table { width: max-content; } td { max-width: 16rem; } }
@media print { details { display: none; } .wide { overflow: visible; } }
</style>
</head>
<body>
<h1>wdref: L2 regularisation and weight decay</h1>
<nav>{links}</nav>
{sections}
</body>
</html>
"""
