"""Compiled kernels on disk: a second process compiles nothing.

They are in ``cubins`` of the user's cache folder. A file is its own digest and the cubin, written
whole or not at all. What cannot be read, written or trusted is compiled again; that is no error.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from ..cache_folder import cache_folder

DIGEST = 32  # bytes of SHA-256


def cached(key: str, make: Callable[[], bytes]) -> bytes:
    """Return the cubin kept under `key`, made and kept now if there is none."""
    name = hashlib.sha256(key.encode()).hexdigest()
    try:
        path = cache_folder() / "cubins" / name
        found = _read(path)
    except OSError:  # no place, or unreadable
        return make()
    if found is None:
        found = make()
        _write(path, found)
    return found


def _read(path: Path) -> bytes | None:
    if not path.is_file():
        return None
    held = path.read_bytes()
    digest, cubin = held[:DIGEST], held[DIGEST:]
    return cubin if hashlib.sha256(cubin).digest() == digest else None


def _write(path: Path, cubin: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, made = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(hashlib.sha256(cubin).digest() + cubin)
            Path(made).replace(path)
        except OSError:
            Path(made).unlink(missing_ok=True)
    except OSError:
        return
