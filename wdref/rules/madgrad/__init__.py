"""MADGRAD: dual averaging with momentum, divided by the cube root of a sum of squares."""

from .dialect import MadgradDialect, MadgradScalars, madgrad_dialect
from .family import FAMILY
from .rule import madgrad

__all__ = ["FAMILY", "MadgradDialect", "MadgradScalars", "madgrad", "madgrad_dialect"]
