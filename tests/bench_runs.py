"""What tests of the benchmark share: a clock that is told, and `wdref bench` in this process."""

import sys

import pytest

from wdref import cli
from wdref.analysis.bench.measure import Sampling
from wdref.analysis.bench.subjects import Step, Subject

QUICK = Sampling(rounds=5, seconds=0.0, pause=0.0)


class Told:
    """A clock, and steps that take the seconds that they are told to."""

    def __init__(self):
        self.now, self.untimed = 0.0, 0

    def __call__(self):
        return self.now

    def subject(self, name, *seconds, **options):
        """A step that takes `seconds` in turn, the last one from then on."""
        left = list(seconds)

        def run():
            self.now += left.pop(0) if len(left) > 1 else left[0]

        return Subject(name, "bench", lambda case, memory: Step(run, **options))


@pytest.fixture
def told():
    return Told()


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run the command line in this process: its status, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def command(*args):
        monkeypatch.setattr(sys, "argv", ["wdref", "bench", *args])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        return caught.value.code, *capsys.readouterr()

    return command
