"""Landscapes over learning rate and weight decay: the paper's Figures 1 to 4, and what they show.

Stands on the sweeps. Nothing imports it but figures.
"""

from .landscape import jobs, landscape, method

__all__ = ["jobs", "landscape", "method"]
