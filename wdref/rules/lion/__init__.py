"""The sign rules: Lion, Tiger, Signum and SignSGD, as answers of one dialect."""

from .dialect import LionDialect, LionScalars, lion_dialect
from .family import FAMILY
from .rule import lion

__all__ = ["FAMILY", "LionDialect", "LionScalars", "lion", "lion_dialect"]
