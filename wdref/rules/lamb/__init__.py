"""LAMB: Adam's direction, made as long as the tensor that it moves."""

from .dialect import LambDialect, LambScalars, lamb_dialect
from .family import FAMILY
from .rule import lamb

__all__ = ["FAMILY", "LambDialect", "LambScalars", "lamb", "lamb_dialect"]
