"""The file of a checkpoint: safetensors, whole or not there, refused unless all is as written.

A file is written beside its place, forced to the disk and renamed, so that whoever looks finds the
old or the new one. Its metadata hold one JSON document and the SHA-256 of document and tensors.
"""

import contextlib
import errno
import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # asked for below

FORMAT = 1
DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
HELD = {"float64": "<f8", "float32": "<f4", "float16": "<f2", "bfloat16": "<u2"}  # as NumPy has it

Tensors = dict[str, tuple[str, NDArray[Any]]]  # name: dtype, and values as of `HELD`


class CheckpointError(ValueError):
    """The file is no checkpoint, not whole, or not of this optimizer; nothing was loaded."""


def safetensors() -> Any:
    """Return the library, or say what to install."""
    try:
        import safetensors
    except ModuleNotFoundError as missing:
        raise ImportError(
            "checkpoints need safetensors: pip install 'wdref[checkpoint]'"
        ) from missing
    return safetensors


# -- writing ------------------------------------------------------------------------------------


def write(path: str | os.PathLike[str], document: Mapping[str, Any], tensors: Tensors) -> None:
    """Write a checkpoint; an error or a crash leaves what was at `path`."""
    library = safetensors()
    text = json.dumps(document, ensure_ascii=True, separators=(",", ":"))
    specs = {
        name: library.TensorSpec(
            dtype=dtype, shape=x.shape, data_ptr=x.ctypes.data, data_len=x.nbytes
        )
        for name, (dtype, x) in tensors.items()
    }
    try:
        data = library.serialize(
            specs,
            {"wdref": text, "wdref_sha256": digest(text, tensors), "wdref_format": str(FORMAT)},
        )
    except UnicodeEncodeError as error:
        raise ValueError(f"params: a key that is no text cannot be saved: {error}") from None
    replace(Path(os.path.realpath(path)), data)  # a link stays one


def digest(text: str, tensors: Tensors) -> str:
    """SHA-256 of the document and, in the order of their names, of all tensors."""
    found = hashlib.sha256(text.encode())
    for name, (dtype, x) in sorted(tensors.items()):
        found.update(json.dumps([name, dtype, x.shape]).encode())
        found.update(np.ascontiguousarray(x).data.cast("B") if x.size else b"")
    return found.hexdigest()


def replace(path: Path, data: bytes) -> None:
    """Put `data` in the place of the file `path`: written beside it, synced, renamed."""
    remove_leftovers(path)
    with _part(path) as (part, file):
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
        part.replace(path)
    if hasattr(os, "O_DIRECTORY"):  # else the name could be lost with the power
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextlib.contextmanager
def _part(path: Path) -> Iterator[tuple[Path, IO[bytes]]]:
    """Open a new file beside `path`, locked as long as it is written, removed after an error."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")
    with part.open("xb") as file:
        try:
            _lock(file)
            if not part.exists():  # taken for a leftover before it was locked
                raise FileNotFoundError(
                    errno.ENOENT, "removed by another writer, try again", str(part)
                )
            yield part, file
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def remove_leftovers(path: Path) -> None:
    """Remove the parts whose writers were killed: nobody holds their locks."""
    if fcntl is None:
        return
    for part in path.parent.glob(f".{_escaped(path.name)}.{'[0-9a-f]' * 12}.part"):
        # one that just goes, or belongs to another user, is not ours to remove
        with contextlib.suppress(OSError), part.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            part.unlink()


def _escaped(name: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


def _lock(file: IO[bytes]) -> None:
    if fcntl is None:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
    except OSError as error:  # a file system without locks has no leftovers removed either
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL):
            raise


# -- reading ------------------------------------------------------------------------------------


def read(path: str | os.PathLike[str]) -> tuple[dict[str, Any], Tensors]:
    """Return document and tensors of a checkpoint, or raise CheckpointError; OSError as `open`."""
    library = safetensors()
    data = Path(path).read_bytes()
    try:
        found = library.deserialize(data)
    except library.SafetensorError as error:
        raise CheckpointError(
            f"{path}: no safetensors file, or not whole: {_reason(error)}"
        ) from None
    metadata = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")]).get("__metadata__", {})
    if not {"wdref", "wdref_sha256", "wdref_format"} <= set(metadata):
        raise CheckpointError(f"{path}: a safetensors file, but no checkpoint of wdref")
    if metadata["wdref_format"] != str(FORMAT):
        raise CheckpointError(
            f"{path}: a checkpoint of format {metadata['wdref_format']}, this wdref reads {FORMAT}"
        )
    tensors = {name: _tensor(path, name, own) for name, own in found}
    text = metadata["wdref"]
    if digest(text, tensors) != metadata["wdref_sha256"]:
        raise CheckpointError(f"{path}: changed since it was written: its checksum does not fit")
    return _parsed(path, text), tensors


def _reason(error: Exception) -> str:
    return " ".join(str(error).removeprefix("Error while deserializing: ").split())


def _tensor(path: Any, name: str, found: Mapping[str, Any]) -> tuple[str, NDArray[Any]]:
    dtype = DTYPES.get(found["dtype"])
    if dtype is None:
        raise CheckpointError(
            f"{path}: {name} has dtype {found['dtype']}, which wdref never writes"
        )
    return dtype, np.frombuffer(found["data"], HELD[dtype]).reshape(found["shape"])


def _parsed(path: Any, text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise CheckpointError(f"{path}: its document is no JSON object")
    return document
