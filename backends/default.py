"""NumPy's own backend: numba's loop where numba is installed, blocks otherwise. The same bits."""

from wdref.backend import Backend

backend: Backend
try:
    from .numba import backend
except ModuleNotFoundError as missing:  # the extra `fast`
    if missing.name not in ("llvmlite", "numba", "platformdirs"):
        raise
    from .numpy import backend

__all__ = ["backend"]
