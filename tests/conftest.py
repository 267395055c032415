"""Shared by the tests: Hypothesis' profile, and what "the same bits" means."""

import importlib.util
import os
import subprocess
import time
import warnings

import numpy as np
import programs
import pytest
from hypothesis import HealthCheck, settings

# Keras takes its backend once a process, at the import: whichever test is first, this one.
os.environ["KERAS_BACKEND"] = "torch"

# Shared machines are slow at times: how long an example took is no finding.
settings.register_profile(
    "wdref", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("wdref")


def assert_same_bits(got, want):
    """The same dtype, shape and bits; a NaN, whose sign and payload mean nothing, equals any."""
    got, want = np.asarray(got), np.asarray(want)
    assert (got.dtype, got.shape) == (want.dtype, want.shape)
    with np.errstate(invalid="ignore"):  # bfloat16's isnan warns of signalling NaNs
        nan, got_nan = np.isnan(want), np.isnan(got)
    np.testing.assert_array_equal(got_nan, nan)
    integers = f"u{got.dtype.itemsize}"
    bits = [np.ascontiguousarray(x).view(integers).reshape(x.shape) for x in (got, want)]
    np.testing.assert_array_equal(bits[0][~nan], bits[1][~nan])


# run it in this process; the last imports every adapter there is
PADDLE = {"test_adapters_more.py", "test_words.py", "test_life_others.py", "test_doctests.py"}


def pytest_collection_modifyitems(items):
    """Load Paddle before anything loads TensorFlow: the other way round its library crashes."""
    files = {item.path.name for item in items}
    if PADDLE & files and (len(files) > 1 or "test_doctests.py" in files):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what it imports
            importlib.import_module("paddle") if importlib.util.find_spec("paddle") else None


@pytest.fixture(scope="module")
def chromium():
    """A real browser, driven by selenium."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="the extra `dev` installs it")
    browser, driver = programs.needed("chromium"), programs.needed("chromedriver")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for word in ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(word)
    with webdriver.Chrome(options, webdriver.ChromeService(driver)) as found:
        yield found


@pytest.fixture
def endless(tmp_path, monkeypatch):
    """An expression that waits for ever. A limit on a process ends when it is reached, not before.

    So no test waits, and none asks how fast the machine is.
    """
    reached, wait = tmp_path / "reached", subprocess.Popen.wait

    def until_reached(process, timeout=None):
        while timeout is not None and process.poll() is None:
            if reached.exists():
                raise subprocess.TimeoutExpired(process.args, timeout)
            time.sleep(0.01)
        return wait(process)

    monkeypatch.setattr(subprocess.Popen, "wait", until_reached)
    return f"open({str(reached)!r}, 'w').close() or __import__('threading').Event().wait()"


class Skipping:
    """A clock that skips an hour at each look while `hangs` is there; a kill takes that away."""

    def __init__(self, hangs, kill):
        self.hangs, self._kill, self.skipped, self.sleep = hangs, kill, 0.0, time.sleep

    def monotonic(self):
        self.skipped += 3600.0 * self.hangs.exists()
        return time.monotonic() + self.skipped

    def kill(self, process):
        self._kill(process)
        self.hangs.unlink(missing_ok=True)


@pytest.fixture
def hangs(tmp_path, monkeypatch):
    """A file that a row of a pool writes when it hangs: its limit is reached then, not before.

    One process alone may be run: of several all would feel it.
    """
    target_pool = pytest.importorskip("wdref.oracle.targets.target_pool", reason="the oracle's")
    clock = Skipping(tmp_path / "hangs", target_pool.kill)
    monkeypatch.setattr(target_pool, "time", clock)
    monkeypatch.setattr(target_pool, "kill", clock.kill)
    return clock.hangs


@pytest.fixture(scope="session")
def adamw_vectors(tmp_path_factory):
    """The vectors of AdamW under both conventions that the programs in other languages know."""
    vectors = pytest.importorskip("wdref.oracle.vectors.files", reason="needs wdref[oracle]")
    place = tmp_path_factory.mktemp("vectors")
    for convention in ("paper", "pytorch"):
        vectors.export(place, "adamw", convention)
    return place


@pytest.fixture(scope="session")
def same_bits():
    return assert_same_bits


def pytest_terminal_summary(terminalreporter):
    """Say in one place what could not be tried, and what to install for it."""
    skipped = terminalreporter.stats.get("skipped", [])
    for line in programs.summary([str(report.longrepr) for report in skipped]):
        terminalreporter.write_line(line)
