"""Fromage: a step as long as the tensor that it moves, and the tensor shrunk by as much."""

from .dialect import FromageDialect, FromageScalars, fromage_dialect
from .family import FAMILY
from .rule import fromage

__all__ = ["FAMILY", "FromageDialect", "FromageScalars", "fromage", "fromage_dialect"]
