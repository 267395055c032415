"""Adam: Algorithm 2 and its dialects."""

from .dialect import AdamDialect, AdamScalars, adam_dialect
from .family import FAMILY
from .rule import adam

__all__ = ["FAMILY", "AdamDialect", "AdamScalars", "adam", "adam_dialect"]
