"""NumPy's own backend: numba's loop where numba is installed, blocks otherwise. The same bits."""

from wdref.backend import Backend
from wdref.common.optional import optional

backend: Backend
if optional("numba") is None:  # the extra `fast`
    from .numpy import backend
else:
    from .numba.backend import backend

__all__ = ["backend"]
