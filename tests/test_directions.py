"""Data flows one way: no circle of imports between modules, none between folders, none upwards."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

from wdref.rules import registry

ROOT = Path(__file__).parents[1]
TOPS = {"wdref": "wdref", "backends": "wdref.backends", "analysis": "wdref.analysis"}
# modules that users import by name, and the folder behind each
FACES = {"wdref.backend": "wdref.engine", "wdref.decay": "wdref.rules"}
MOST = 12  # entries that a folder shows
# its folders are one thing each; the package itself has what users import by name
WIDER = {"wdref": 21, "wdref/frameworks": 15, "wdref/oracle": 15, "wdref/rules": 48, "analysis": 12}


def modules():
    """Name of each module, its file, and whether that is a package's."""
    for top, name in TOPS.items():
        for file in sorted((ROOT / top).rglob("*.py")):
            parts = file.relative_to(ROOT / top).with_suffix("").parts
            yield ".".join((name, *parts)).removesuffix(".__init__"), file


FILES = dict(modules())


def imports(name, file):
    """Modules of wdref that a module imports when it is imported itself."""
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            base = package.rsplit(".", node.level - 1)[0] if node.level else ""
            target = ".".join(filter(None, (base, node.module)))
            for alias in node.names:
                inner = f"{target}.{alias.name}"
                yield inner if inner in FILES else target


GRAPH = {name: {x for x in imports(name, file) if x in FILES} for name, file in FILES.items()}


def circles(graph):
    """Groups of nodes each of which leads to every other."""
    reach = {}
    for start in graph:
        seen, stack = set(), [start]
        while stack:
            for x in graph.get(stack.pop(), ()):
                if x not in seen:
                    seen.add(x)
                    stack.append(x)
        reach[start] = seen
    return sorted(
        {tuple(sorted(x for x in reach[n] if n in reach[x])) for n in graph if n in reach[n]}
    )


def test_no_circle_of_modules():
    assert circles(GRAPH) == []


def test_no_circle_of_folders():
    """Files beside folders count as themselves; a folder inside another is a part of it."""

    def folder(name):
        parts = name.split(".")
        depth = (
            3
            if parts[:2] in (["wdref", "oracle"], ["wdref", "analysis"], ["wdref", "backends"])
            else 2
        )
        inside = ".".join(parts[:depth])
        return FACES.get(name, inside if len(parts) > depth else name)

    graph = defaultdict(set)
    for name, others in GRAPH.items():
        mine = folder(name)
        graph[mine] |= {folder(x) for x in others} - {mine}
    assert circles(graph) == []


@pytest.mark.parametrize(
    "name", [n for n in FILES if n.startswith("wdref.rules.") and n.count(".") > 2]
)
def test_no_family_knows_another(name):
    mine = ".".join(name.split(".")[:3])
    families = {
        n
        for n, file in FILES.items()
        if n.startswith("wdref.rules.") and file.name == "__init__.py"
    }
    assert not {
        x for x in GRAPH[name] for f in families if f != mine and f"{x}.".startswith(f"{f}.")
    }


def test_a_folder_shows_at_most_a_dozen_entries():
    for top in TOPS:
        for folder in (ROOT / top, *(p for p in (ROOT / top).rglob("*") if p.is_dir())):
            if folder.name == "__pycache__" or "reproductions" in folder.parts:
                continue
            entries = [
                p
                for p in folder.iterdir()
                if p.name not in ("__pycache__", "former", "__init__.py")
            ]
            where = folder.relative_to(ROOT).as_posix()
            assert len(entries) <= WIDER.get(where, MOST), where


def test_every_package_says_what_it_is():
    for name, file in FILES.items():
        if file.name == "__init__.py":
            assert ast.get_docstring(ast.parse(file.read_text("utf-8"))), name


# Tables of rows, by family: which right implementations there are, whose classes are watched.
TABLES = ("wdref/oracle/proof/detection.py", "wdref/oracle/proof/rights/", "wdref/oracle/watch/",
          "wdref/frameworks/", "wdref/oracle/findings/reproductions/")  # fmt: skip
# the paper's families come first; the default of a function that is older than the families;
# programs that are called as their rule is
ORDER = {("wdref/rules/registry.py", "FIRST"), ("wdref/decay.py", "rewrite"),
         ("wdref/oracle/vectors/sources.py", "PROGRAMS")}  # fmt: skip


def family_words():
    """What only a family's own folder may say: its name, its claims, its dialect's."""
    for family in registry.families().values():
        yield from (family.name, family.dialect.__name__, *(c.name for c in family.claims))


def spoken(tree):
    """Identifiers and texts of a module that are words alone, with the statement they stand in."""
    for statement in tree.body:
        name = getattr(statement, "name", None)
        if isinstance(statement, ast.Assign):
            name = getattr(statement.targets[0], "id", None)
        documented = {id(node.body[0].value) for node in ast.walk(statement)
                      if isinstance(getattr(node, "body", None), list) and node.body
                      and isinstance(node.body[0], ast.Expr)}  # fmt: skip
        for node in ast.walk(statement):
            if isinstance(node, ast.Constant) and id(node) not in documented:
                yield name, node.value
            elif isinstance(node, ast.Name | ast.Attribute):
                yield name, getattr(node, "id", None) or node.attr


@pytest.mark.parametrize("top", ["wdref", "backends"])
def test_no_file_but_a_family_s_own_names_it(top):
    words, said = set(family_words()), []
    for file in sorted((ROOT / top).rglob("*.py")):
        path = file.relative_to(ROOT).as_posix()
        if path.startswith(TABLES) or (path.startswith("wdref/rules/") and path.count("/") > 2):
            continue
        for name, word in spoken(ast.parse(file.read_text("utf-8"))):
            if isinstance(word, str) and word in words and (path, name) not in ORDER:
                said.append((path, name, word))
    assert said == []
