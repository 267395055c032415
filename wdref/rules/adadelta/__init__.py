"""Adadelta: Algorithm 1 of Zeiler (2012), and its dialects."""

from .dialect import AdadeltaDialect, AdadeltaScalars, adadelta_dialect
from .family import FAMILY
from .rule import adadelta

__all__ = ["FAMILY", "AdadeltaDialect", "AdadeltaScalars", "adadelta", "adadelta_dialect"]
