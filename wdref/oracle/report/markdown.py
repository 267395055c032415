"""The verdict as Markdown: for the summary of a workflow, a comment, a ticket."""

from collections.abc import Iterator, Sequence

from ..judge.verdict import LIMIT
from .cases import WRONG, Document, claimed, counted, line_of, of_kind

MOST = 10  # rows of cases


def markdown(document: Document) -> str:
    """Return the document as Markdown of GitHub's kind."""
    return "\n".join(_lines(document)) + "\n"


def _lines(document: Document) -> Iterator[str]:
    ratio = document.get("worst_ratio")
    worst = "" if ratio is None else f", worst ratio {float(ratio):.3g} (up to {LIMIT:g} conforms)"
    yield f"### {_inline(document['target'])} as {_inline(claimed(document))}"
    yield ""
    yield f"**{document['verdict']}**{worst}"
    if "error" in document:
        yield from ("", *_block([document["error"]]))
    grade = document.get("grade")
    if grade:
        yield from ("", f"**{grade['points']:g} of {grade['of']:g} points**", "")
        yield from _table(("question", "points", "note"), [
            (q["title"], f"{q['points']:g} of {q['of']:g}", q["note"]) for q in grade["questions"]
        ])  # fmt: skip
    if document.get("diagnosis"):
        yield from ("", *_block(document["diagnosis"]))
    yield from _cases(document)


def _cases(document: Document) -> Iterator[str]:
    wrong, asked = of_kind(document, *WRONG), document["cases"]
    refused = of_kind(document, "unsupported")
    if not asked:
        return
    rest = f", {counted(refused)} not asked" if refused else ""
    yield from ("", f"{counted(asked)}, {len(wrong)} wrong{rest}.", "")
    if wrong:
        yield from _table(("case", "verdict"), [(c["id"], line_of(c)) for c in wrong[:MOST]])
        if len(wrong) > MOST:
            yield from ("", f"And {counted(wrong[MOST:])} more.")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    yield from (f"| {' | '.join(map(_cell, row))} |" for row in rows)


def _cell(text: str) -> str:
    plain = " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|")
    return plain.replace("`", "\\`").replace("<", "&lt;").replace("*", "\\*").replace("_", "\\_")


def _inline(text: str) -> str:
    """Text between as many backticks as it takes."""
    plain = " ".join(text.split())
    marks = "`" * (_longest(plain) + 1)
    edge = " " if "`" in plain else ""
    return f"{marks}{edge}{plain}{edge}{marks}"


def _block(lines: Sequence[str]) -> list[str]:
    text = "\n".join(lines)
    fence = "`" * max(3, _longest(text) + 1)
    return [f"{fence}text", text, fence]


def _longest(text: str) -> int:
    """The longest run of backticks."""
    return max((len(run) for run in "".join(c if c == "`" else " " for c in text).split()),
               default=0)  # fmt: skip
