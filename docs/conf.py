"""Sphinx: the pages in MyST Markdown, the API from the docstrings of the installed package."""

import importlib.metadata
import sys
from pathlib import Path

project = "wdref"
author = "The wdref developers"
copyright = "2026, The wdref developers"
release = version = importlib.metadata.version("wdref")

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

extensions = [
    "printed",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "myst_nb",
]
myst_enable_extensions = ["dollarmath"]
nb_execution_mode = "off"
autosummary_generate = True
numpydoc_show_class_members = False
html_theme = "furo"
exclude_patterns = ["_build", "benchmarks_table.md"]  # the table is included by benchmarks.md
