"""Subnormal numbers as zeros while networks train.

A weight that decays and has no gradient ends below 10⁻³⁸, where a processor takes many times as
long for every operation; deep learning on GPUs flushes such numbers, and so does this.
"""

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .compiled import compiled_module


@contextmanager
def flushed() -> Iterator[bool]:
    """Take subnormal numbers as zeros, in this thread; True where that is possible.

    It is on x86 with numba installed. Elsewhere they are computed with, and slowly.

    >>> import numpy as np
    >>> tiny = np.float32(1e-20)
    >>> with flushed() as possible:
    ...     bool((tiny * tiny == 0) == possible)
    True
    >>> bool(tiny * tiny == 0)
    False
    """
    register = _register()
    if register is None:
        yield False
        return
    before = register.read()
    register.write(before | register.FLUSH)
    try:
        yield True
    finally:
        register.write(before)


def _register() -> Any:
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return None
    return compiled_module("mxcsr")
