"""Prodigy: Adam whose rate is an estimate of how far it has to go."""

from .dialect import ProdigyDialect, ProdigyScalars, prodigy_dialect
from .family import FAMILY
from .rule import prodigy

__all__ = ["FAMILY", "ProdigyDialect", "ProdigyScalars", "prodigy", "prodigy_dialect"]
