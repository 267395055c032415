"""SGD with momentum: Algorithm 1 and its dialects."""

from .dialect import MomentumDialect, MomentumScalars, sgd_dialect
from .family import FAMILY
from .rule import sgd

__all__ = ["FAMILY", "MomentumDialect", "MomentumScalars", "sgd", "sgd_dialect"]
