"""The documentation: its blocks run, its commands exist, its links lead somewhere."""

import json
import re
import tomllib
from pathlib import Path
from urllib.parse import unquote

import click
import docs_pages
import pytest
from docs_pages import PAGES, ROOT, blocks, commands
from programs import needed

from wdref import cli

EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"][
    "optional-dependencies"
]
OPTIONAL = {"flax", "jax", "keras", "optax", "safetensors", "sklearn", "torch", "xarray"}
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")


def ids(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


RUN = [
    page
    for page in PAGES
    if page.name not in docs_pages.ELSEWHERE
    and any(b.language in ("python", "console") for b in blocks(page))
]


@pytest.mark.parametrize("page", RUN, ids=ids)
def test_the_examples_run(page, tmp_path, monkeypatch):
    consoles = [b for b in blocks(page) if b.language == "console"]
    if consoles:
        needed("bash")
    if any("$ node " in b.text for b in consoles):
        needed("node")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    try:
        docs_pages.run_page(page)
    except ModuleNotFoundError as error:
        if error.name.partition(".")[0] not in OPTIONAL:
            raise
        pytest.skip(f"{page.name} imports {error.name}, which an extra installs")


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_what_is_not_run_says_why(page):
    for block in blocks(page):
        if block.marker is not None:
            assert (block.marker, bool(block.reason)) == ("not run", True), block.line


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_commands_exist(page):
    for line, words in commands(page):
        if words[:1] == ["wdref"]:
            assert_parses(words[1:], f"{page.name}:{line}")
        elif words[:1] == ["make"]:
            assert f"\n{words[1]}:" in (ROOT / "Makefile").read_text("utf-8"), line
        elif words[:2] == ["pip", "install"]:
            named = [extra for word in words for extra in re.findall(r"(?:wdref|\.)\[(.+)\]", word)]
            assert {extra for names in named for extra in names.split(",")} <= set(EXTRAS), line


def test_one_page_says_how_wdref_is_installed():
    """A release changes that page; the others name an extra and lead there."""
    by_name = re.compile(r"pip install [^\n`]*\bwdref\b")
    assert [page.name for page in PAGES if by_name.search(page.read_text("utf-8"))] == [
        "install.md"
    ]
    named = [page for page in PAGES if re.search(r"[Ii]nstall wdref", page.read_text("utf-8"))]
    assert [page.name for page in named if "(install.md)" not in page.read_text("utf-8")] == []


def assert_parses(words: list[str], where: str) -> None:
    """Parse a command line as `wdref` would, without running it."""
    command, parent = cli._group(), None
    while True:
        try:
            context = command.make_context(command.name, list(words), parent=parent)
        except click.exceptions.Exit:  # --help, --version
            return
        except click.UsageError as error:
            pytest.fail(f"{where}: {' '.join(words)}: {error.format_message()}")
        if not isinstance(command, click.Group):
            return
        name, command, words = command.resolve_command(
            context, [*context._protected_args, *context.args]
        )
        assert command is not None, f"{where}: no command {name}"
        parent = context


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_links_lead_somewhere(page):
    text = docs_pages.BLOCK.sub("", page.read_text("utf-8"))
    for target in (first or second for first, second in LINK.findall(text)):
        if target.startswith(("http:", "https:", "mailto:")):
            continue
        name, _, anchor = unquote(target).partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.is_file(), f"{page.name}: {target}"
        if anchor and file.suffix == ".md" and file.name != "commands.md":  # which is generated
            assert anchor in anchors(file), f"{page.name}: {target}"


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and MyST make them, and its own labels."""
    text = docs_pages.BLOCK.sub("", page.read_text("utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    words = (re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)
    return {*words, *re.findall(r"^\((.+)\)=$", text, re.MULTILINE)}


def test_every_page_is_in_the_table_of_contents():
    listed = {"index"}
    for page in PAGES:
        for block in blocks(page):
            if block.language == "{toctree}":
                listed |= {line for line in block.text.split("\n") if re.fullmatch(r"\w+", line)}
    pages = [path for kind in ("*.md", "*.ipynb") for path in (ROOT / "docs").glob(kind)]
    assert {path.stem for path in pages if not path.stem.endswith("_table")} == listed


def test_every_command_stands_in_the_overview():
    page = (ROOT / "docs" / "commands.md").read_text("utf-8")
    group = cli._group()
    for name in group.list_commands(click.Context(group)):
        assert f"[`wdref {name}`](#wdref-{name})" in page


def test_blocks_are_found_and_compared():
    text = "prints\n\n```text\na\n```\n\n<!-- not run: why -->\n```python\nx\n```\n"
    found = [docs_pages.BLOCK.search(text)["language"], docs_pages.BLOCK.findall(text)[1][2]]
    assert found == ["text", "why"]
    docs_pages.assert_like("a\nb\nc 1.5\n", "a\n…\nc …\n", "here")
    with pytest.raises(AssertionError, match="here"):
        docs_pages.assert_like("a\nb\n", "a\nc\n", "here")


def test_a_command_that_does_not_exist_is_noticed():
    assert_parses(["vectors", "check", "outputs.json"], "here")
    for words in (["chek"], ["check", "x", "--claim", "adamw", "--frob"], ["vectors", "frob"]):
        with pytest.raises((pytest.fail.Exception, click.UsageError)):
            assert_parses(words, "here")


def test_another_output_is_noticed(tmp_path, monkeypatch):
    needed("bash")
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "page.md"
    page.write_text("```console\n$ false\n$ echo $?\n1\n$ echo a\na\n```\n", "utf-8")
    docs_pages.run_page(page)
    page.write_text("```console\n$ echo a\nb\n```\n", "utf-8")
    with pytest.raises(AssertionError, match=r"page.md:1: expected\nb"):
        docs_pages.run_page(page)


JSON = {  # of the commands that answer at once
    "wdref check": ["check", "loopback:SGD", "--claim", "sgd", "--dtype", "float16"],
    "wdref convert": ["convert", "adamw", "--from", "pytorch", "--to", "optax"],
    "wdref print": ["print", "adamw", "--as", "c"],
    "wdref propositions": ["propositions"],
    "wdref theory": ["theory", "--only", "2"],
    "wdref vectors export": ["vectors", "export", "made", "--claim", "sgd", "--dtype", "float64"],
    "wdref vectors lint": ["vectors", "lint", "made"],
}


def test_json_has_the_keys_that_are_documented(tmp_path, monkeypatch, capsys):
    rows = docs_pages.json_rows()
    monkeypatch.chdir(tmp_path)
    for name, words in JSON.items():
        monkeypatch.setattr("sys.argv", ["wdref", *words, "--json"])
        with pytest.raises(SystemExit):
            cli.main()
        assert list(json.loads(capsys.readouterr().out)) == rows[name]


def test_every_command_with_json_has_a_row_and_the_others_are_named():
    found = {name: {option.name for option in own.params} for name, own in each(cli._group())}
    without = {name for name, options in found.items() if "as_json" not in options}
    first = (ROOT / "docs" / "json.md").read_text("utf-8").partition(". ")[0]
    assert set(re.findall(r"`(wdref [\w ]+)`", first)) == without
    assert docs_pages.json_rows().keys() == found.keys() - without


def each(command, name="wdref"):
    """Every command that is no group, under the words that one types."""
    if not isinstance(command, click.Group):
        yield name, command
        return
    context = click.Context(command)
    for word in command.list_commands(context):
        yield from each(command.get_command(context, word), f"{name} {word}")
