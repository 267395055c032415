"""The distribution: what is listed, what it resolves to, and what importing it brings in."""

import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import wdref

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
SETUPTOOLS = PROJECT["tool"]["setuptools"]
NAME_OF = {folder: package for package, folder in SETUPTOOLS["package-dir"].items()}
ENTRY_POINTS = {
    (group, name, value)
    for group, points in PROJECT["project"]["entry-points"].items()
    for name, value in points.items()
}
STALE = "the installed metadata is older than pyproject.toml: run `pip install -e .`"

CORE = {"array_api_compat", "numpy", "optree", "typing_extensions", "wdref"}
IMPORT_ONLY = """
import json, sys
before = set(sys.modules)
import wdref
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def package_of(folder: Path) -> str:
    top, *rest = folder.relative_to(ROOT).parts
    return ".".join([NAME_OF[top], *rest])


def code_folders() -> set[Path]:
    files = [file for top in NAME_OF for file in (ROOT / top).rglob("*.py")]
    return {file.parent for file in files}


def test_every_package_is_listed():
    assert {package_of(folder) for folder in code_folders()} == set(SETUPTOOLS["packages"])


def test_every_folder_with_code_is_a_package():
    assert [folder for folder in code_folders() if not (folder / "__init__.py").exists()] == []


def test_types_are_shipped():
    assert "py.typed" in SETUPTOOLS["package-data"]["wdref"]
    assert (ROOT / "wdref" / "py.typed").exists()


def test_installed_entry_points_are_those_of_the_project():
    points = importlib.metadata.distribution("wdref").entry_points
    installed = {(p.group, p.name, p.value) for p in points if p.group != "console_scripts"}
    assert installed == ENTRY_POINTS, STALE


@pytest.mark.parametrize(("group", "name", "value"), sorted(ENTRY_POINTS))
def test_entry_point_resolves(group, name, value):
    importlib.metadata.EntryPoint(name, value, group).load()


def test_the_console_script_resolves():
    value = PROJECT["project"]["scripts"]["wdref"]
    assert callable(importlib.metadata.EntryPoint("wdref", value, "console_scripts").load())


def test_the_core_imports_nothing_heavy(tmp_path):
    """Nothing but NumPy, array-api-compat and optree; no backend, no oracle, no framework."""
    command = [sys.executable, "-W", "error", "-c", IMPORT_ONLY]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    modules = json.loads(done.stdout)
    roots = {module.partition(".")[0] for module in modules} - set(sys.stdlib_module_names)
    assert roots <= CORE
    elsewhere = ("wdref.analysis", "wdref.backends", "wdref.frameworks", "wdref.oracle")
    assert [module for module in modules if module.startswith(elsewhere)] == []


def test_the_version_stands_in_one_place():
    version = PROJECT["project"]["version"]
    assert importlib.metadata.version("wdref") == version, STALE
    assert wdref.__version__ == version
    files = [file for top in NAME_OF for file in (ROOT / top).rglob("*.py")]
    assert [file for file in files if version in file.read_text("utf-8")] == []
    assert "\nversion:" not in (ROOT / "CITATION.cff").read_text("utf-8")


def test_the_version_is_told_without_an_extra():
    code = (
        "import sys; sys.modules['click'] = sys.modules['rich'] = None; "
        "sys.argv = ['wdref', '--version']; from wdref.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    first, python, libraries = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert first == f"wdref {importlib.metadata.version('wdref')}"
    assert platform.python_version() in python
    assert f"numpy {np.__version__}, array-api-compat " in libraries


def test_the_smallest_versions_are_told():
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "minimum.py", "oracle"], capture_output=True, text=True
    )
    assert "numpy==2.1" in done.stdout.splitlines()
    assert all("==" in line for line in done.stdout.splitlines())


def test_the_shell_completes_commands_and_options():
    """By click's own protocol, which `eval "$(_WDREF_COMPLETE=bash_source wdref)"` sets up."""
    pytest.importorskip("click", reason="the extra `oracle` installs it")
    code = "import sys; sys.argv = ['wdref']; from wdref.cli import main; main()"
    asked = {
        "_WDREF_COMPLETE": "bash_complete",
        "COMP_WORDS": "wdref print --as ",
        "COMP_CWORD": "3",
    }
    environment = {**os.environ, **asked}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert done.stdout.split() == ["plain,c", "plain,rust", "plain,javascript", "plain,latex"]


def test_the_conda_recipe_names_the_core_s_dependencies():
    recipe = (ROOT / "docs" / "conda" / "recipe.yaml").read_text("utf-8")
    for dependency in PROJECT["project"]["dependencies"]:
        assert f"- {dependency.replace('>=', ' >=')}\n" in recipe


@pytest.mark.skipif(os.name != "posix", reason="pipes end otherwise there")
def test_a_reader_that_stops_early_is_no_error():
    code = "import sys; sys.argv = ['wdref', '--version']; from wdref.cli import main; main()"
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-u", "-c", code], stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")
