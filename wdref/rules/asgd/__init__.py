"""ASGD: stochastic gradient descent at a rate that falls, and the average of its iterates."""

from .dialect import AsgdDialect, AsgdScalars, asgd_dialect
from .family import FAMILY
from .rule import asgd

__all__ = ["FAMILY", "AsgdDialect", "AsgdScalars", "asgd", "asgd_dialect"]
