"""Adagrad: Duchi, Hazan & Singer's diagonal update and its dialects."""

from .dialect import AdagradDialect, AdagradScalars, adagrad_dialect
from .family import FAMILY
from .rule import adagrad

__all__ = ["FAMILY", "AdagradDialect", "AdagradScalars", "adagrad", "adagrad_dialect"]
