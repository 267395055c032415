"""MARS: moments of a gradient that is corrected by its change since the step before."""

from .dialect import MarsDialect, MarsScalars, mars_dialect
from .family import FAMILY
from .rule import mars

__all__ = ["FAMILY", "MarsDialect", "MarsScalars", "mars", "mars_dialect"]
