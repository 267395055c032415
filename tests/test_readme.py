"""The Python blocks of README.md run, in order, as one program."""

import re
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[int, str]]:
    """Each block's first line number and its text."""
    text = README.read_text("utf-8")
    return [(text.count("\n", 0, m.start(1)), m[1]) for m in BLOCK.finditer(text)]


def test_the_readme_has_examples():
    assert blocks()


def test_the_examples_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    names = {"__name__": "__readme__"}
    for line, source in blocks():
        # The padding makes a traceback point to the README's own line.
        exec(compile("\n" * line + source, str(README), "exec"), names)
