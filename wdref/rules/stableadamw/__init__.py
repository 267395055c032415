"""StableAdamW: AdamW whose step is shortened where its gradients outgrow their second moment."""

from .dialect import StableDialect, StableScalars, stable_dialect
from .family import FAMILY
from .rule import stableadamw

__all__ = ["FAMILY", "StableDialect", "StableScalars", "stable_dialect", "stableadamw"]
