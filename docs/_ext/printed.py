"""Directives for what wdref prints itself, so that no page can drift from the code.

``{formula} adamw`` shows a rule's formula, ``{listing} adamw`` a rule in another language,
``{rule-source} adam`` the rule's own file, and ``{paths}`` the interactive page.
"""

import inspect
import re
from importlib import import_module
from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from wdref.backends.printing import print_rule

HERE = Path(__file__).resolve().parents[1]
RULES = ("sgd", "sgdw", "adam", "adamw")
LEXER = {"c": "c", "rust": "rust", "javascript": "javascript", "latex": "latex"}


class Formula(SphinxDirective):
    """The formula of a rule, from its trace."""

    required_arguments = 1
    option_spec: ClassVar = {"convention": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        text = print_rule(self.arguments[0], "latex", **self.options)
        return [nodes.math_block(text, text, nowrap=False)]


class Listing(SphinxDirective):
    """A rule in another language."""

    required_arguments = 1
    option_spec: ClassVar = {
        "as": directives.unchanged,
        "convention": directives.unchanged,
        "dtype": directives.unchanged,
    }

    def run(self) -> list[nodes.Node]:
        language = self.options.pop("as", "c")
        text = print_rule(self.arguments[0], language, **self.options)
        return [nodes.literal_block(text, text, language=LEXER[language])]


class RuleSource(SphinxDirective):
    """The body of a rule as it stands in its file, without its docstring."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        source = inspect.getsource(getattr(import_module(f"wdref.rules.{name}"), name))
        text = re.sub(r'    """.*?"""\n', "", source, count=1, flags=re.S)
        return [nodes.literal_block(text, text, language="python")]


class Paths(SphinxDirective):
    """The interactive page."""

    def run(self) -> list[nodes.Node]:
        return [nodes.raw("", paths(), format="html")]


def paths() -> str:
    """Return the page's part: markup, and a script with the four rules printed in it."""
    script = (HERE / "paths.mjs").read_text("utf-8")
    return (HERE / "paths.html").read_text("utf-8").replace("/* SCRIPT */", _rules() + script)


def _rules() -> str:
    """Print the four rules; what they share is said once."""
    found: dict[str, None] = {}
    for rule in RULES:
        text = print_rule(rule, "javascript", dtype="float64")
        text = text.replace("export function", "function")
        for part in re.split(r"(?m)^(?=function )", text):
            found.setdefault(part if part.startswith("function") else f"{part}\n", None)
    return "".join(found)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    for name, directive in {
        "formula": Formula,
        "listing": Listing,
        "rule-source": RuleSource,
        "paths": Paths,
    }.items():
        app.add_directive(name, directive)
    return {"parallel_read_safe": True}
