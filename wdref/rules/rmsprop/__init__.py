"""RMSprop: Hinton's division by a running root mean square, Graves' recurrence, its dialects."""

from .dialect import RMSpropDialect, RMSpropScalars, rmsprop_dialect
from .family import FAMILY
from .rule import rmsprop

__all__ = ["FAMILY", "RMSpropDialect", "RMSpropScalars", "rmsprop", "rmsprop_dialect"]
