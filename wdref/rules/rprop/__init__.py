"""Rprop: a step size for each coordinate, and nothing of the gradient but its sign."""

from .dialect import RpropDialect, RpropScalars, rprop_dialect
from .family import FAMILY
from .rule import rprop

__all__ = ["FAMILY", "RpropDialect", "RpropScalars", "rprop", "rprop_dialect"]
