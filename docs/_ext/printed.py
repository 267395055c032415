"""Directives for what wdref prints itself, so that no page can drift from the code.

``{formula} adamw`` shows a rule's formula, ``{listing} adamw`` a rule in another language,
``{rule-source} adam`` the rule's own file, ``{conventions} adamw`` what each program means by it,
``{commands}`` the help of every command, and ``{paths}`` the interactive page.
"""

import inspect
import re
from dataclasses import fields
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from wdref.backends.printers.printing import print_rule
from wdref.conventions import CONVENTIONS, dialect
from wdref.dialects import Dialect

HERE = Path(__file__).resolve().parents[1]
RULES = ("sgd", "sgdw", "adam", "adamw")
DECAY = re.compile(r"([+-] )((?:\\eta_t \\, )?(?:\\alpha \\, )?\\lambda \\, \\theta_{t-1})")
LEXER = {"c": "c", "rust": "rust", "javascript": "javascript", "latex": "latex"}


class Formula(SphinxDirective):
    """The formula of a rule, from its trace; with ``:mark:`` the decay stands out."""

    required_arguments = 1
    option_spec: ClassVar = {"convention": directives.unchanged, "mark": directives.flag}

    def run(self) -> list[nodes.Node]:
        mark = "mark" in self.options
        self.options.pop("mark", None)
        try:
            text = print_rule(self.arguments[0], "latex", **self.options)
        except ValueError:  # what no program of one tensor can be is in words
            found = dialect(self.arguments[0], self.options.get("convention", "paper"))
            lines = "\n".join(found.recurrence())
            return [nodes.literal_block(lines, lines, language="text")]
        text = DECAY.sub(r"\1{\\color{#d9480f}{\2}}", text) if mark else text
        return [nodes.math_block(text, text, number=None, **{"no-wrap": False})]


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
        source = inspect.getsource(getattr(import_module(f"wdref.rules.{name}.rule"), name))
        text = re.sub(r'    """.*?"""\n', "", source, count=1, flags=re.S)
        # no wider than its column
        text = re.sub(r" {3,}(lines? \d)", r"  \1", text)
        text = re.sub(r"(?m)^(    # .{8})  ", r"\1", text)
        return [nodes.literal_block(text, text, language="python")]


class Conventions(SphinxDirective):
    """What each program means by a rule: a tab for each formula."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        claim = self.arguments[0]
        programs: dict[Dialect, list[str]] = {}
        for name, rules in CONVENTIONS.items():
            if claim in rules:
                programs.setdefault(rules[claim], []).append(name)
        paper = CONVENTIONS["paper"][claim]
        tabs = "".join(_tab(claim, names, own, paper) for own, names in programs.items())
        return self.parse_text_to_nodes(f"`````{{tab-set}}\n{tabs}`````\n")


def _tab(claim: str, names: list[str], own: Dialect, paper: Dialect) -> str:
    answers = [(field.name, getattr(own, field.name)) for field in fields(own)]
    other = [f"`{name}={value}`" for name, value in answers if value != getattr(paper, name)]
    differs = f"Other answers than the paper's: {', '.join(other)}." if other else ""
    return (
        f"````{{tab-item}} {' · '.join(names)}\n"
        f"```{{formula}} {claim}\n:convention: {names[0]}\n```\n\n{differs}\n````\n"
    )


class Commands(SphinxDirective):
    """The help of every command, by sphinx-click; inside ``{eval-rst}``, which that needs."""

    def run(self) -> list[nodes.Node]:
        points = sorted(entry_points(group="wdref.commands"), key=lambda point: point.name)
        text = "".join(
            f".. click:: {point.value}\n   :prog: wdref {point.name}\n   :nested: full\n\n"
            for point in points
        )
        return self.parse_text_to_nodes(text, allow_section_headings=True)


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
        "conventions": Conventions,
        "commands": Commands,
        "paths": Paths,
    }.items():
        app.add_directive(name, directive)
    return {"parallel_read_safe": True}
