"""Whether an optional library is there: asked of that library itself, of nothing beside it."""

import warnings
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType


def installed(module: str, /) -> bool:
    """Say whether `module` is installed, without an import of it.

    A mere folder of that name, which Python would take for a namespace, is not.

    >>> installed("numpy"), installed("no_such_library")
    (True, False)
    """
    spec = find_spec(module)
    return spec is not None and spec.origin is not None


def optional(module: str, /) -> ModuleType | None:
    """Import `module`, or return None where it is missing.

    One that is installed and cannot be imported (numba refuses a NumPy newer than itself) counts as
    missing, with a RuntimeWarning that says why.

    >>> optional("no_such_library") is None
    True
    """
    if not installed(module):
        return None
    try:
        return import_module(module)
    except ImportError as error:
        note = f"{module} is installed and cannot be imported, so that wdref goes without: {error}"
        warnings.warn(note, RuntimeWarning, stacklevel=2)
        return None
