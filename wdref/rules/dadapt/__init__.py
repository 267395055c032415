"""D-Adaptation of Adam: the learning rate is an estimate of how far there is to go."""

from .dialect import DAdaptDialect, DAdaptScalars, dadapt_dialect
from .family import FAMILY
from .rule import dadapt

__all__ = ["FAMILY", "DAdaptDialect", "DAdaptScalars", "dadapt", "dadapt_dialect"]
