"""Compiled kernels on disk: kept, never trusted blindly, never needed."""

import os
import sys

import pytest

from wdref.backends.cuda import cubins

pytest.importorskip("platformdirs", reason="the extra `cupy` installs it")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: tmp_path)
    return tmp_path / "cubins"


class Compiler:
    def __init__(self):
        self.calls = 0

    def __call__(self):
        self.calls += 1
        return b"\x7fELF cubin"


def files(folder):
    return sorted(folder.iterdir())


def test_a_key_is_compiled_once(folder):
    compiler = Compiler()
    assert {cubins.cached("key", compiler) for _ in range(3)} == {b"\x7fELF cubin"}
    assert compiler.calls == 1
    cubins.cached("another key", compiler)
    assert (compiler.calls, len(files(folder))) == (2, 2)


@pytest.mark.parametrize("damage", [b"", b"short", b"\0" * 100])
def test_a_damaged_file_is_made_again(damage, folder):
    compiler = Compiler()
    cubins.cached("key", compiler)
    (file,) = files(folder)
    file.write_bytes(damage)
    assert cubins.cached("key", compiler) == b"\x7fELF cubin"
    assert cubins.cached("key", compiler) == b"\x7fELF cubin"
    assert compiler.calls == 2


def test_a_flipped_bit_is_noticed(folder):
    cubins.cached("key", Compiler())
    (file,) = files(folder)
    held = bytearray(file.read_bytes())
    held[-1] ^= 1
    file.write_bytes(held)
    assert cubins.cached("key", Compiler()) == b"\x7fELF cubin"


def test_a_folder_that_cannot_be_made_is_no_error(folder):
    folder.write_text("a file where the folder would be")
    assert cubins.cached("key", Compiler()) == b"\x7fELF cubin"


def test_a_file_that_cannot_be_read_is_no_error(folder):
    cubins.cached("key", Compiler())
    (file,) = files(folder)
    file.unlink()
    file.mkdir()  # unreadable and unwritable, for root too
    assert cubins.cached("key", Compiler()) == b"\x7fELF cubin"


def test_a_write_that_fails_leaves_nothing(folder, monkeypatch):
    def full(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fdopen", full)
    assert cubins.cached("key", Compiler()) == b"\x7fELF cubin"
    assert files(folder) == []


def test_no_home_is_no_error(monkeypatch):
    def homeless(*_, **__):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr("platformdirs.user_cache_path", homeless)
    assert cubins.cached("key", Compiler()) == b"\x7fELF cubin"


def test_no_platformdirs_is_no_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "platformdirs", None)
    assert cubins.cached("key", Compiler()) == b"\x7fELF cubin"
