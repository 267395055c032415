"""The user's cache folder, where compiled code outlives the process that made it."""

from pathlib import Path

from wdref.common.optional import optional


def cache_folder() -> Path:
    """Return wdref's folder (``~/.cache/wdref`` on Linux); OSError where there is no place.

    platformdirs, of the extras ``fast`` and ``cupy``, knows it: who has numba or CuPy without it
    compiles in each process.
    """
    platformdirs = optional("platformdirs")
    if platformdirs is None:
        raise OSError("no platformdirs to say where the user's cache is")
    try:
        folder: Path = platformdirs.user_cache_path("wdref", appauthor=False)
    except RuntimeError as error:  # no home
        raise OSError(str(error)) from error
    return folder
