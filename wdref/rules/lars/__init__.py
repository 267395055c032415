"""LARS: SGD with momentum, whose rate is each tensor's own."""

from .dialect import LarsDialect, LarsScalars, lars_dialect
from .family import FAMILY
from .rule import lars

__all__ = ["FAMILY", "LarsDialect", "LarsScalars", "lars", "lars_dialect"]
