"""Where it is measured: processor, threads, versions, load."""

import os
import platform
import re
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

PACKAGES = ("wdref", "numpy", "numba", "torch", "jax", "jaxlib", "optax", "thinc", "ml_dtypes",
            "cupy-cuda13x")  # fmt: skip
BUSY = 0.5  # load a core above which other work disturbs the figures


def machine(device: str | None) -> dict[str, Any]:
    """Describe the machine as it is before the run; `device` is a GPU's name."""
    cores = os.cpu_count() or 1
    load = psutil.getloadavg()[0]
    found = {
        "date": datetime.now(UTC).date().isoformat(),
        "cpu": _cpu(), "cores": cores, "threads": cores, "gpu": device,
        "memory_bytes": psutil.virtual_memory().total, "system": platform.system(),
        "python": platform.python_version(), "versions": _versions(), "load": load,
    }  # fmt: skip
    return {**found, "warning": warning(load, cores)}


def warning(load: float, cores: int) -> str | None:
    """Say that others are at work, or None.

    >>> warning(0.4, 2), warning(3.0, 2)
    (None, 'busy: the load was 3.0 on 2 cores before the run, the figures are not to be trusted')
    """
    if load <= BUSY * cores:
        return None
    return (
        f"busy: the load was {load:.1f} on {cores} cores before the run, the figures are not to "
        "be trusted"
    )


def _cpu() -> str:
    listed = Path("/proc/cpuinfo")
    if listed.exists():
        name = re.search(r"model name\s*:\s*(.+)", listed.read_text("utf-8"))
        if name:
            return name[1].strip()
    return platform.processor() or platform.machine() or sys.platform


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
