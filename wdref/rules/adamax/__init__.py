"""Adamax: Algorithm 2 of Kingma & Ba (2015), and its dialects."""

from .dialect import AdamaxDialect, AdamaxScalars, adamax_dialect
from .family import FAMILY
from .rule import adamax

__all__ = ["FAMILY", "AdamaxDialect", "AdamaxScalars", "adamax", "adamax_dialect"]
