"""Results on disk: a netCDF file a job, found by the job's content, written whole or not at all."""

import hashlib
import io
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from wdref.common.whole import whole

if TYPE_CHECKING:
    import xarray

    from .sweep import Job

FORMAT = 1  # raised when a job computes other numbers, or its dataset has another form
MARK, BLANK = "sha256:", "0" * 64
EXACT = {"seed": np.int64, "time": np.int64, "diverged": np.bool_}  # netCDF 3 has neither


class StorageError(Exception):
    """A result that cannot be read; the message says which and what to do."""


class Store:
    """Results of jobs in a folder, which is made when it is missing.

    A file is named by its job's content and the format's version, so that a result is found again
    by whoever asks for the same job, and never by one who asks for another.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, job: "Job") -> Path:
        """Return where the result of `job` is, or will be."""
        return located(self.folder, job)

    def load(self, job: "Job") -> "xarray.Dataset | None":
        """Return the result of `job`, or None where there is none; StorageError if unreadable."""
        path = self.path(job)
        return read(path) if path.exists() else None

    def save(self, job: "Job", result: "xarray.Dataset") -> None:
        """Write a result under a temporary name and rename it. Raises OSError, nothing is left."""
        write(result, self.path(job))

    def set_aside(self, job: "Job") -> Path:
        """Rename the unreadable result of `job`, so that it is kept and another can be written."""
        path = self.path(job)
        return path.replace(path.with_suffix(".damaged"))

    def of_other_formats(self) -> list[Path]:
        """Return the results that another version of wdref wrote; they are never touched."""
        return sorted(path for path in self.folder.glob("*-v*-*.nc")
                      if f"-v{FORMAT}-" not in path.name)  # fmt: skip


def located(folder: Path, job: "Job") -> Path:
    """Return where in `folder` the result of `job` is, or will be."""
    text = json.dumps(asdict(job), sort_keys=True)
    digest = hashlib.sha256(f"{FORMAT} {text}".encode()).hexdigest()[:16]
    return folder / f"{job.problem}-{job.optimizer}-{job.form}-v{FORMAT}-{digest}.nc"


def write(result: "xarray.Dataset", path: Path) -> None:
    """Write netCDF 3, which needs SciPy alone, with a digest of the file's every other byte."""
    marked = result.assign_attrs(format=FORMAT, digest=MARK + BLANK)
    content = bytes(marked.to_netcdf(engine="scipy"))
    content = content.replace((MARK + BLANK).encode(), MARK.encode() + _digest(content), 1)
    with whole(path) as part, part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def read(path: Path) -> "xarray.Dataset":
    """Return the dataset in `path`, with the dtypes it had; StorageError says what is wrong."""
    import xarray

    content = path.read_bytes()
    before, mark, after = content.partition(MARK.encode())
    size = len(BLANK)
    if not mark:
        raise StorageError(f"{path}: damaged, or no result of wdref's")
    if after[:size] != _digest(before + mark + BLANK.encode() + after[size:]):
        raise StorageError(f"{path}: damaged, its bytes are not those that were written")
    found = xarray.load_dataset(io.BytesIO(content), engine="scipy")
    form = found.attrs.pop("format")
    if form != FORMAT:
        raise StorageError(f"{path}: a result of format {form}, this version reads {FORMAT}")
    del found.attrs["digest"]
    for name, dtype in EXACT.items():
        if name in found.variables:
            found[name] = found[name].astype(dtype)
    return found


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()
