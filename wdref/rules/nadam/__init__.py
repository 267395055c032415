"""NAdam: Dozat's Algorithm 2 and its dialects."""

from .dialect import NadamDialect, NadamScalars, nadam_dialect
from .family import FAMILY
from .rule import nadam

__all__ = ["FAMILY", "NadamDialect", "NadamScalars", "nadam", "nadam_dialect"]
