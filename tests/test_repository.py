"""House rules that a machine can check, on the files of the checkout."""

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = {"changes", "analysis", "backends", "docs", "tests", "wdref"}
GUARD = re.compile(r"\(`([\w./-]+\.py)::(\w+)`\)$")
LONGEST = 400
# Paths of one machine, and hosts of registries: where a package comes from is the user's choice.
FORBIDDEN = re.compile(r"(?<![\w.~-])/(work|tmp|home|root|Users)/|pypi[.]org|pythonhosted[.]org")


def repository_files() -> list[Path]:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout", allow_module_level=True)
    paths = [ROOT / name for name in done.stdout.split("\0") if name]
    return [path for path in paths if path.is_file()]


FILES = repository_files()


def lines_of(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8").splitlines()
    except (FileNotFoundError, UnicodeDecodeError):  # gone, or a picture
        return []


def design() -> list[str]:
    return lines_of(ROOT / "docs" / "design.md")


def guarded() -> list[tuple[str, str]]:
    """The tests that docs/design.md names at the end of its constraints."""
    return [match.groups() for line in design() if (match := GUARD.search(line.rstrip()))]


def test_the_top_level_is_fixed():
    inside = {path.relative_to(ROOT).parts[0] for path in FILES if path.parent != ROOT}
    assert {name for name in inside if not name.startswith(".")} == FOLDERS


def test_files_are_short():
    lengths = {path: len(lines_of(path)) for path in FILES if path.suffix == ".py"}
    assert {path: n for path, n in lengths.items() if n > LONGEST} == {}


def test_nothing_names_a_machine():
    hits = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in FILES
        for number, line in enumerate(lines_of(path), 1)
        if FORBIDDEN.search(line)
    ]
    assert hits == []


def test_the_changelog_knows_the_version():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    headings = [line for line in lines_of(ROOT / "CHANGELOG.md") if line.startswith("## ")]
    assert headings[0].startswith(("## [Unreleased]", f"## [{version}]"))


def test_every_change_to_come_is_of_a_known_kind():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["towncrier"]
    kinds = {kind["directory"] for kind in settings["type"]}
    files = [path for path in (ROOT / "changes").iterdir() if path.name != "README.md"]
    assert [path.name for path in files if path.name.split(".")[1:] not in
            [[kind, "md"] for kind in kinds]] == []  # fmt: skip
    assert settings["start_string"] in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_the_design_names_its_guards():
    assert guarded()
    assert sum(".py::" in line for line in design()) == len(guarded()), "a guard ends its line"


@pytest.mark.parametrize(("file", "test"), guarded())
def test_a_guard_exists(file, test):
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    assert test in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
