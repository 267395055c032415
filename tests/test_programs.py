"""What is said of programs that are not there."""

import programs
import pytest


def test_a_program_that_is_missing_skips_by_name(monkeypatch):
    monkeypatch.setattr(programs.shutil, "which", lambda name: None)
    with pytest.raises(pytest.skip.Exception, match=r"for want of node \(install nodejs\)"):
        programs.needed("node")


def test_what_was_wanted_is_counted():
    reasons = [
        "('tests/test_a.py', 3, 'Skipped: for want of g++ (install g++)')",
        "('tests/test_b.py', 5, 'Skipped: for want of node (install nodejs)')",
        "('tests/test_b.py', 7, 'Skipped: the extra `dev` installs it')",
        "('tests/test_c.py', 9, 'Skipped: for want of g++ (install g++)')",
    ]
    assert programs.summary(reasons) == [
        "skipped for want of g++ (install g++): 2",
        "skipped for want of node (install nodejs): 1",
    ]
