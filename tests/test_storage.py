"""Results on disk: what is read is what was written, or an error that says what is wrong."""

import errno
import os
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("xarray", reason="sweeps need the extra `analysis`")
import xarray

from wdref.analysis.sweep import storage
from wdref.analysis.sweep.storage import StorageError, Store, read, write
from wdref.analysis.sweep.sweep import Job, run

JOB = Job("digits", (("width", 8),), learning_rates=(0.01, 0.1), weight_decays=(0.0, 0.1, 1.0),
          seeds=(0, 3), steps=4, record=2)  # fmt: skip


@pytest.fixture(scope="module")
def result():
    return run(JOB)


def test_what_is_read_is_what_was_written(result, tmp_path):
    store = Store(tmp_path / "made" / "for it")
    assert store.load(JOB) is None
    store.save(JOB, result)
    found = store.load(JOB)
    xarray.testing.assert_identical(found, result)
    assert {n: v.dtype for n, v in found.variables.items()} == {
        n: v.dtype for n, v in result.variables.items()
    }
    assert [path.name for path in store.folder.iterdir()] == [store.path(JOB).name]


def test_nan_and_the_bits_are_kept(tmp_path):
    values = np.array([[np.nan, -0.0, 5e-324], [np.inf, 1 / 3, np.nextafter(1, 2)]])
    write(xarray.Dataset({"test_loss": (("a", "b"), values)}), tmp_path / "x.nc")
    assert read(tmp_path / "x.nc")["test_loss"].values.tobytes() == values.tobytes()


@pytest.mark.parametrize(
    "change",
    [
        {"seeds": (0, 4)}, {"steps": 5}, {"learning_rates": (0.01, np.nextafter(0.1, 1))},
        {"options": (("width", 9),)}, {"form": "lr"}, {"schedule": "fixed"}, {"dtype": "float64"},
        {"batch": 16}, {"record": 1}, {"eps": 1e-7}, {"problem": "digits-bn"},
    ],
)  # fmt: skip
def test_another_job_is_another_file(change, tmp_path):
    assert Store(tmp_path).path(replace(JOB, **change)) != Store(tmp_path).path(JOB)


def test_an_equal_job_is_found(result, tmp_path):
    Store(tmp_path).save(JOB, result)
    assert Store(tmp_path).load(replace(JOB, steps=4)) is not None


def test_every_damaged_byte_is_noticed(result, tmp_path):
    path = tmp_path / "x.nc"
    write(result, path)
    whole = path.read_bytes()
    for at in (*range(0, len(whole), 7), len(whole) - 1):
        spoiled = bytearray(whole)
        spoiled[at] ^= 1
        path.write_bytes(spoiled)
        with pytest.raises(StorageError, match="damaged"):
            read(path)


@pytest.mark.parametrize("content", [b"", b"\0", b"CDF\x01", b"not netCDF"])
def test_a_file_of_something_else(content, tmp_path):
    path = tmp_path / "x.nc"
    path.write_bytes(content)
    with pytest.raises(StorageError, match=r"x\.nc: damaged, or no result of wdref's"):
        read(path)


def test_a_truncated_file(result, tmp_path):
    path = tmp_path / "x.nc"
    write(result, path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(StorageError, match="its bytes are not those that were written"):
        read(path)


def test_another_version_is_neither_read_nor_touched(result, tmp_path, monkeypatch):
    store = Store(tmp_path)
    with monkeypatch.context() as older:
        older.setattr(storage, "FORMAT", 0)
        store.save(JOB, result)
        old = store.path(JOB)
    assert store.load(JOB) is None
    assert store.of_other_formats() == [old]
    with pytest.raises(StorageError, match="a result of format 0, this version reads 1"):
        read(old)
    store.save(JOB, result)
    assert old.exists()
    assert store.of_other_formats() == [old]


def test_a_full_disk_leaves_nothing(result, tmp_path, monkeypatch):
    store = Store(tmp_path)
    store.save(JOB, result)
    before = store.path(JOB).read_bytes()

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        store.save(JOB, result.isel(seed=[0]))
    assert [path.name for path in tmp_path.iterdir()] == [store.path(JOB).name]
    assert store.path(JOB).read_bytes() == before


def test_a_damaged_result_is_set_aside(result, tmp_path):
    store = Store(tmp_path)
    store.path(JOB).write_bytes(b"damaged")
    kept = store.set_aside(JOB)
    assert kept.read_bytes() == b"damaged"
    assert store.load(JOB) is None
