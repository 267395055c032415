"""The audit as one page of HTML that fetches nothing, and as a fragment for notebooks."""

from html import escape

from .record import FORMS, Audit, Row
from .show import HEADS, cells, sums, used

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ margin: 0 auto; padding: 1.5rem; max-width: 80rem; }}
</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""
STYLE = """<style>
.wdref-audit { color-scheme: light dark; --fore: light-dark(#1c1e21, #e6e8eb);
  --soft: light-dark(#5b626b, #9aa3ad); --line: light-dark(#dfe3e8, #32373d);
  --band: light-dark(#f6f7f9, #1c1f23); --bad: light-dark(#a8261c, #ff9d94);
  --bad-back: light-dark(#fce4e1, #43201d); --good: light-dark(#14713a, #7ddba0);
  color: var(--fore); font: 15px/1.5 system-ui, sans-serif; }
.wdref-audit h1 { margin: 0 0 .3rem; font-size: 1.5rem; line-height: 1.25; }
.wdref-audit h2 { margin: 1.4rem 0 .4rem; font-size: 1.1rem; }
.wdref-audit p { margin: 0 0 .5rem; max-width: 90ch; }
.wdref-audit .wide { margin: 0 0 .8rem; overflow-x: auto;
  border: 1px solid var(--line); border-radius: 6px; }
.wdref-audit table { width: 100%; border-collapse: collapse; font-size: .87rem; }
.wdref-audit th, .wdref-audit td { padding: .3rem .5rem; text-align: left;
  vertical-align: top; border-top: 1px solid var(--line); }
.wdref-audit thead th { border-top: 0; background: var(--band); }
.wdref-audit tbody th { font-weight: 600; overflow-wrap: anywhere; }
.wdref-audit .number { text-align: right; font-variant-numeric: tabular-nums;
  white-space: nowrap; }
.wdref-audit tr.named { background: var(--bad-back); }
.wdref-audit .none { color: var(--soft); } .wdref-audit .decays { color: var(--good); }
.wdref-audit li { margin: 0 0 .3rem; overflow-wrap: anywhere; max-width: 100ch; }
.wdref-audit li b { color: var(--bad); }
.wdref-audit .soft { color: var(--soft); font-size: .9rem; }
</style>"""
USUALLY = "Usually a mistake, though it may be meant"
FOLD = 12  # names that a finding shows at once


def page(audit: Audit) -> str:
    """Return the page."""
    return PAGE.format(title=escape(f"What decays in {audit.optimizer}"), body=body(audit))


def body(audit: Audit) -> str:
    """Return the fragment, with its own style."""
    named = {name for finding in audit.findings for name in finding.parameters}
    heads = "".join(
        f'<th scope="col"{_number(i)}>{escape(head)}</th>' for i, head in enumerate(HEADS)
    )
    rows = "\n".join(_row(row, row.name in named) for row in audit.rows)
    return "\n".join(
        [
            f'{STYLE}\n<div class="wdref-audit">',
            f"<h1>What decays in {escape(audit.optimizer)}</h1>",
            f"<p>{escape(sums(audit))}</p>",
            *_findings(audit),
            "<h2>Parameters</h2>",
            f'<div class="wide"><table><thead><tr>{heads}</tr></thead>',
            f"<tbody>\n{rows}\n</tbody></table></div>",
            *(f'<p class="soft"><b>{form}</b>: {escape(FORMS[form])}</p>' for form in used(audit)),
            *(f'<p class="soft">{escape(note)}</p>' for note in audit.notes),
            "</div>",
        ]
    )


def _findings(audit: Audit) -> list[str]:
    if not audit.findings:
        return []
    items = []
    for finding in audit.findings:
        shown = ", ".join(f"<code>{escape(name)}</code>" for name in finding.parameters[:FOLD])
        more = len(finding.parameters) - FOLD
        shown += f" and {more} more" if more > 0 else ""
        items.append(f"<li><b>{escape(finding.text)}</b>: {shown}</li>")
    return [f"<h2>{USUALLY}</h2>", "<ul>", *items, "</ul>"]


def _row(row: Row, named: bool) -> str:
    name, *rest = cells(row)
    note = f'<br><span class="soft">{escape(row.note)}</span>' if row.note else ""
    look = "decays" if row.decays else "none"
    columns = "".join(
        f"<td{_number(i, look if head == 'form' else '')}>{escape(text)}</td>"
        for i, (head, text) in enumerate(zip(HEADS[1:], rest, strict=True), 1)
    )
    mark = ' class="named"' if named else ""
    return f'<tr{mark}><th scope="row">{escape(name)}{note}</th>{columns}</tr>'


def _number(i: int, look: str = "") -> str:
    look = look or ("number" if HEADS[i] in HEADS[-2:] else "")
    return f' class="{look}"' if look else ""
