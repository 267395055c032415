"""Lives in MLX, Paddle, tinygrad and Thinc: users' classes, each event by the framework's means."""

import runpy
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from wdref.oracle.cases.lives import NAMES

HERE = Path(__file__).parent
asked = SimpleNamespace(**runpy.run_path(str(HERE / "point_runs.py")))
DERIVED = runpy.run_path(str(HERE / "life_classes.py"))["DERIVED"]
FRAMEWORKS = ("mlx", "paddle", "tinygrad", "thinc")
pytest.importorskip("flint", reason="verdicts need python-flint: pip install 'wdref[oracle]'")


@pytest.fixture
def lived(tmp_path):
    """Write a class to a file and return the verdict of every life of its training."""

    def function(framework, *change):
        derived = DERIVED[framework]
        pytest.importorskip(framework, reason="it has optimizers: pip install 'wdref[frameworks]'")
        if framework == "tinygrad" and shutil.which("clang") is None:
            pytest.skip("tinygrad's CPU compiles with clang")
        file = tmp_path / "my_optim.py"
        file.write_text(derived.source.replace(*change) if change else derived.source)
        return asked.verdicts(file, derived.name, derived.claim, derived.convention, short=NAMES)

    return function


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_user_s_class_conforms_in_every_life_that_the_framework_has(lived, framework):
    found = lived(framework)
    assert set(found.values()) <= {"conforms", "unsupported"}, found
    refused = {name for name, verdict in found.items() if verdict == "unsupported"}
    assert refused == set(DERIVED[framework].refused) & set(found)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_fault_of_its_protocol_is_seen_in_its_event_alone(lived, framework):
    derived = DERIVED[framework]
    assert derived.wrong[0] in derived.source
    found = lived(framework, *derived.wrong)
    wrong = {name for name, verdict in found.items() if verdict == "deviates"}
    assert wrong == set(derived.seen), found
    assert set(found.values()) <= {"conforms", "unsupported", "deviates"}, found
