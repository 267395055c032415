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
    "families",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx_click",
    "sphinx_copybutton",
    "sphinx_design",
    "numpydoc",
    "myst_nb",
]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"
default_role = "py:obj"  # `name` in a docstring
autodoc_member_order = "bysource"
autodoc_mock_imports = ["pytest"]  # `wdref.testing` is for who has it; these pages need it not
autodoc_typehints_format = "short"
maximum_signature_line_length = 90  # else one parameter a line
numpydoc_show_class_members = False
copybutton_prompt_text = "$ "
copybutton_exclude = ".linenos, .gp, .go"  # prompts and output are not typed
html_theme = "furo"
html_title = "wdref"
html_static_path = ["_static"]
html_css_files = ["wdref.css"]
exclude_patterns = ["_build", "jupyter_execute", "*_table.md"]  # what is made or included
