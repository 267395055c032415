"""RAdam: Liu et al.'s Algorithm 2 and its dialects."""

from .dialect import RadamDialect, RadamScalars, radam_dialect
from .family import FAMILY
from .rule import radam

__all__ = ["FAMILY", "RadamDialect", "RadamScalars", "radam", "radam_dialect"]
