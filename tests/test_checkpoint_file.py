"""The file of a checkpoint: whole or not there, and never read as something else."""

import errno
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import ml_dtypes
import numpy as np
import optree
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wdref
from wdref.checkpoint import file as checkpoint_file
from wdref.checkpoint.checkpoint import CheckpointError

pytest.importorskip("safetensors", reason="the extra `checkpoint` installs it")

ADAMW = wdref.AdamW(learning_rate=0.1, weight_decay=0.05)
PARAMS = {"w": np.ones((3, 4), np.float32), "b": np.zeros(4, np.float32)}


@pytest.fixture
def written(tmp_path):
    """A checkpoint."""
    path = tmp_path / "run.safetensors"
    wdref.save(path, PARAMS, ADAMW.init(PARAMS), optimizer=ADAMW)
    return path


# -- any file at all ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """A small checkpoint's path, bytes and content."""
    path = tmp_path_factory.mktemp("example") / "a"
    params = {"w": np.array([1.5, -2.0]), "b": (np.ones(1, ml_dtypes.bfloat16),)}
    wdref.save(path, params, ADAMW.init(params), optimizer=ADAMW)
    return path, path.read_bytes(), params


def loaded_or_refused(path, content):
    """What is loaded from a file of `content`, None where it is refused."""
    path.write_bytes(content)
    try:
        return wdref.load(path, optimizer=ADAMW)
    except CheckpointError as error:
        message = str(error)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return None


@given(st.data())
def test_no_changed_bytes_are_loaded_as_something_else(example, tmp_path_factory, data):
    _, content, params = example
    start = data.draw(st.integers(0, len(content) - 1))
    patch = data.draw(st.binary(max_size=12))
    new = content[:start] + patch + content[start + data.draw(st.integers(0, 12)) :]
    found = loaded_or_refused(tmp_path_factory.getbasetemp() / "changed", new)
    if found is not None:  # blanks in the header, which say nothing
        assert optree.tree_structure(found[0]) == optree.tree_structure(params)
        for x, y in zip(optree.tree_leaves(found[0]), optree.tree_leaves(params), strict=True):
            np.testing.assert_array_equal(x, y)


@given(st.binary(max_size=300))
def test_no_bytes_are_a_checkpoint(tmp_path_factory, content):
    assert loaded_or_refused(tmp_path_factory.getbasetemp() / "noise", content) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=3),
    lambda own: st.lists(own, max_size=3) | st.dictionaries(st.text(max_size=3), own, max_size=3),
    max_leaves=6,
)


@given(st.data())
def test_documents_that_fit_their_checksum_and_nothing_else(example, tmp_path_factory, data):
    path, _, _ = example
    _, tensors = checkpoint_file.read(path)
    document = wdref.checkpoint.describe(path)
    key = data.draw(st.sampled_from([*document]))
    odd = data.draw(JSON | st.sampled_from([[["w", 0]], {"dict": 3}, {"list": [0, 0]}, [["w", 9]]]))
    changed = {**document, key: odd}
    if key == "tree":
        changed["tree"] = data.draw(st.sampled_from([odd, {"tuple": [odd]}, {"dict": [["w", odd]]},
                                                     {"dict": [[[], 0]]}]))  # fmt: skip
    path = tmp_path_factory.getbasetemp() / "document"
    checkpoint_file.write(path, changed, tensors)
    loaded_or_refused(path, path.read_bytes())


def test_a_document_nested_without_end(example, tmp_path):
    path, _, _ = example
    document, tensors = checkpoint_file.read(path)
    tree = 0
    for _ in range(400):
        tree = {"list": [tree]}
    checkpoint_file.write(tmp_path / "a", {**document, "tree": tree}, tensors)
    assert loaded_or_refused(tmp_path / "a", (tmp_path / "a").read_bytes()) is None
    text = json.dumps({**document, "tree": 0}).replace('"tree": 0', '"tree": ' + "[" * 100_000)
    with pytest.raises(CheckpointError, match="its document is no JSON object"):
        checkpoint_file._parsed("a", text)


# -- the file on the disk -----------------------------------------------------------------------


def test_writers_killed_at_random_moments(tmp_path):
    if not hasattr(os, "fork"):
        return  # the script forks; Windows has no SIGKILL either
    script = Path(__file__).with_name("checkpoint_killer.py")
    done = subprocess.run(
        [sys.executable, script, tmp_path / "run", "200"],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["kills"] == 200
    assert found["inside"] >= 20  # the kills fell into writes, and between them
    assert found["moved"] >= 20
    assert found["left"] == ["run"]  # the next save removed what the kills had left


@pytest.mark.parametrize("where", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file(written, monkeypatch, where):
    old, params = written.read_bytes(), PARAMS

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    owner = Path if where == "replace" else checkpoint_file.os
    monkeypatch.setattr(owner, where, full)
    with pytest.raises(OSError, match="No space left on device"):
        wdref.save(written, params, ADAMW.init(params), optimizer=ADAMW)
    assert written.read_bytes() == old
    assert [file.name for file in written.parent.iterdir()] == [written.name]


def test_a_write_that_ends_half_way_leaves_the_old_file(written):
    resource = pytest.importorskip("resource", reason="limits of POSIX")
    old, params = written.read_bytes(), {"w": np.zeros(100_000)}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            wdref.save(written, params, ADAMW.init(params), optimizer=ADAMW)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert written.read_bytes() == old
    assert [file.name for file in written.parent.iterdir()] == [written.name]


def test_the_file_is_synced_before_it_has_its_name_and_the_folder_after(tmp_path, monkeypatch):
    seen = []

    def fsync(descriptor):
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        seen.append((kind, (tmp_path / "a").exists()))

    monkeypatch.setattr(checkpoint_file.os, "fsync", fsync)
    checkpoint_file.replace(tmp_path / "a", b"content")
    assert seen[0] == ("file", False)
    assert seen[1:] in ([("folder", True)], [])  # Windows has no folders to sync


def test_a_link_stays_a_link(tmp_path):
    params = {"w": np.ones(1)}
    (tmp_path / "link").symlink_to(tmp_path / "run")
    wdref.save(tmp_path / "link", params, ADAMW.init(params), optimizer=ADAMW)
    assert (tmp_path / "link").is_symlink()
    assert not (tmp_path / "run").is_symlink()
    wdref.load(tmp_path / "run", optimizer=ADAMW)


def test_the_part_of_a_living_writer_is_left_alone(tmp_path):
    fcntl = pytest.importorskip("fcntl", reason="locks of POSIX")
    living, dead = (tmp_path / f".a.{digit * 12}.part" for digit in "01")
    dead.write_bytes(b"left by a kill")
    other = tmp_path / ".ab.000000000000.part"
    other.write_bytes(b"of another file")
    with living.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        checkpoint_file.replace(tmp_path / "a", b"content")
    assert sorted(x.name for x in tmp_path.iterdir()) == sorted([living.name, other.name, "a"])
