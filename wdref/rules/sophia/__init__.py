"""Sophia: a clipped step by the curvature, whose estimate is given beside the gradient."""

from .dialect import SophiaDialect, SophiaScalars, sophia_dialect
from .family import FAMILY
from .rule import sophia

__all__ = ["FAMILY", "SophiaDialect", "SophiaScalars", "sophia", "sophia_dialect"]
