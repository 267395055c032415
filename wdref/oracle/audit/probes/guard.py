"""What a copy's step may not touch: random numbers, stdout, and the user's warnings."""

import io
import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

import numpy as np

from ..record import AuditError


@contextmanager
def apart() -> Iterator[None]:
    """Keep what Python's and NumPy's random numbers are; what is printed or warned of is dropped.

    A copy that prints says nothing that the training has not said itself.
    """
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002  # users' own draws
    try:
        with redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)  # noqa: NPY002  # as it was


def stepped(who: str, step: Callable[[], Any]) -> Any:
    """Return what `step` returns; AuditError with its reason in one line."""
    try:
        return step()
    except Exception as error:
        raise AuditError(f"{who} cannot be stepped with zero gradients: {reason(error)}") from error


def reason(error: BaseException) -> str:
    """Say what went wrong in one line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
