"""A page for every family of rules, written from its record when the documentation is built.

The paper's two have pages by hand.
"""

from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config

from wdref.backends.printers.printing import print_rule
from wdref.rules.contract import Claim, Family
from wdref.rules.registry import FIRST, families

FOLDER = "families"


def pages() -> dict[str, str]:
    """Return the text of each page by the family's name."""
    return {name: page(family) for name, family in families().items() if name not in FIRST}


def page(family: Family) -> str:
    """Return a family's page."""
    name, reference = family.source
    rows = "\n".join(
        f"| `{h.name}` | {h.letter} | {'' if h.default is None else f'{h.default:g}'} |"
        for h in family.hyper
    )
    slots = ", ".join(f"`{s.name}`" for s in family.slots) or "none"
    claims = "\n".join(map(_claim, family.claims))
    return (
        f'# {family.title}\n\n<div class="wide-page"></div>\n\n{name}: {reference}.\n\n'
        f"State: {slots}.\n\n| hyperparameter | letter | default |\n|---|---|---|\n{rows}\n\n"
        f"{claims}"
    )


def _claim(claim: Claim) -> str:
    tabs = "".join(
        f"````{{tab-item}} {title}\n```{{listing}} {claim.name}\n:as: {language}\n```\n````\n"
        for title, language in (("C", "c"), ("Rust", "rust"), ("JavaScript", "javascript"))
    )
    printed = f"`````{{tab-set}}\n{tabs}`````\n"
    try:
        print_rule(claim.name, "c")
    except ValueError as refused:
        printed = f"None: {refused}.\n"
    return (
        f"## {claim.method}\n\n```{{eval-rst}}\n.. autoclass:: wdref.{claim.method}\n```\n\n"
        f"```{{formula}} {claim.name}\n:mark:\n```\n\n"
        f"What each program means by it:\n\n```{{conventions}} {claim.name}\n```\n\n"
        f"In other languages:\n\n{printed}"
    )


def write(app: Sphinx, config: Config) -> None:
    """Write the pages that are not there as they should be."""
    folder = Path(app.srcdir, FOLDER)
    folder.mkdir(exist_ok=True)
    texts = pages()
    for old in folder.glob("*.md"):
        if old.stem not in texts:
            old.unlink()
    for name, text in texts.items():
        file = folder / f"{name}.md"
        if not file.exists() or file.read_text("utf-8") != text:
            file.write_text(text, "utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Write them before anything is read."""
    app.connect("config-inited", write)
    return {"parallel_read_safe": True}
