"""Sweeps on processes and on a cluster: the same bits, nothing computed twice, nothing lost."""

import errno
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

pytest.importorskip("xarray", reason="sweeps need the extra `analysis`")
pytest.importorskip("joblib", reason="sweeps need the extra `analysis`")
from wdref.analysis.sweep import storage
from wdref.analysis.sweep.jobs import Stopped, sweep, updates
from wdref.analysis.sweep.storage import Store, read
from wdref.analysis.sweep.sweep import Job, run

JOB = Job("digits-bn", (("width", 8),), learning_rates=(0.01, 0.1), weight_decays=(0.01, 0.1),
          steps=6)  # fmt: skip
JOBS = [replace(JOB, optimizer=o, form=f, seeds=(s,))
        for o, f in (("adamw", "paper"), ("sgd", "l2")) for s in (0, 1)]  # fmt: skip


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    return sweep(JOBS, Store(tmp_path_factory.mktemp("alone")))


def refused(job):
    raise AssertionError(f"computed again: {job}")


def same(found, wanted):
    assert list(found.results) == list(wanted.results)
    for job, result in wanted.results.items():
        for name, variable in result.variables.items():
            assert found.results[job][name].values.tobytes() == variable.values.tobytes(), name


def test_every_job_is_computed_and_saved(alone):
    assert alone.computed == len(JOBS)
    assert list(alone.results) == JOBS
    assert alone.failures == {}
    assert alone.notes == []


def test_processes_have_the_bits_of_one(alone, tmp_path):
    found = sweep(JOBS, Store(tmp_path), workers=2)
    assert found.computed == len(JOBS)
    same(found, alone)


def test_a_cluster_of_two_workers_has_the_bits_of_one(alone, tmp_path):
    distributed = pytest.importorskip("distributed", reason="a cluster needs dask[distributed]")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        found = sweep(JOBS, Store(tmp_path), scheduler=cluster.scheduler_address)
    assert found.computed == len(JOBS)
    same(found, alone)


def test_a_second_run_computes_nothing(alone, tmp_path):
    sweep(JOBS, Store(tmp_path))
    found = sweep(JOBS, Store(tmp_path), compute=refused)
    assert found.computed == 0
    same(found, alone)


def test_more_seeds_compute_what_is_new(tmp_path):
    sweep(JOBS[:1], Store(tmp_path))
    assert sweep(JOBS[:2], Store(tmp_path)).computed == 1


def test_a_job_twice_is_computed_once(tmp_path):
    assert sweep(JOBS[:1] * 2, Store(tmp_path)).computed == 1


@pytest.mark.parametrize("workers", [1, 2])
def test_a_job_that_raises_costs_itself_alone(workers, tmp_path):
    bad = JOBS[1]

    def spoiled(job):
        if job == bad:
            raise ZeroDivisionError("of this job")
        return run(job)

    found = sweep(JOBS, Store(tmp_path), workers=workers, compute=spoiled)
    assert found.failures == {bad: "ZeroDivisionError: of this job"}
    assert list(found.results) == [job for job in JOBS if job != bad]
    assert sweep(JOBS, Store(tmp_path)).computed == 1


def test_a_worker_that_dies(tmp_path):
    last = JOBS[-1]

    def dies(job):
        if job == last:
            while len(list(tmp_path.glob("*.nc"))) < len(JOBS) - 1:  # the others are kept
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGKILL)
        return run(job)

    with pytest.raises(Stopped, match=r"a worker died .*; 3 of 4 results are kept in .*go on"):
        sweep(JOBS, Store(tmp_path), workers=2, compute=dies)
    assert sweep(JOBS, Store(tmp_path)).computed == 1


def test_a_full_disk(tmp_path, monkeypatch):
    saved = storage.write

    def full_at_the_third(result, path):
        if len(list(tmp_path.iterdir())) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        saved(result, path)

    with monkeypatch.context() as full:
        full.setattr(storage, "write", full_at_the_third)
        with pytest.raises(Stopped, match=r"No space left on device; 2 of 4 results are kept"):
            sweep(JOBS, Store(tmp_path))
    assert sweep(JOBS, Store(tmp_path)).computed == 2


def test_a_damaged_result_is_kept_and_computed_again(alone, tmp_path):
    store = Store(tmp_path)
    sweep(JOBS, store)
    store.path(JOBS[2]).write_bytes(b"CDF\x01 and no more")
    found = sweep(JOBS, store)
    same(found, alone)
    assert found.computed == 1
    (note,) = found.notes
    assert "damaged" in note
    assert store.path(JOBS[2]).with_suffix(".damaged").read_bytes() == b"CDF\x01 and no more"


def test_results_of_another_version_are_named(tmp_path, monkeypatch):
    with monkeypatch.context() as older:
        older.setattr(storage, "FORMAT", 0)
        sweep(JOBS[:2], Store(tmp_path))
    found = sweep(JOBS[:1], Store(tmp_path))
    assert found.computed == 1
    assert "2 results of another version of wdref were not used, and left" in found.notes[0]
    assert len(list(tmp_path.iterdir())) == 3


def test_no_scheduler(tmp_path, monkeypatch):
    pytest.importorskip("distributed", reason="a cluster needs dask[distributed]")
    monkeypatch.setattr("wdref.analysis.sweep.jobs.CONNECT", 0.2)
    with pytest.raises(Stopped, match=r"no dask scheduler answers at tcp://127\.0\.0\.1:9.*0 of 4"):
        sweep(JOBS, Store(tmp_path), scheduler="tcp://127.0.0.1:9")


def test_updates_are_counted():
    assert updates(replace(JOB, seeds=(0, 1, 2))) == 3 * 2 * 2 * 6


SLOW = """
import sys, threading
from pathlib import Path
from dataclasses import replace
from wdref.analysis.sweep.jobs import sweep
from wdref.analysis.sweep.storage import Store
from wdref.analysis.sweep.sweep import Job, run

job = Job("digits", (("width", 8),), learning_rates=(0.01, 0.1), weight_decays=(0.01,), steps=5)

def slowly(job):
    if job.seeds[0] >= 2:
        threading.Event().wait()
    return run(job)

if __name__ == "__main__":
    jobs = [replace(job, seeds=(seed,)) for seed in range(4)]
    sweep(jobs, Store(Path(sys.argv[1])), compute=slowly)
"""


def test_what_is_killed_loses_the_job_in_flight_alone(tmp_path):
    (tmp_path / "slow.py").write_text(SLOW)
    folder = tmp_path / "results"
    process = subprocess.Popen([sys.executable, tmp_path / "slow.py", folder])
    try:
        deadline = time.monotonic() + 300
        while len(list(folder.glob("*.nc"))) < 2:
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    for path in folder.glob("*.nc"):
        assert read(path).sizes["learning_rate"] == 2
    job = Job("digits", (("width", 8),), learning_rates=(0.01, 0.1), weight_decays=(0.01,), steps=5)
    found = sweep([replace(job, seeds=(seed,)) for seed in range(4)], Store(folder))
    assert (found.computed, len(found.results)) == (2, 4)
