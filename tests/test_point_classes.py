"""Classes and factories as people write them are pointed at, without one line of adapter.

Each is right, and conforms; and each is made wrong in one place, and deviates.
"""

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

shared = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("point_runs.py"))))
WRITTEN = shared.WRITTEN
pytest.importorskip("flint", reason="verdicts need python-flint: pip install 'wdref[oracle]'")


@pytest.fixture
def pointed(tmp_path):
    """Write a class to a file and return the verdicts on it."""

    def function(written, source, **options):
        reason = f"it is a class of {written.needs}: pip install 'wdref[frameworks]'"
        pytest.importorskip(written.needs, reason=reason)
        file = tmp_path / "my_optim.py"
        file.write_text(source)
        return shared.verdicts(file, written.name, written.claim, written.convention,
                               words=written.words, options=written.options, **options)  # fmt: skip

    return function


@pytest.mark.parametrize("name", WRITTEN)
def test_a_right_one_conforms(pointed, name):
    written = WRITTEN[name]
    found = pointed(written, written.source)
    assert set(found.values()) <= {"conforms", "unsupported"}, found
    assert {found[case] for case in ("exaggerated", "sparse", "stop")} == {"conforms"}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_wrong_one_deviates(pointed, name):
    written = WRITTEN[name]
    assert written.wrong[0] in written.source
    found = pointed(written, written.source.replace(*written.wrong), short=("exaggerated",))
    assert found["exaggerated"] == "deviates", found


@pytest.mark.parametrize("name", ["step_size and l2", "odd words", "torch factory"])
def test_groups_are_asked_of_torch_s_own(pointed, name):
    """By the keys that the groups have, which need not be the constructor's words."""
    written = WRITTEN[name]
    found = pointed(written, written.source, short=("groups-own", "late", "gaps"))
    assert {found[case] for case in ("groups-own", "late", "gaps")} == {"conforms"}, found


def test_an_object_without_groups_is_not_asked_for_them(pointed):
    written = WRITTEN["protocol"]
    found = pointed(written, written.source, short=("groups-own", "late"))
    assert found == {"groups-own": "unsupported", "late": "conforms"}


def test_state_in_globals_is_said_and_nothing_else(tmp_path):
    """The second object differs from the first: no verdict on it would be the rule's."""
    pytest.importorskip("torch", reason="it is a class of torch: pip install 'wdref[frameworks]'")
    file = tmp_path / "my_optim.py"
    file.write_text(shared.GLOBAL)
    results = shared.answered(file, "Adam", "adamw", "pytorch", short=("exaggerated", "stop"))[2]
    assert [result.status for result in results] == ["ok", "error"]
    assert results[1].message == (
        "the same case gave another result the second time: the target keeps state between "
        "objects, or draws random numbers"
    )
