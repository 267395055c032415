"""A command that cannot answer: one line on stderr, and under --json one document that has it."""

import json

import pytest
from command_runs import one_line, target, wdref  # noqa: F401  # fixtures

pytest.importorskip("matplotlib", reason="figures and folders need the extra `analysis`")
pytest.importorskip("psutil", reason="`wdref bench` needs the extra `bench`")

REFUSED = {
    "theory --only 99z": "--only: ",
    "theory --out FILE/folder": "--out FILE/folder: Not a directory",
    "mechanisms --out FILE/folder": "--out FILE/folder: Not a directory",
    "mechanisms --figure none/x.svg": "--figure none/x.svg: No such file or directory",
    "propositions --out FILE/folder": "--out FILE/folder: Not a directory",
    "bench --figure none/x.svg": "--figure none/x.svg: No such file or directory",
    "bench --max-size 0": "--max-size 0: expected a number >= 1, as in 1e7",
    "landscape --seeds 1": "--seeds 1: an interval needs at least 2",
    "claims --seeds 1": "--seeds 1: ",
}


@pytest.fixture
def refused(wdref, tmp_path):  # noqa: F811  # the fixture
    (tmp_path / "FILE").touch()
    return wdref


@pytest.mark.parametrize("line", REFUSED)
def test_it_is_said_on_both_streams(refused, line):
    status, out, err = refused(*line.split(), "--json")
    assert status == 2
    assert one_line(err)
    assert REFUSED[line] in err
    assert json.loads(out)["error"] == err.strip().removeprefix("wdref: error: ")


@pytest.mark.parametrize("line", REFUSED)
def test_stdout_is_empty_without_it(refused, line):
    status, out, err = refused(*line.split())
    assert (status, out) == (2, "")
    assert one_line(err)
