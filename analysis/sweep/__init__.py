"""Sweeps: a grid of settings trained at once, in jobs whose results are kept on disk.

Stands on the problems. Landscapes may import it.
"""

from .job import Job

__all__ = ["Job"]
