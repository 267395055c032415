"""Cautious optimizers and Grams: no coordinate is stepped against its gradient."""

from .dialect import CautiousDialect, CautiousScalars, cautious_dialect, grams_dialect
from .family import FAMILY
from .grams import grams
from .rule import cautious

__all__ = ["FAMILY", "CautiousDialect", "CautiousScalars", "cautious", "cautious_dialect", "grams",
           "grams_dialect"]  # fmt: skip
