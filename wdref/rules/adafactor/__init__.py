"""Adafactor: second moments of a matrix kept as those of its rows and its columns."""

from .dialect import AdafactorDialect, AdafactorScalars, adafactor_dialect
from .family import FAMILY
from .rule import adafactor

__all__ = ["FAMILY", "AdafactorDialect", "AdafactorScalars", "adafactor", "adafactor_dialect"]
